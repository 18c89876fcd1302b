// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "machine/machine.h"

namespace parker {

// Gives the functions the names that pci.ids has for their vendors and devices.
void name_functions(Machine& machine);

} // namespace parker
