// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

#include "base/cpu_set.h"

namespace parker {

// What /proc/cpuinfo says, as far as it matters to partitions. Anything may be missing.
struct CpuInfo {
    std::string vendor; // of the first CPU, "GenuineIntel"
    CpuSet far;         // whose APIC ID is above last_apic_id
    bool hypervisor = false;
    bool hfi = false; // hardware feedback interface
    bool sme = false; // memory encryption that firmware allows
    bool tdx = false; // a guest of TDX
};

// A partition's CPUs send interrupts to each other, and get those of devices, with 8 bits; 255 is everybody.
inline constexpr unsigned last_apic_id = 254;

CpuInfo parse_cpuinfo(std::string_view text);

} // namespace parker
