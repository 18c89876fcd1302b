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
constexpr unsigned entry_bits = 9; // 512 entries a table
constexpr unsigned page_bits = 12;
constexpr unsigned largest_page_level = 3; // 1 GiB

} // namespace

std::optional<std::uint64_t> AddressSpace::translate(std::uint64_t address) const
{
    const unsigned levels = root_.five_levels ? 5 : 4;
    const unsigned used_bits = page_bits + levels * entry_bits;
    const auto sign = address >> (used_bits - 1);
    if (sign != 0 && sign != ~std::uint64_t{0} >> (used_bits - 1))
        return std::nullopt;
    auto table = root_.table;
    for (auto level = levels; level > 0; --level) {
        const auto shift = page_bits + (level - 1) * entry_bits;
        const auto index = address >> shift & ((1U << entry_bits) - 1);
        const auto entry = memory_->load<std::uint64_t>(table + index * sizeof(std::uint64_t));
        if (!entry || (*entry & present) == 0)
            return std::nullopt;
        const auto target = *entry & address_bits & ~root_.encryption_mask;
        const bool is_page = level == 1 || (*entry & large) != 0;
        if (is_page && level > largest_page_level)
            return std::nullopt; // reserved
        const auto size = std::uint64_t{1} << shift;
        if (is_page)
            return align_down(target, size) | (address & (size - 1));
        table = target;
    }
    return std::nullopt;
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
