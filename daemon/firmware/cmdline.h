// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "firmware/firmware.h"

namespace parker::firmware {

// parkerd's own words, then the user's: the last one wins in Linux. Throws Error{bad_value} for a word of the user's
// that would let the application kernel reach for what is not its own.
std::string build_cmdline(const Request& request);

} // namespace parker::firmware
