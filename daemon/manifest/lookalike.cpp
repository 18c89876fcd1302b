// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/lookalike.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "manifest/utf8.h"

namespace parker {
namespace {

constexpr std::size_t most_named = 3;

struct Range {
    char32_t first;
    char32_t last;
};

constexpr std::array invisible{
    Range{0xad, 0xad},     Range{0x34f, 0x34f},   Range{0x61c, 0x61c},     Range{0x115f, 0x1160},
    Range{0x17b4, 0x17b5}, Range{0x180b, 0x180f}, Range{0x200b, 0x200f},   Range{0x202a, 0x202e},
    Range{0x2060, 0x206f}, Range{0x3164, 0x3164}, Range{0xfe00, 0xfe0f},   Range{0xfeff, 0xfeff},
    Range{0xffa0, 0xffa0}, Range{0xfff9, 0xfffb}, Range{0x1d173, 0x1d17a}, Range{0xe0000, 0xe0fff}};
constexpr std::array spaces{Range{0x85, 0x85},     Range{0xa0, 0xa0},     Range{0x1680, 0x1680}, Range{0x2000, 0x200a},
                            Range{0x2028, 0x2029}, Range{0x202f, 0x202f}, Range{0x205f, 0x205f}, Range{0x3000, 0x3000}};

struct Pair {
    char32_t character;
    std::string_view like;
};

// Sorted by character.
constexpr auto pairs = std::to_array<Pair>(
    {{0xab, "\""},   {0xbb, "\""},   {0x131, "i"},  {0x251, "a"},    {0x2b9, "'"},  {0x37e, ";"},   {0x3bd, "v"},
     {0x3bf, "o"},   {0x405, "S"},   {0x406, "I"},  {0x408, "J"},    {0x410, "A"},  {0x412, "B"},   {0x415, "E"},
     {0x41a, "K"},   {0x41c, "M"},   {0x41d, "H"},  {0x41e, "O"},    {0x420, "P"},  {0x421, "C"},   {0x422, "T"},
     {0x425, "X"},   {0x430, "a"},   {0x435, "e"},  {0x43a, "k"},    {0x43c, "m"},  {0x43e, "o"},   {0x440, "p"},
     {0x441, "c"},   {0x442, "t"},   {0x443, "y"},  {0x445, "x"},    {0x455, "s"},  {0x456, "i"},   {0x458, "j"},
     {0x4bb, "h"},   {0x501, "d"},   {0x2010, "-"}, {0x2011, "-"},   {0x2012, "-"}, {0x2013, "-"},  {0x2014, "-"},
     {0x2015, "-"},  {0x2018, "'"},  {0x2019, "'"}, {0x201a, "'"},   {0x201b, "'"}, {0x201c, "\""}, {0x201d, "\""},
     {0x201e, "\""}, {0x201f, "\""}, {0x2024, "."}, {0x2026, "..."}, {0x2032, "'"}, {0x2033, "\""}, {0x2039, "'"},
     {0x203a, "'"},  {0x2044, "/"},  {0x2212, "-"}, {0x2215, "/"},   {0x2236, ":"}, {0x3001, ","},  {0x3002, "."},
     {0xa789, ":"},  {0xfe58, "-"},  {0xfe63, "-"}});

struct Name {
    char32_t character;
    std::string_view name;
};

constexpr auto names = std::to_array<Name>({{0x85, "next line"},
                                            {0xa0, "no-break space"},
                                            {0xad, "soft hyphen"},
                                            {0x200b, "zero-width space"},
                                            {0x200c, "zero-width non-joiner"},
                                            {0x200d, "zero-width joiner"},
                                            {0x200e, "left-to-right mark"},
                                            {0x200f, "right-to-left mark"},
                                            {0x2010, "hyphen"},
                                            {0x2011, "no-break hyphen"},
                                            {0x2013, "en dash"},
                                            {0x2014, "em dash"},
                                            {0x2018, "curly quote"},
                                            {0x2019, "curly quote"},
                                            {0x201c, "curly quote"},
                                            {0x201d, "curly quote"},
                                            {0x201e, "low quote"},
                                            {0x2028, "line separator"},
                                            {0x2029, "paragraph separator"},
                                            {0x202f, "narrow no-break space"},
                                            {0x2060, "word joiner"},
                                            {0x2212, "minus sign"},
                                            {0x3000, "ideographic space"},
                                            {0xfeff, "byte order mark"}});

template <std::size_t size>
bool is_in(const std::array<Range, size>& ranges, char32_t character)
{
    return std::ranges::any_of(
        ranges, [character](const Range& range) { return character >= range.first && character <= range.last; });
}

bool is_control(char32_t character)
{
    return character >= 0x80 && character < 0xa0;
}

std::string code_point(char32_t character)
{
    return fmt::format("U+{:04X}", static_cast<std::uint32_t>(character));
}

std::string named(char32_t character)
{
    const auto* row = std::ranges::find(names, character, &Name::character);
    const auto name = row != names.end()                          ? row->name
                      : is_invisible(character)                   ? std::string_view{"an invisible character"}
                      : is_odd_space(character)                   ? std::string_view{"a space of another kind"}
                      : character >= 0x370 && character < 0x400   ? std::string_view{"a Greek letter"}
                      : character >= 0x400 && character < 0x530   ? std::string_view{"a Cyrillic letter"}
                      : character >= 0xff01 && character < 0xff5f ? std::string_view{"a full-width character"}
                                                                  : std::string_view{};
    return name.empty() ? code_point(character) : fmt::format("{} ({})", code_point(character), name);
}

// What it looks like, if that is something else.
std::optional<std::string> likeness(char32_t character)
{
    if (is_invisible(character))
        return std::string{};
    if (is_odd_space(character))
        return " ";
    if (character >= 0xff01 && character < 0xff5f)
        return std::string(1, static_cast<char>(character - 0xff01 + '!'));
    const auto* row = std::ranges::lower_bound(pairs, character, {}, &Pair::character);
    if (row != pairs.end() && row->character == character)
        return std::string{row->like};
    return std::nullopt;
}

// Calls it with each character and its bytes; one byte, as U+FFFD, for what is no UTF-8.
template <typename Call>
void for_each_character(std::string_view text, Call call)
{
    while (!text.empty()) {
        const auto length = utf8_length(text);
        const auto bytes = text.substr(0, length == 0 ? 1 : length);
        call(length == 0 ? char32_t{0xfffd} : code_of(bytes), bytes);
        text.remove_prefix(bytes.size());
    }
}

} // namespace

bool is_invisible(char32_t character)
{
    return is_in(invisible, character) || (is_control(character) && !is_odd_space(character));
}

bool is_odd_space(char32_t character)
{
    return is_in(spaces, character);
}

char32_t first_character(std::string_view text)
{
    const auto length = utf8_length(text);
    return length == 0 ? char32_t{0xfffd} : code_of(text.substr(0, length));
}

std::string visible(std::string_view text)
{
    std::string result;
    for_each_character(text, [&result](char32_t character, std::string_view bytes) {
        if (is_invisible(character) || is_odd_space(character))
            result += '<' + code_point(character) + '>';
        else
            result += bytes;
    });
    return result;
}

std::string visible_in_place(std::string_view text)
{
    std::string result;
    for_each_character(text, [&result](char32_t character, std::string_view bytes) {
        if (!is_invisible(character) && !is_odd_space(character))
            result += bytes;
        else if (bytes.size() == 2)
            result += "\xc2\xb7"; // a middle dot
        else if (bytes.size() == 3)
            result += "\xef\xbf\xbd"; // the replacement character
        else
            result.append(bytes.size(), '?');
    });
    return result;
}

std::string look_alike(std::string_view text)
{
    std::string result;
    for_each_character(text, [&result](char32_t character, std::string_view bytes) {
        if (const auto like = likeness(character))
            result += *like;
        else
            result += bytes;
    });
    result.erase(result.find_last_not_of(' ') + 1);
    result.erase(0, result.find_first_not_of(' '));
    return result;
}

std::string odd_characters(std::string_view text)
{
    std::vector<char32_t> found;
    for_each_character(text, [&found](char32_t character, std::string_view) {
        if (found.size() < most_named && likeness(character) && std::ranges::find(found, character) == found.end())
            found.push_back(character);
    });
    std::string result;
    for (const auto character : found)
        result += (result.empty() ? "" : ", ") + named(character);
    return result;
}

std::string hidden_character(std::string_view text)
{
    std::string result;
    for_each_character(text, [&result](char32_t character, std::string_view) {
        if (result.empty() && (is_invisible(character) || is_odd_space(character)))
            result = named(character);
    });
    return result;
}

} // namespace parker
