// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace parker::text {

inline std::string_view trim(std::string_view text)
{
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// For a terminal, which control characters could do anything to.
inline std::string printable(std::string_view text)
{
    std::string result{text};
    std::ranges::replace_if(
        result, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, '?');
    return result;
}

// The whole of `text` as a number, without a sign unless T has one. Base 16 may have its "0x".
template <std::integral T>
std::optional<T> number(std::string_view text, int base = 10)
{
    if (base == 16 && text.starts_with("0x"))
        text.remove_prefix(2);
    T value{};
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, base);
    if (error != std::errc{} || stop != end)
        return std::nullopt;
    return value;
}

// What stands before the next `separator` is taken off the front of `text`, with the separator.
inline std::string_view take_until(std::string_view& text, char separator)
{
    const auto at = text.find(separator);
    const auto taken = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return taken;
}

inline std::string_view take_line(std::string_view& text)
{
    return take_until(text, '\n');
}

} // namespace parker::text
