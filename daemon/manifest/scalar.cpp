// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "manifest/tree.h"

namespace parker {
namespace {

bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

// Takes the digits off the front of `text`; how many there were.
std::size_t skip_digits(std::string_view& text)
{
    const auto* end = std::ranges::find_if_not(text, is_digit);
    const auto count = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(count);
    return count;
}

void skip_sign(std::string_view& text)
{
    if (text.starts_with('-') || text.starts_with('+'))
        text.remove_prefix(1);
}

// True if `text` is a whole number; `node` gets its value if it fits.
bool resolve_integer(std::string_view text, Node& node)
{
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0o")) {
        base = text[1] == 'x' ? 16 : 8;
        text.remove_prefix(2);
    } else if (text.starts_with('+')) {
        text.remove_prefix(1); // from_chars knows the minus alone
        if (text.starts_with('-'))
            return false;
    }
    if (base != 10 && text.starts_with('-'))
        return false;
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, base);
    if (error == std::errc::invalid_argument || stop != end)
        return false;
    if (error == std::errc{})
        node.integer = value;
    return true;
}

bool is_real(std::string_view text)
{
    skip_sign(text);
    if (text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" || text == ".NAN")
        return true;
    auto digits = skip_digits(text);
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        digits += skip_digits(text);
    }
    if (digits == 0)
        return false;
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        skip_sign(text);
        return skip_digits(text) != 0 && text.empty();
    }
    return text.empty();
}

} // namespace

void resolve_scalar(Node& node)
{
    const std::string_view text = node.text;
    if (text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" || text == "FALSE") {
        node.kind = Node::Kind::boolean;
        node.boolean = text[0] == 't' || text[0] == 'T';
    } else if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
        node.kind = Node::Kind::null;
    } else if (resolve_integer(text, node)) {
        node.kind = Node::Kind::integer;
    } else {
        node.kind = is_real(text) ? Node::Kind::real : Node::Kind::string;
    }
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text)
{
    constexpr std::uint64_t most = 24ULL * 60 * 60 * 1000;
    constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> units{
        {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}}};
    std::uint64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{})
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (text.starts_with(' '))
        text.remove_prefix(1);
    for (const auto& [name, milliseconds] : units)
        if (text == name && number <= most / milliseconds)
            return std::chrono::milliseconds{static_cast<std::int64_t>(number * milliseconds)};
    return std::nullopt;
}

} // namespace parker
