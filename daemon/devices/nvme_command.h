// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>

#include "base/little_endian.h"
#include "devices/nvme.h"
#include "devices/nvme_words.h"

namespace parker::devices {

// A submission queue's entry, 4.2: a copy.
struct Nvme::Command {
    std::array<std::byte, nvme::command_bytes> bytes{};

    std::uint32_t word(unsigned number) const { return get<std::uint32_t>(bytes, std::size_t{number} * 4); }
    std::uint8_t opcode() const { return static_cast<std::uint8_t>(word(0)); }
    std::uint16_t id() const { return static_cast<std::uint16_t>(word(0) >> 16); }
    bool plain() const { return (word(0) & 0xff00) == 0; } // not fused, and PRP entries rather than SGLs
    std::uint32_t name_space() const { return word(1); }
    std::uint64_t prp1() const { return get<std::uint64_t>(bytes, 24); }
    std::uint64_t prp2() const { return get<std::uint64_t>(bytes, 32); }
    std::uint64_t block() const { return get<std::uint64_t>(bytes, 40); }
};

// What a submission queue has come to, in one word, so that one store takes it a step further.
struct Progress {
    std::uint16_t head = 0; // the next command
    bool owes = false;      // the completion of the one before has perhaps not been posted
    std::uint16_t status = 0, id = 0;
    std::uint16_t owed_at = 0; // its place: once the completion queue is further, it was posted

    static Progress of(std::uint64_t word)
    {
        return {static_cast<std::uint16_t>(word), (word >> 63) != 0, static_cast<std::uint16_t>(word >> 48 & 0x7fff),
                static_cast<std::uint16_t>(word >> 32), static_cast<std::uint16_t>(word >> 16)};
    }
    std::uint64_t word() const
    {
        return std::uint64_t{head} | std::uint64_t{owed_at} << 16 | std::uint64_t{id} << 32 |
               std::uint64_t{status} << 48 | std::uint64_t{owes} << 63;
    }
};

// Stores into the state that must not pass each other, whatever kills this process between them.
template <typename T>
void commit(T& to, std::type_identity_t<T> value)
{
    __atomic_store_n(&to, value, __ATOMIC_SEQ_CST);
}

} // namespace parker::devices
