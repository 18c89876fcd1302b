// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.h"

namespace parker {

// The cores that were seen once, as text, so that the ones of CPUs that are offline now are known after a restart.
inline constexpr std::size_t remembered_limit = 1 * MiB; // of the file; 8192 CPUs need half of it

std::string write_cores(const std::vector<Machine::Core>& cores);
// nullopt: not written by write_cores(), or two cores claim one CPU.
std::optional<std::vector<Machine::Core>> parse_cores(std::string_view text);

// Adds to `cores` what `remembered` knows of CPUs that are offline but possible. Where it contradicts what is seen
// now, the present wins.
void merge_cores(std::vector<Machine::Core>& cores, const std::vector<Machine::Core>& remembered,
                 const CpuSet& offline);

// Replaces the file in one step, or throws Error and leaves it as it was.
void replace_file(const std::filesystem::path& path, std::string_view content);

} // namespace parker
