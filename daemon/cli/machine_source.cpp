// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/machine_source.h"

#include "machine/described.h"
#include "machine/read.h"

namespace parker::cli {

Machine read_machine(const Common& common)
{
    return common.machine ? read_described(*common.machine) : parker::read_machine({common.sysroot, {}});
}

} // namespace parker::cli
