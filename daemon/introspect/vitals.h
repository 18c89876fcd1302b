// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "introspect/kernel.h"

namespace parker::introspect {

// How a kernel fares, by its own books. What is nothing is not known: the kernel does not say where it keeps that, or
// what stands there cannot be.
struct Vitals {
    // kernel/sched/loadavg.c: of 1, 5 and 15 minutes, as in /proc/loadavg.
    std::optional<std::array<double, 3>> load_average;

    // mm/page_alloc.c, mm/vmstat.c: bytes, as MemTotal and MemFree of /proc/meminfo. What each CPU has not yet added
    // to the kernel's count of free pages, at most 125 pages of each zone, is not in it.
    std::optional<std::uint64_t> memory_total;
    std::optional<std::uint64_t> memory_free;

    // include/linux/kernel_stat.h: nanoseconds that an online CPU spent since the kernel started, by its own number, as
    // in /proc/stat: `user` has a guest's time in it. How long it idled is not here: while a CPU idles without ticks
    // the kernel adds nothing up. With a tick (not CONFIG_VIRT_CPU_ACCOUNTING_GEN), all are multiples of one.
    struct Cpu {
        unsigned number = 0;
        std::uint64_t user = 0, nice = 0, system = 0, softirq = 0, irq = 0, steal = 0;
    };
    std::vector<Cpu> cpus; // ascending; empty: not known
};

// Where a kernel keeps them: virtual addresses, the same as long as it runs.
struct VitalPlaces {
    std::optional<std::uint64_t> load_average, pages_total, zone_counts, cpu_ids, online_cpus, percpu_offsets,
        cpu_times;

    // Takes a pass through the kernel's symbols, some 10 ms. A kernel before 6.0 tells none of them.
    static VitalPlaces find(const Kernel& kernel);
};

// What of it cannot be true of a partition that has so much memory and so many CPUs is not believed.
Vitals read_vitals(const AddressSpace& space, const VitalPlaces& places, std::uint64_t memory_bytes, unsigned cpus);

} // namespace parker::introspect
