// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "introspect/look.h"

namespace parker::introspect {

inline constexpr std::uint64_t word = 8; // of an amd64 kernel: long, pointers, page table entries

// The physical memory of a partition, and nothing else. Another kernel writes to it at the same time, and may write
// anything: whatever is looked at is copied first and checked then, in the copy.
class PhysicalMemory {
public:
    struct Piece {
        std::uint64_t start = 0; // physical address
        std::span<const std::byte> bytes;
    };

    // The pieces must not overlap. What they point to must live longer than this. All that is read is paid for by the
    // look; without one of the caller's, there is one of the usual size.
    explicit PhysicalMemory(std::vector<Piece> pieces, std::shared_ptr<Look> look = std::make_shared<Look>());

    // All or nothing: false, and `into` untouched, unless every byte lies in the partition, and always when the look is
    // over. Pieces that touch are one.
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

    const std::vector<Piece>& pieces() const { return pieces_; } // ascending
    Look& look() const { return *look_; }

private:
    std::vector<Piece>::const_iterator at(std::uint64_t address) const;

    std::vector<Piece> pieces_;
    std::shared_ptr<Look> look_;
};

} // namespace parker::introspect
