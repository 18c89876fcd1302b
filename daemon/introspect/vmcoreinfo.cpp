// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/vmcoreinfo.h"

#include <algorithm>
#include <charconv>

namespace parker::introspect {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text, int base)
{
    T value = 0;
    const auto* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc{} || stopped != end)
        return std::nullopt;
    return value;
}

bool is_text(char c)
{
    return c == '\n' || (c >= ' ' && c <= '~');
}

} // namespace

std::optional<Vmcoreinfo> Vmcoreinfo::parse(std::string_view text)
{
    if (text.size() > most_bytes || !std::ranges::all_of(text, is_text))
        return std::nullopt;
    Vmcoreinfo info;
    info.text_ = text;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.empty())
            continue;
        const auto equals = line.find('=');
        if (equals == std::string_view::npos)
            return std::nullopt;
        info.values_.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    if (info.release().empty() || info.value("PAGESIZE") != "4096")
        return std::nullopt;
    return info;
}

std::string Vmcoreinfo::build_id() const
{
    const auto id = value("BUILD-ID");
    const auto is_hexadecimal = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return id.size() <= 64 && std::ranges::all_of(id, is_hexadecimal) ? id : std::string{};
}

std::string Vmcoreinfo::value(std::string_view key) const
{
    const auto found = values_.find(key);
    return found == values_.end() ? std::string{} : found->second;
}

std::optional<std::uint32_t> Vmcoreinfo::small(std::string_view kind, std::string_view name) const
{
    return parse_number<std::uint32_t>(value(std::string{kind} + '(' + std::string{name} + ')'), 10);
}

std::optional<std::uint64_t> Vmcoreinfo::symbol(std::string_view name) const
{
    return hexadecimal("SYMBOL(" + std::string{name} + ')');
}

std::optional<std::uint32_t> Vmcoreinfo::size(std::string_view type) const
{
    return small("SIZE", type);
}

std::optional<std::uint32_t> Vmcoreinfo::offset(std::string_view member) const
{
    return small("OFFSET", member);
}

std::optional<std::uint32_t> Vmcoreinfo::length(std::string_view array) const
{
    return small("LENGTH", array);
}

std::optional<std::int64_t> Vmcoreinfo::number(std::string_view name) const
{
    return parse_number<std::int64_t>(value("NUMBER(" + std::string{name} + ')'), 10);
}

std::optional<std::uint64_t> Vmcoreinfo::hexadecimal(std::string_view key) const
{
    return parse_number<std::uint64_t>(value(key), 16);
}

} // namespace parker::introspect
