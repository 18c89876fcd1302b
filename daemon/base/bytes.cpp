// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/bytes.h"

#include <array>
#include <charconv>
#include <utility>

namespace parker {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> units{{
    {"TiB", 1024 * GiB},
    {"GiB", GiB},
    {"MiB", MiB},
    {"KiB", KiB},
}};
constexpr std::uint64_t most = std::uint64_t{1} << 52;

} // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text)
{
    for (const auto& [name, unit] : units) {
        if (!text.ends_with(name))
            continue;
        auto digits = text.substr(0, text.size() - name.size());
        if (digits.ends_with(' '))
            digits.remove_suffix(1);

        // Exact decimal arithmetic: a fraction must come to whole bytes.
        const auto dot = digits.find('.');
        const auto whole_text = digits.substr(0, dot);
        const auto fraction_text = dot == std::string_view::npos ? std::string_view{} : digits.substr(dot + 1);
        if (whole_text.empty() || (dot != std::string_view::npos && fraction_text.empty()) || fraction_text.size() > 6)
            return std::nullopt;
        std::uint64_t whole = 0;
        std::uint64_t fraction = 0;
        const auto parse = [](std::string_view from, std::uint64_t& into) {
            const auto [stop, error] = std::from_chars(from.data(), from.data() + from.size(), into);
            return error == std::errc{} && stop == from.data() + from.size();
        };
        if (!parse(whole_text, whole) || (!fraction_text.empty() && !parse(fraction_text, fraction)))
            return std::nullopt;
        std::uint64_t scale = 1;
        for (std::size_t i = 0; i < fraction_text.size(); ++i)
            scale *= 10;
        if (whole > most / unit)
            return std::nullopt;
        // fraction < 10^6 and unit <= 2^40: the product stays below 2^60.
        if (fraction * unit % scale != 0)
            return std::nullopt;
        const auto bytes = whole * unit + fraction * unit / scale;
        return bytes <= most ? std::optional{bytes} : std::nullopt;
    }
    return std::nullopt;
}

std::string format_bytes(std::uint64_t bytes)
{
    for (const auto& [name, unit] : units) {
        if (bytes < unit)
            continue;
        const auto hundredths = (bytes % unit * 100 + unit / 2) / unit;
        auto text = std::to_string(bytes / unit + hundredths / 100);
        if (const auto rest = hundredths % 100; rest != 0) {
            text += '.';
            text += std::to_string(rest / 10);
            if (rest % 10 != 0)
                text += std::to_string(rest % 10);
        }
        return text.append(name);
    }
    return std::to_string(bytes) + "B";
}

} // namespace parker
