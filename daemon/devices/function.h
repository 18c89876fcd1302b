// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parker::devices {

// A bus of functions that are nothing but memory of the partition: a MiB of configuration space, and a MiB in which
// each function has a slot for what its BARs point to. Nothing here reacts when it is read or written: the other side's
// accesses are noticed at the next poll, so only devices fit whose drivers wait for an answer.
inline constexpr std::uint64_t bus_bytes = 0x200000, bus_align = bus_bytes;
inline constexpr std::uint64_t bus_registers = 0x100000; // of the bus; below, its configuration space
inline constexpr std::uint64_t slot_bytes = 0x10000;
inline constexpr unsigned slots = 16; // device numbers 0 to 15, function 0 of each
inline constexpr std::uint64_t function_config_bytes = 0x1000;

constexpr std::uint64_t slot_config(unsigned slot) // offset in the bus
{
    return std::uint64_t{slot} * 8 * function_config_bytes;
}

constexpr std::uint64_t slot_registers(unsigned slot) // offset in the bus
{
    return bus_registers + std::uint64_t{slot} * slot_bytes;
}

// Where MSI-X is in the configuration space: the driver turns it on and off there.
inline constexpr std::size_t msix_capability = 0x40;

struct Identity {
    std::uint16_t vendor = 0, device = 0;
    std::uint8_t revision = 0;
    std::uint32_t class_code = 0; // 24 bits
    std::uint16_t subsystem_vendor = 0, subsystem = 0;
    struct Bar {
        unsigned number = 0;
        std::uint64_t offset = 0, bytes = 0; // in the slot
    };
    std::vector<Bar> bars; // of 64 bits each
    unsigned vectors = 1;
    unsigned msix_bar = 0; // its table at the start, what is pending behind it
};

inline constexpr std::size_t msix_entry_bytes = 16;
inline constexpr std::size_t msix_pending = 0x800; // offset in the BAR of its own, so at most 128 vectors

// The function's 4 KiB of configuration space as its firmware leaves it, for a slot at this physical address.
std::vector<std::byte> build_config(const Identity& identity, std::uint64_t registers);

// A slot's MSI-X table as after reset: every vector masked.
void reset_msix(std::span<std::byte> bar, unsigned vectors);

// A configuration space without any function: what a read of nobody returns.
std::vector<std::byte> build_empty_bus();

} // namespace parker::devices
