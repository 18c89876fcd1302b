// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "introspect/memory.h"

namespace parker::introspect {

// The virtual addresses of an application kernel, by walking its page tables in its memory (Intel SDM volume 3,
// "Paging"; 4 and 5 levels). A table entry is only ever followed inside the partition, and a walk has as many steps as
// levels, so whatever the tables hold, it ends.
class AddressSpace {
public:
    struct Root {
        std::uint64_t table = 0; // physical address of the top table, page aligned
        bool five_levels = false;
        std::uint64_t encryption_mask = 0; // a bit of the entries that is no address: NUMBER(sme_mask)
    };

    AddressSpace(const PhysicalMemory& memory, const Root& root) : memory_{&memory}, root_{root} {}

    // Physical address; nullopt: not mapped, or not canonical. It may lie outside of the partition: read() says.
    std::optional<std::uint64_t> translate(std::uint64_t address) const;

    // The first of these addresses that is mapped: `from`, a multiple of `step`, and every `step` up to `end`. What is
    // not mapped is passed over as a whole.
    std::optional<std::uint64_t> first_mapped(std::uint64_t from, std::uint64_t end, std::uint64_t step) const;

    // Where the kernel maps all physical memory, as the address of physical 0: the lowest region of its half of the
    // address space (Documentation/arch/x86/x86_64/mm.rst), at a multiple of 1 GiB also with KASLR
    // (arch/x86/mm/kaslr.c). nullopt: what is mapped lowest is no such map.
    std::optional<std::uint64_t> direct_map() const;

    Look& look() const { return memory_->look(); }

    // All or nothing, `into` is at most `largest_read`; false: something of it is not mapped into the partition.
    static constexpr std::size_t largest_read = std::size_t{1} << 20;
    bool read(std::uint64_t address, std::span<std::byte> into) const;

    template <typename T>
    std::optional<T> load(std::uint64_t address) const
    {
        static_assert(std::is_unsigned_v<T>);
        T value = 0;
        if (!read(address, std::as_writable_bytes(std::span{&value, 1})))
            return std::nullopt;
        return value;
    }

private:
    struct Entry {
        bool is_present = false;
        bool is_page = false;
        std::uint64_t target = 0; // physical address of a page or of the next table
    };
    struct Walk {
        std::optional<std::uint64_t> physical;
        unsigned level = 0; // on which it ended
    };
    Walk walk(std::uint64_t address) const;
    unsigned levels() const { return root_.five_levels ? 5 : 4; }
    std::optional<Entry> entry(std::uint64_t table, std::uint64_t index, unsigned level) const;
    std::optional<std::uint64_t> lowest(std::uint64_t table, unsigned level, std::uint64_t from,
                                        unsigned& budget) const;

    const PhysicalMemory* memory_;
    Root root_;
};

} // namespace parker::introspect
