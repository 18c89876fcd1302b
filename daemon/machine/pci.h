// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "machine/files.h"
#include "machine/machine.h"

namespace parker {

// Fills functions and buses from sys/bus/pci.
void read_pci(const Files& files, Machine& machine);

// Orders functions and buses, lets functions whose node is not known have that of the bridge above them, and names
// them.
void finish_pci(Machine& machine);

bool is_bridge_class(std::uint32_t class_code);

} // namespace parker
