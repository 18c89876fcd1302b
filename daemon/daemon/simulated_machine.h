// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "machine/machine.h"

namespace parker {

// The machine of `parkerd --simulate`: sockets of 16 cores with 2 threads each and 64 GiB, and behind a root port each,
// eight drives and two network cards.
Machine simulated_machine(unsigned nodes);

} // namespace parker
