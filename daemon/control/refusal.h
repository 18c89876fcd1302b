// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace parker {

// What the module answered, in the user's words: `error` is its errno, `why` a PARKER_WHY_*, `object` the CPU, node,
// function or partition at fault, `doing` what was asked ("taking it").
Error refusal(int error, std::uint32_t why, std::string object, const std::string& doing);

} // namespace parker
