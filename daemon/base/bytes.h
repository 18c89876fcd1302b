// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parker {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;
inline constexpr std::uint64_t page_bytes = 4 * KiB; // x86-64 base page

// "512MiB", "1.5GiB": a number, and KiB, MiB, GiB or TiB. A size needs its unit. nullopt: not of this form, not a
// whole number of bytes, or more than 2^52 (the most that x86-64 can address physically).
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// The largest unit that needs at most two decimals: "1.5GiB", "36KiB", "17B".
std::string format_bytes(std::uint64_t bytes);

// Physical addresses [start, end), page aligned.
struct MemoryRange {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    unsigned node = 0;

    std::uint64_t bytes() const { return end - start; }
    bool contains(std::uint64_t address, std::uint64_t length) const
    {
        return address >= start && address <= end && length <= end - address;
    }
    bool operator==(const MemoryRange&) const = default;
};

inline std::uint64_t align_up(std::uint64_t value, std::uint64_t to) // `to` is a power of two
{
    return (value + to - 1) & ~(to - 1);
}

inline std::uint64_t align_down(std::uint64_t value, std::uint64_t to)
{
    return value & ~(to - 1);
}

} // namespace parker
