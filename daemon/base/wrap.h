// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace parker {

// Help for a terminal of 80 columns. A line that is longer is broken at spaces; what it goes on with stands in `column`
// if the line is an entry of a list, which begins with two spaces, else at the left. A word that does not fit stays
// whole. `text` is ASCII.
std::string wrapped(std::string_view text, std::size_t column);

} // namespace parker
