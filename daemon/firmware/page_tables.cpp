// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/page_tables.h"

#include <set>

#include "base/little_endian.h"

namespace parker::firmware {
namespace {

constexpr std::uint64_t present_writable = 0x3;
constexpr std::uint64_t large_page = 0x80;
constexpr std::uint64_t entries = 512;

// Which GiB (page directories) and which 512 GiB (page directory pointer tables) are needed, ascending.
struct Needs {
    std::set<std::uint64_t> gib;
    std::set<std::uint64_t> half_tib;

    explicit Needs(const std::vector<MemoryRange>& memory)
    {
        const auto add = [this](std::uint64_t start, std::uint64_t end) {
            for (auto i = start / GiB; i <= (end - 1) / GiB; ++i) {
                gib.insert(i);
                half_tib.insert(i / entries);
            }
        };
        add(0, 4 * GiB);
        for (const auto& range : memory)
            add(range.start, range.end);
    }
    std::uint64_t pages() const { return 1 + half_tib.size() + gib.size(); }
};

} // namespace

std::uint64_t page_tables_bytes(const std::vector<MemoryRange>& memory)
{
    return Needs{memory}.pages() * page_bytes;
}

Bytes build_page_tables(const std::vector<MemoryRange>& memory, std::uint64_t address)
{
    const Needs needs{memory};
    Bytes bytes(needs.pages() * page_bytes);
    const auto all = std::span{bytes};
    const auto put_entry = [all](std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
        put(all, table + index * 8, entry);
    };

    auto next = page_bytes; // behind the PML4
    for (const auto half : needs.half_tib) {
        const auto pointers = next;
        next += page_bytes;
        put_entry(0, half, (address + pointers) | present_writable);
        for (auto i = needs.gib.lower_bound(half * entries); i != needs.gib.end() && *i / entries == half; ++i) {
            const auto directory = next;
            next += page_bytes;
            put_entry(pointers, *i % entries, (address + directory) | present_writable);
            for (std::uint64_t j = 0; j < entries; ++j)
                put_entry(directory, j, (*i * GiB + j * 2 * MiB) | present_writable | large_page);
        }
    }
    return bytes;
}

} // namespace parker::firmware
