// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plan/plan.h"

namespace parker {

// Are the CPUs, memory and devices that a partition holds all that its manifest asks for, and no more? Where they lie
// was the planner's choice once, and stays. `others`: CPUs of other partitions.
bool satisfies(const Holding& held, const Manifest& manifest, const Machine& machine, const CpuSet& others = {});

} // namespace parker
