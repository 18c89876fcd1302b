// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bdf.h"
#include "base/bytes.h"
#include "devices/function.h"

namespace parker::firmware {

using Bytes = std::vector<std::byte>;

// One bus that the partition owns whole: a host bridge of its own in the application kernel.
struct Bus {
    std::uint16_t segment = 1;                  // the application kernel's domain number, never 0
    std::uint8_t number = 0;                    // the machine's bus number
    std::uint64_t ecam = 0;                     // physical address of this bus's MiB of configuration space
    std::uint64_t mem_start = 0, mem_bytes = 0; // bridge windows, 0 bytes: none
    std::uint64_t pref_start = 0, pref_bytes = 0;
};

// A function of the bus that is memory of the partition (devices/function.h), as its firmware leaves it.
struct Function {
    devices::Identity identity;
    std::vector<std::byte> registers; // of its slot
};

struct Cpu {
    std::uint32_t apic_id = 0;
    unsigned node = 0;
};

// Everything that decides what the application kernel will see. All addresses are physical.
struct Request {
    std::string name;
    std::array<std::byte, 16> uuid{};                                     // SMBIOS byte order; all zero: none
    std::vector<Cpu> cpus;                                                // the first one is started by the module
    std::uint32_t phantom_apic_id = 0;                                    // an ID that no CPU of the machine has
    std::uint64_t slice = 0;                                              // PARKER_SLICE_BYTES below 1 MiB
    std::vector<MemoryRange> memory;                                      // ascending, 2 MiB aligned
    std::map<std::pair<unsigned, unsigned>, std::uint8_t> node_distances; // from, to: as in a SLIT, 11 to 254
    std::vector<Bus> buses;                                               // at most PARKER_CTL_BUS_MAX
    std::vector<Function> functions;                                      // by slot; with any, one bus less
    std::span<const std::byte> image;                                     // a bzImage
    std::vector<std::span<const std::byte>> initrds;
    std::string cmdline;             // the user's words
    bool virtualization = false;     // it may use KVM
    bool in_virtual_machine = false; // the boot kernel runs in one
    bool hide_hfi = false;           // its CPUs have a hardware feedback interface
    std::uint32_t tsc_khz = 0;
    std::map<std::string, std::string> credentials;
};

// Bytes to be put at a physical address of the partition before the start. Memory is zero elsewhere.
struct Segment {
    std::uint64_t address = 0;
    Bytes bytes;
};

struct Firmware {
    std::vector<Segment> segments; // do not overlap, each inside one range or the slice
    std::uint64_t entry = 0;       // 64-bit entry point
    std::uint64_t boot_params = 0;
    std::uint64_t page_table = 0; // PML4, maps the first 4 GiB and all of the partition one to one
    std::string cmdline;          // as the kernel gets it
    std::string kernel_release;   // from the image
};

// Where the bus of the functions that are memory lies: the top of the partition's memory.
std::uint64_t function_bus(const std::vector<MemoryRange>& memory);

// Pure. Throws Error: bad_image, image_too_large, bad_value (a command line that would endanger the machine),
// invalid_argument for a Request that breaks a rule above.
Firmware build(const Request& request);

} // namespace parker::firmware
