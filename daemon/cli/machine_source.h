// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cli/verb.h"
#include "machine/machine.h"

namespace parker::cli {

// The machine that --machine or --sysroot names; else this one.
Machine read_machine(const Common& common);

} // namespace parker::cli
