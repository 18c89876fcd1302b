// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "control/simulated.h"

namespace parker {

inline constexpr const char* faults_help =
    "With --simulate, what is to go wrong; may be given several times. CALL:NAME[:TIMES] refuses the next calls for a "
    "partition: create, destroy, take-cpus, give-cpus, take-memory, give-memory, take-devices, give-devices, start, "
    "kill. mounted:ADDRESS has the boot kernel use the drive of a PCI function. FATE:NAME:TIME lets its kernel end so "
    "long after each start: panic, reboot, poweroff, hang. slow:CALL:NAME:TIME has each such call take so long. "
    "Examples: take-memory:db, start:db:3, panic:db:10s, slow:take-cpus:db:2s";

// Throws Error if `fault` is none of these.
void inject(SimulatedControl& control, const std::string& fault);

} // namespace parker
