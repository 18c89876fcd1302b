// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/utf8.h"

#include "manifest/lookalike.h"

namespace parker {
namespace {

constexpr std::size_t max_cited = 80;

unsigned char byte(std::string_view text, std::size_t at)
{
    return static_cast<unsigned char>(text[at]);
}

bool is_control(std::string_view character)
{
    const auto first = byte(character, 0);
    if (character.size() == 1)
        return first < 0x20 || first == 0x7f;
    return first == 0xc2 && byte(character, 1) < 0xa0; // C1: some terminals obey these too
}

} // namespace

std::size_t utf8_length(std::string_view text)
{
    if (text.empty())
        return 0;
    const auto first = byte(text, 0);
    if (first < 0x80)
        return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length)
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(text, i) & 0xc0) != 0x80)
            return 0;
    const auto second = byte(text, 1);
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool surrogate = first == 0xed && second >= 0xa0;
    const bool beyond = first == 0xf4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

char32_t code_of(std::string_view character)
{
    constexpr unsigned char head[] = {0x7f, 0x1f, 0x0f, 0x07}; // the bits of the first byte that count
    char32_t code = byte(character, 0) & head[character.size() - 1];
    for (std::size_t i = 1; i < character.size(); ++i)
        code = code << 6 | (byte(character, i) & 0x3fU);
    return code;
}

std::string printable(std::string_view text)
{
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const auto length = utf8_length(text);
        const auto character = text.substr(0, length == 0 ? 1 : length);
        if (character == "\t" || (length != 0 && !is_control(character)))
            result += character;
        else
            result.append(character.size(), '?');
        text.remove_prefix(character.size());
    }
    return result;
}

std::string cited(std::string_view text)
{
    std::string cut{text.substr(0, max_cited)};
    if (text.size() > max_cited) {
        // Not in the middle of a character.
        while (!cut.empty() && (static_cast<unsigned char>(text[cut.size()]) & 0xc0) == 0x80)
            cut.pop_back();
        cut += "...";
    }
    for (auto& character : cut)
        if (character == '\t')
            character = ' ';
    return '`' + printable(visible(cut)) + '`';
}

std::string behind_colon(std::string_view text, bool quotes)
{
    if (text.size() > max_cited)
        return {};
    const auto* quote = quotes ? "\"" : "";
    return std::string{": "} + quote + printable(text) + quote;
}

} // namespace parker
