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
    const PhysicalMemory* memory_;
    Root root_;
};

} // namespace parker::introspect
