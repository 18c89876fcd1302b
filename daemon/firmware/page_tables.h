// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "firmware/firmware.h"

namespace parker::firmware {

// Page tables that map the first 4 GiB and every GiB with a piece of `memory` in it one to one, in 2 MiB pages,
// writable and executable. The PML4 is at `address`, page aligned. (Intel SDM volume 3, 4.5.)
Bytes build_page_tables(const std::vector<MemoryRange>& memory, std::uint64_t address);
std::uint64_t page_tables_bytes(const std::vector<MemoryRange>& memory);

} // namespace parker::firmware
