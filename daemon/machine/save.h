// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

namespace parker {

// Copies what read_machine() and the planner look at below `root` to a new or empty folder, as something that can be
// read in its place. What the caller may not read is left out. Throws Error.
void save_machine(const std::filesystem::path& root, const std::filesystem::path& folder);

} // namespace parker
