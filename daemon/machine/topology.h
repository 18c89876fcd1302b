// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <hwloc.h>

#include <string>

#include "machine/machine.h"

namespace parker {

// Throws Error, about `name`, if there is no CPU or node, or more of them than Linux can have.
void check_size(hwloc_topology_t topology, const std::string& name);

// Fills cores, caches, kinds, nodes and the sets of CPUs from what hwloc has loaded. Throws as check_size() does.
void read_topology(hwloc_topology_t topology, const std::string& name, Machine& machine);

} // namespace parker
