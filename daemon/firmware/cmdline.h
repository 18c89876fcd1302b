// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "firmware/firmware.h"

namespace parker::firmware {

// parkerd's own words, then the user's: the last one wins in Linux. `release` is the kernel's, "6.1.0-18-amd64". Throws
// Error{bad_value} for a word of the user's that would let the application kernel reach for what is not its own.
std::string build_cmdline(const Request& request, std::string_view release);

// Whether a kernel that is asked for it would read more words from this initial RAM disk: it ends in what
// tools/bootconfig appends. Some kernels need not be asked (CONFIG_BOOT_CONFIG_FORCE).
bool has_boot_config(std::span<const std::byte> initrd);

} // namespace parker::firmware
