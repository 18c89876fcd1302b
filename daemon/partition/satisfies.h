// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "control/control.h"
#include "machine/machine.h"
#include "manifest/manifest.h"

namespace parker {

// Is what a partition holds all that its manifest asks for, and no more? Then nothing needs to be taken for a start.
// `others`: CPUs of other partitions.
bool satisfies(const HeldPartition& held, const Manifest& manifest, const Machine& machine, const CpuSet& others = {});

} // namespace parker
