// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/kernel_line.h"

#include <algorithm>

namespace parker {
namespace {

bool is_space(char c) // isspace() of the kernel's lib/ctype.c
{
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= '\t' && byte <= '\r') || byte == ' ' || byte == 0xa0;
}

bool ends_early_word(char c)
{
    return static_cast<unsigned char>(c) <= ' ';
}

void skip_spaces(std::string_view line, std::size_t& at)
{
    while (at < line.size() && is_space(line[at]))
        ++at;
}

// Quotes as next_arg() drops them: one in front of the word, one in front of the value, and one at the end for both.
KernelWord to_word(std::string_view text)
{
    auto inner = text;
    bool quoted = inner.starts_with('"');
    if (quoted)
        inner.remove_prefix(1);
    const auto equals = inner.find('=', 1);
    KernelWord word{text, {}, {}, equals != std::string_view::npos};
    if (word.has_value && inner.substr(equals + 1).starts_with('"')) {
        quoted = true;
        word.value = inner.substr(equals + 2);
        // A value that is one quote alone has lost it already.
    } else if (word.has_value) {
        word.value = inner.substr(equals + 1);
    }
    word.name = inner.substr(0, equals);
    auto& last = word.has_value ? word.value : word.name;
    if (quoted && last.ends_with('"'))
        last.pop_back();
    return word;
}

// The next word, off the front; `at` stands on its first character.
std::string_view take_text(std::string_view line, std::size_t& at)
{
    const auto begin = at;
    bool in_quotes = false;
    for (; at < line.size() && (in_quotes || !is_space(line[at])); ++at)
        in_quotes ^= line[at] == '"';
    return line.substr(begin, at - begin);
}

template <typename Visit> // of a word's text; returns whether to go on
void each_word(std::string_view line, Visit visit)
{
    std::size_t at = 0;
    for (skip_spaces(line, at); at < line.size(); skip_spaces(line, at))
        if (const auto begin = at; !visit(begin, take_text(line, at)))
            break;
}

bool is_end(const KernelWord& word)
{
    return !word.has_value && word.name == "--";
}

} // namespace

std::vector<KernelWord> kernel_words(std::string_view line)
{
    std::vector<KernelWord> words;
    each_word(line, [&words](std::size_t, std::string_view text) {
        auto word = to_word(text);
        if (is_end(word))
            return false;
        std::ranges::replace(word.name, '-', '_');
        words.push_back(std::move(word));
        return true;
    });
    return words;
}

std::vector<KernelWord> early_words(std::string_view line)
{
    std::vector<KernelWord> words;
    for (std::size_t at = 0; at < line.size();) {
        const auto begin = at;
        while (at < line.size() && !ends_early_word(line[at]))
            ++at;
        if (const auto text = line.substr(begin, at - begin); !text.empty()) {
            const auto equals = text.find('=');
            const bool has_value = equals != std::string_view::npos;
            words.push_back({text, std::string{text.substr(0, equals)},
                             std::string{has_value ? text.substr(equals + 1) : std::string_view{}}, has_value});
        }
        ++at;
    }
    return words;
}

std::size_t kernel_part(std::string_view line)
{
    auto end = line.size();
    each_word(line, [&end](std::size_t begin, std::string_view text) {
        if (!is_end(to_word(text)))
            return true;
        end = begin;
        return false;
    });
    return end;
}

std::size_t init_words(std::string_view line)
{
    std::size_t count = 0;
    bool is_init = false;
    each_word(line, [&](std::size_t, std::string_view text) {
        count += is_init ? 1U : 0U;
        is_init = is_init || is_end(to_word(text));
        return true;
    });
    return count;
}

} // namespace parker
