// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>

#include "machine/files.h"
#include "machine/machine.h"

namespace parker {

// The CPUs that functions without a node are near.
using NearCpus = std::map<Bdf, CpuSet>;

// Fills functions, with their names, and buses from sys/bus/pci. It needs nothing of the machine, and finish_pci() all
// of its nodes.
NearCpus read_pci(const Files& files, Machine& machine);

// Orders functions and buses, and lets functions whose node is not known have that of the CPUs that they are near, or
// of the bridge above them.
void finish_pci(Machine& machine, const NearCpus& near = {});

bool is_bridge_class(std::uint32_t class_code);

} // namespace parker
