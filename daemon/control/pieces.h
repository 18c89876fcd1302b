// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace parker {

inline constexpr std::uint64_t memory_granule = 2 * MiB;  // what ranges are aligned to
inline constexpr std::uint64_t smallest_piece = 32 * MiB; // below this, looking for more is a waste of time

// Takes `bytes` of a node in as few ranges as it will give: one for all if possible, halving what is asked for each
// time it has none so large (`take` returns nullopt). Gives everything back, last first, and throws memory_busy if it
// does not come to `bytes`.
std::vector<MemoryRange> take_in_pieces(const std::string& partition, unsigned node, std::uint64_t bytes,
                                        const std::function<std::optional<MemoryRange>(std::uint64_t)>& take,
                                        const std::function<void(const MemoryRange&)>& give);

} // namespace parker
