// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace parker {

// The few things below /run/parker that the kernel cannot remember for us.

// All or nothing, also for a reader at the same moment; mode 0600; the folder is made if need be. Throws failed.
void write_state(const std::filesystem::path& path, std::string_view text);

// nullopt: no such file. Throws unreadable, and too_large above `limit`. Also good for sysfs attributes.
std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit);

} // namespace parker
