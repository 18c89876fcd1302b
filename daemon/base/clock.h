// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>

namespace parker {

// CLOCK_REALTIME in microseconds, as timestamps are on D-Bus.
inline std::uint64_t realtime_usec()
{
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

} // namespace parker
