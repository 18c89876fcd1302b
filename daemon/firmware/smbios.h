// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "firmware/firmware.h"

namespace parker::firmware {

// SMBIOS 3.4 (DSP0134): a 64-bit entry point at the start, then types 1 (the partition's identity), 11 (credentials)
// and 127. To lie at `address`, 16-byte aligned.
Bytes build_smbios(const Request& request, std::uint64_t address);

} // namespace parker::firmware
