// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "machine/files.h"
#include "machine/machine.h"

namespace parker {

// Fills what is neither CPU, memory nor PCI: the boot kernel's words, IOMMU and interrupt remapping, ECAM, DMI.
void read_platform(const Files& files, bool is_live, Machine& machine);

} // namespace parker
