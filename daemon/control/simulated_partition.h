// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "control/simulated.h"

namespace parker {

// What stands for physical memory: one anonymous mapping, alive as long as anybody looks at it.
struct SimulatedControl::Memory {
    explicit Memory(const MemoryRange& where) : range{where}
    {
        auto* start =
            ::mmap(nullptr, range.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == MAP_FAILED)
            throw_errno(Code::memory_busy, "simulated machine", "mmap");
        bytes = {static_cast<std::byte*>(start), range.bytes()};
    }
    ~Memory() { ::munmap(bytes.data(), bytes.size()); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    template <typename T>
    T load(std::size_t offset) const
    {
        T value;
        std::memcpy(&value, bytes.data() + offset, sizeof value);
        return value;
    }
    template <typename T>
    void store(std::size_t offset, T value)
    {
        std::memcpy(bytes.data() + offset, &value, sizeof value);
    }

    const MemoryRange range;
    std::span<std::byte> bytes;
};

struct SimulatedControl::Partition {
    HeldPartition held;
    std::shared_ptr<Memory> slice;
    std::vector<std::shared_ptr<Memory>> ranges; // those that were mapped; their memory is made when first looked at
    Clock::time_point next{};                    // the next beat
    std::optional<Clock::time_point> end;        // when it ends by itself
    std::optional<HeldPartition::Exit> end_as;   // nothing: it hangs
    bool hangs = false;
};

} // namespace parker
