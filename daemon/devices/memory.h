// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace parker::devices {

// One load or store of a naturally aligned number that another CPU reads and writes at the same time. What it writes
// before is seen after. The machine is little endian, as the devices are: this is for x86-64 alone.
template <typename T>
T load(const std::byte* at)
{
    static_assert(std::is_unsigned_v<T>);
    return __atomic_load_n(reinterpret_cast<const T*>(at), __ATOMIC_ACQUIRE);
}

template <typename T>
void store(std::byte* at, std::type_identity_t<T> value)
{
    static_assert(std::is_unsigned_v<T>);
    __atomic_store_n(reinterpret_cast<T*>(at), value, __ATOMIC_RELEASE);
}

// The memory of a partition as its devices see it: physical addresses, and nothing outside. The partition's kernel
// writes to it at the same time, and may write anything.
class Memory {
public:
    struct Piece {
        std::uint64_t start = 0; // physical address
        std::span<std::byte> bytes;
    };

    // The pieces must not overlap. What they point to must live longer than this.
    explicit Memory(std::vector<Piece> pieces);

    // The bytes at an address, wholly inside one piece; nullptr otherwise, and for no bytes.
    std::byte* at(std::uint64_t address, std::size_t bytes) const;

    // A copy that cannot change any more, so that what was checked is what is used. All or nothing.
    bool read(std::uint64_t address, std::span<std::byte> into) const;
    bool write(std::uint64_t address, std::span<const std::byte> from) const;

private:
    std::vector<Piece> pieces_; // ascending
};

} // namespace parker::devices
