// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string_view>

#include "base/error.h"

namespace parker {

// What a code means, how to find out more, and what to do: the paragraph of `parkerctl explain CODE`. One line, without
// a line end.
std::string_view explain(Code code);

} // namespace parker
