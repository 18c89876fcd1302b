// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"

namespace parker::cli {

// What `parkerctl metrics` prints: Prometheus' text exposition format 0.0.4. Without `daemon`, parkerd does not run,
// and that is all there is to say. `now_usec` is CLOCK_REALTIME, which ages are counted back from.
std::string metrics_text(const std::optional<DaemonInfo>& daemon, const std::vector<PartitionInfo>& partitions,
                         std::uint64_t now_usec);

} // namespace parker::cli
