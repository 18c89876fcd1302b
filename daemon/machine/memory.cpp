// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/memory.h"

#include <limits>
#include <optional>

#include "base/bytes.h"
#include "machine/text.h"

namespace parker {
namespace {

constexpr std::uint64_t most = std::uint64_t{1} << 52; // bytes that x86-64 can address

void add(std::uint64_t& sum, std::optional<std::uint64_t> count, std::uint64_t unit)
{
    if (count && *count <= most / unit && sum <= most - *count * unit)
        sum += *count * unit;
}

} // namespace

MemoryAmounts parse_meminfo(std::string_view text)
{
    MemoryAmounts amounts;
    while (!text.empty()) {
        auto line = text::trim(text::take_line(text));
        if (line.starts_with("Node ")) {
            line.remove_prefix(5);
            text::take_until(line, ' ');
        }
        const auto key = text::take_until(line, ':');
        line = text::trim(line);
        if (!line.ends_with(" kB"))
            continue;
        line.remove_suffix(3);
        const auto count = text::number<std::uint64_t>(line);
        if (key == "MemTotal")
            add(amounts.total_bytes, count, KiB);
        else if (key == "MemFree" || key == "Active(file)" || key == "Inactive(file)")
            add(amounts.free_bytes, count, KiB);
    }
    return amounts;
}

std::map<unsigned, std::uint64_t> parse_zoneinfo(std::string_view text)
{
    std::map<unsigned, std::uint64_t> present;
    std::optional<unsigned> node;
    while (!text.empty()) {
        auto line = text::trim(text::take_line(text));
        if (line.starts_with("Node ")) { // "Node 0, zone   Normal"
            line.remove_prefix(5);
            node = text::number<unsigned>(text::take_until(line, ','));
            if (line.ends_with(" Device")) // persistent and device memory: nobody's RAM
                node.reset();
        } else if (node && line.starts_with("present ")) {
            line.remove_prefix(8);
            add(present[*node], text::number<std::uint64_t>(text::trim(line)), page_bytes);
        }
    }
    return present;
}

} // namespace parker
