// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

namespace parker {

struct MemoryAmounts {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0; // and page cache, which the kernel moves or drops when asked for its place
};

// /sys/devices/system/node/nodeN/meminfo ("Node 0 MemTotal:  16 kB"), or /proc/meminfo without the "Node 0".
MemoryAmounts parse_meminfo(std::string_view text);

// Node -> bytes that are present, from /proc/zoneinfo. Unlike MemTotal, this does not fall when a partition takes
// memory away from the boot kernel.
std::map<unsigned, std::uint64_t> parse_zoneinfo(std::string_view text);

} // namespace parker
