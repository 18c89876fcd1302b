// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parker {

// A record of a kernel's log as dmesg(1) shows it: "[    1.234567] text", a line for each line of its text, and nothing
// that a terminal would obey.
std::string log_text(std::uint64_t time_nsec, std::string_view text);

} // namespace parker
