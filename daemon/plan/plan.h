// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bdf.h"
#include "base/bytes.h"
#include "base/cpu_set.h"
#include "machine/machine.h"
#include "manifest/finding.h"
#include "manifest/manifest.h"
#include "plan/boot_use.h"

namespace parker {

// What partitions hold at this moment, as the module says.
struct Holding {
    std::string name;
    CpuSet cpus;
    std::vector<MemoryRange> memory;
    std::vector<Bdf> devices;
    bool running = false;
};

// What a partition is to have. Memory is an amount a node here; the addresses are known once it has been taken.
struct Placement {
    std::string name;
    CpuSet cpus;
    std::map<unsigned, std::uint64_t> memory_bytes; // NUMA node -> bytes
    std::vector<Bdf> devices;
    bool operator==(const Placement&) const = default;
};

Placement to_placement(const Holding& holding);

struct PlanOptions {
    std::uint64_t boot_memory_bytes = 512 * MiB; // what is left to the boot kernel at least
    InUse in_use = {};                           // empty: nobody can tell
    std::optional<unsigned> slices = {};         // of low memory, one for each partition; none: no module says how many
};

// "4GiB", as given to --memory-floor. Throws Error.
std::uint64_t memory_floor(const std::string& text);

struct Plan {
    std::vector<Placement> placements; // of each manifest that fits, ordered by name
    Findings findings;                 // why the others do not
};

// Places all manifests on the machine. Pure: the same input gives the same plan. What is held stays where it is; an
// explicit list is followed exactly; the boot kernel keeps the BSP's whole core. A manifest that does not fit gets
// findings and no placement, and does not disturb the others.
Plan make_plan(const Machine& machine, std::span<const Manifest> manifests, std::span<const Holding> held,
               const PlanOptions& options = {});

} // namespace parker
