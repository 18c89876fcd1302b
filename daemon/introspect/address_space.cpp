// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/address_space.h"

#include <algorithm>

#include "base/bytes.h"

namespace parker::introspect {
namespace {

// Intel SDM volume 3, table 4-15 and following: of an entry, bits 12 to 51 are the address. Above are flags (protection
// keys, NX), below too; in an entry for a large page bit 12 is PAT, which the alignment to the page's size takes away.
constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t present = 1U << 0;
constexpr std::uint64_t large = 1U << 7;
constexpr unsigned entry_bits = 9;
constexpr std::uint64_t entries = std::uint64_t{1} << entry_bits; // of a table
constexpr unsigned page_bits = 12;
constexpr unsigned largest_page_level = 3; // 1 GiB

// Of an address, the bits below those that choose an entry on this level.
constexpr unsigned shift(unsigned level)
{
    return page_bits + (level - 1) * entry_bits;
}

} // namespace

// Nothing: outside of the partition, or of a form that is reserved.
std::optional<AddressSpace::Entry> AddressSpace::entry(std::uint64_t table, std::uint64_t index, unsigned level) const
{
    const auto value = memory_->load<std::uint64_t>(table + index * sizeof(std::uint64_t));
    if (!value)
        return std::nullopt;
    Entry entry;
    entry.is_present = (*value & present) != 0;
    entry.is_page = level == 1 || (*value & large) != 0;
    entry.target = *value & address_bits & ~root_.encryption_mask;
    if (entry.is_page)
        entry.target = align_down(entry.target, std::uint64_t{1} << shift(level));
    if (entry.is_present && entry.is_page && level > largest_page_level)
        return std::nullopt;
    return entry;
}

AddressSpace::Walk AddressSpace::walk(std::uint64_t address) const
{
    auto table = root_.table;
    for (auto level = levels(); level > 0; --level) {
        const auto found = entry(table, address >> shift(level) & (entries - 1), level);
        if (!found || !found->is_present)
            return {std::nullopt, level};
        if (found->is_page)
            return {found->target | (address & ((std::uint64_t{1} << shift(level)) - 1)), level};
        table = found->target;
    }
    return {std::nullopt, 1};
}

std::optional<std::uint64_t> AddressSpace::translate(std::uint64_t address) const
{
    const auto used_bits = shift(levels() + 1);
    const auto sign = address >> (used_bits - 1);
    if (sign != 0 && sign != ~std::uint64_t{0} >> (used_bits - 1))
        return std::nullopt;
    return walk(address).physical;
}

std::optional<std::uint64_t> AddressSpace::first_mapped(std::uint64_t from, std::uint64_t end, std::uint64_t step) const
{
    while (from < end && !look().over()) {
        const auto found = walk(from);
        if (found.physical)
            return from;
        const auto hole_end = (from | ((std::uint64_t{1} << shift(found.level)) - 1)) + 1;
        if (hole_end <= from) // the last address of all
            return std::nullopt;
        from = align_up(hole_end, step);
    }
    return std::nullopt;
}

// The lowest address mapped by this table, less the physical address there. `from` is the first that it is about.
std::optional<std::uint64_t> AddressSpace::lowest(std::uint64_t table, unsigned level, std::uint64_t from,
                                                  unsigned& budget) const
{
    const bool is_top = level == levels();
    for (std::uint64_t index = is_top ? entries / 2 : 0; index < entries && budget > 0; ++index, --budget) {
        const auto found = entry(table, index, level);
        if (!found || !found->is_present)
            continue;
        const auto address = from + (index << shift(level));
        if (found->is_page)
            return address - found->target;
        if (const auto below = lowest(found->target, level - 1, address, budget))
            return below;
        if (budget == 0)
            break;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> AddressSpace::direct_map() const
{
    unsigned budget = 16 * entries; // of entries looked at, so that tables full of empty tables come to an end
    const auto upper_bits = ~std::uint64_t{0} << shift(levels() + 1);
    const auto base = lowest(root_.table, levels(), upper_bits, budget);
    return base && *base % GiB == 0 ? base : std::nullopt;
}

bool AddressSpace::read(std::uint64_t address, std::span<std::byte> into) const
{
    if (into.size() > largest_read || (!into.empty() && address + (into.size() - 1) < address))
        return false;
    while (!into.empty()) {
        const auto physical = translate(address);
        const auto here = std::min<std::size_t>(into.size(), page_bytes - address % page_bytes);
        if (!physical || !memory_->read(*physical, into.first(here)))
            return false;
        into = into.subspan(here);
        address += here;
    }
    return true;
}

} // namespace parker::introspect
