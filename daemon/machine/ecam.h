// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "machine/machine.h"

namespace parker {

// Where the boot kernel found ECAM and uses it, from the text of /proc/iomem. nullopt: the text has no addresses, as
// everybody but root sees it.
std::optional<std::vector<Machine::Ecam>> parse_iomem_ecam(std::string_view iomem);

// What the firmware says, from the bytes of the ACPI table MCFG. nullopt: not a whole, unbroken table of this kind.
std::optional<std::vector<Machine::Ecam>> parse_mcfg(std::string_view table);

} // namespace parker
