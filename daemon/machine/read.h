// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

#include "machine/machine.h"

namespace parker {

struct MachineSource {
    std::filesystem::path sysroot = "/"; // where sys/ and proc/ are looked for
    std::filesystem::path remembered;    // file with the cores of CPUs that are offline now; empty: none
};

// Reads the machine, and keeps what it saw of the topology in `remembered` (written atomically): the kernel forgets
// which core an offline CPU belongs to, so the daemon must not. Throws Error if there is no topology to be had.
Machine read_machine(const MachineSource& source);

} // namespace parker
