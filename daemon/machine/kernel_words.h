// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parker {

// Those of a kernel's command line that matter to partitions: interrupts, IOMMU, and which CPUs run how.
std::vector<std::string> relevant_words(std::string_view cmdline);

// What a word is set to last, which is what counts; nothing: it is not there.
std::optional<std::string> last_value(std::string_view cmdline, std::string_view name);

// Whether a kernel with this command line sends some interrupts to all CPUs at once, those of partitions included. It
// does not with no_ipi_broadcast=1.
bool broadcasts_interrupts(std::string_view cmdline);

} // namespace parker
