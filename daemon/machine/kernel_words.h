// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace parker {

// Those of a kernel's command line that matter to partitions: interrupts, IOMMU, and which CPUs run how.
std::vector<std::string> relevant_words(std::string_view cmdline);

} // namespace parker
