// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <hwloc.h>

#include <string>

#include "machine/machine.h"

namespace parker {

// A machine that is not there: an hwloc export (a file that `lstopo FILE.xml` wrote), or hwloc's synthetic description
// ("node:8 core:64 pu:2"). A file of that name goes first. Throws Error.
Machine read_described(const std::string& file_or_description);

// What hwloc has loaded of it. Throws Error.
Machine describe(hwloc_topology_t topology, const std::string& source);

} // namespace parker
