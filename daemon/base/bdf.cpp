// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/bdf.h"

#include <algorithm>
#include <charconv>

namespace parker {
namespace {

void put(std::string& text, unsigned value, unsigned digits)
{
    while (digits-- > 0)
        text += "0123456789abcdef"[value >> (4 * digits) & 0xf];
}

// Exactly `digits` hexadecimal digits and the separator behind them, taken off the front of `text`.
std::optional<unsigned> take(std::string_view& text, std::size_t digits, std::string_view separator)
{
    if (text.size() < digits + separator.size() || text.substr(digits, separator.size()) != separator)
        return std::nullopt;
    unsigned value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + digits, value, 16);
    if (error != std::errc{} || stop != text.data() + digits)
        return std::nullopt;
    text.remove_prefix(digits + separator.size());
    return value;
}

} // namespace

std::optional<Bdf> Bdf::parse(std::string_view text)
{
    constexpr std::size_t least_digits = 4;
    constexpr std::size_t most_digits = 8;
    const auto digits = std::clamp(text.find(':'), least_digits, most_digits);
    const auto colons = std::ranges::count(text, ':');
    const auto domain = colons == 2 ? take(text, digits, ":") : std::optional{0U};
    const auto bus = take(text, 2, ":");
    const auto device = take(text, 2, ".");
    const auto function = take(text, 1, "");
    if (!domain || !bus || !device || !function || !text.empty() || *device > 31 || *function > 7)
        return std::nullopt;
    return Bdf{*domain, static_cast<std::uint8_t>(*bus), static_cast<std::uint8_t>(*device),
               static_cast<std::uint8_t>(*function)};
}

std::string Bdf::to_string() const
{
    std::string text;
    unsigned digits = 4;
    while (digits < 8 && domain >> (4 * digits) != 0)
        ++digits;
    put(text, domain, digits);
    put(text += ':', bus, 2);
    put(text += ':', device, 2);
    put(text += '.', function, 1);
    return text;
}

} // namespace parker
