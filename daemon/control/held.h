// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/control.h"

namespace parker {

// [a-z0-9] and '-', 1 to PARKER_NAME_MAX characters: what is safe in a path below /sys/class/parker.
bool is_partition_name(std::string_view name);

// Reads /sys/class/parker/NAME (kmod/sysfs.c documents the attributes); nullopt: it is not there, or went meanwhile.
// Throws kernel_refused for anything that is not written as documented: better no answer than a guess at what is held.
std::optional<HeldPartition> read_held(const std::filesystem::path& class_directory, const std::string& name);

// Of this alone, the heartbeat.
std::optional<std::uint64_t> read_heartbeat(const std::filesystem::path& class_directory, const std::string& name);

// All of them, ordered by name; none if the folder is missing.
std::vector<HeldPartition> read_all_held(const std::filesystem::path& class_directory);

} // namespace parker
