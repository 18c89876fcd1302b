// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace parker::firmware {

// Where things stand in the image that services.ld makes: keep the two in step (a test calls each service).
inline constexpr std::uint64_t services_code_bytes = 0x1000;
inline constexpr std::uint64_t services_unsupported = 0x00;
inline constexpr std::uint64_t services_success = 0x40;
inline constexpr std::uint64_t services_reset = 0x80;
inline constexpr std::uint64_t services_control_page = 0x1000; // u64, the first word of the data page

} // namespace parker::firmware
