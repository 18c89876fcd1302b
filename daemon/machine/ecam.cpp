// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/ecam.h"

#include <cstdint>
#include <numeric>

#include "base/little_endian.h"
#include "machine/text.h"

namespace parker {
namespace {

// ACPI 6.5, 5.2.6 (the header) and PCI Firmware Specification 3.3, table 4-2 and 4-3 (what follows it).
constexpr std::size_t table_header_bytes = 36;
constexpr std::size_t entries_at = table_header_bytes + 8; // eight reserved bytes
constexpr std::size_t entry_bytes = 16;
constexpr std::uint64_t address_limit = std::uint64_t{1} << 52;

bool is_usable(std::uint64_t start, unsigned first_bus, unsigned last_bus)
{
    return start != 0 && start % MiB == 0 && start < address_limit && first_bus <= last_bus && last_bus <= 0xff;
}

// "PCI MMCONFIG 0000 [bus 00-ff]" in 6.1, "PCI ECAM 0000 [bus 00-ff]" in 6.12: arch/x86/pci/mmconfig-shared.c.
std::optional<Machine::Ecam> parse_name(std::string_view name)
{
    if (name.starts_with("PCI MMCONFIG "))
        name.remove_prefix(13);
    else if (name.starts_with("PCI ECAM "))
        name.remove_prefix(9);
    else
        return std::nullopt;
    const auto domain = text::number<std::uint32_t>(text::take_until(name, ' '), 16);
    if (!name.starts_with("[bus ") || !name.ends_with(']'))
        return std::nullopt;
    name.remove_prefix(5);
    name.remove_suffix(1);
    const auto first = text::number<std::uint8_t>(text::take_until(name, '-'), 16);
    const auto last = text::number<std::uint8_t>(name, 16);
    if (!domain || !first || !last)
        return std::nullopt;
    return Machine::Ecam{*domain, *first, *last, 0};
}

} // namespace

std::optional<std::vector<Machine::Ecam>> parse_iomem_ecam(std::string_view iomem)
{
    std::vector<Machine::Ecam> areas;
    bool has_addresses = false;
    while (!iomem.empty()) {
        auto line = text::trim(text::take_line(iomem)); // "e0000000-efffffff : PCI MMCONFIG 0000 [bus 00-ff]"
        const auto start = text::number<std::uint64_t>(text::take_until(line, '-'), 16);
        const auto end = text::number<std::uint64_t>(text::take_until(line, ' '), 16);
        if (!start || !end || !line.starts_with(": "))
            continue;
        has_addresses = has_addresses || *end != 0;
        auto area = parse_name(line.substr(2));
        if (!area || !is_usable(*start, area->first_bus, area->last_bus))
            continue;
        area->start = *start;
        areas.push_back(*area);
    }
    return has_addresses ? std::optional{areas} : std::nullopt;
}

std::optional<std::vector<Machine::Ecam>> parse_mcfg(std::string_view table)
{
    if (table.size() < entries_at || !table.starts_with("MCFG") || get<std::uint32_t>(table, 4) != table.size())
        return std::nullopt;
    const auto sum = std::accumulate(table.begin(), table.end(), 0U, [](unsigned so_far, char byte) {
        return so_far + static_cast<unsigned char>(byte);
    });
    if (sum % 256 != 0 || (table.size() - entries_at) % entry_bytes != 0)
        return std::nullopt;

    std::vector<Machine::Ecam> areas;
    for (auto at = entries_at; at < table.size(); at += entry_bytes) {
        const auto base = get<std::uint64_t>(table, at); // of bus 0, even if the area begins behind it
        const auto first = get<std::uint8_t>(table, at + 10);
        const auto last = get<std::uint8_t>(table, at + 11);
        if (is_usable(base, first, last))
            areas.push_back({get<std::uint16_t>(table, at + 8), first, last, base + first * MiB});
    }
    return areas;
}

} // namespace parker
