// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

namespace parker::bus {

inline constexpr const char* bus_name = "org.parker1";
inline constexpr const char* manager_path = "/org/parker1";
inline constexpr const char* error_prefix = "org.parker1.Error.";

enum class Kind { system, session };

// Escaped as sd_bus_path_encode(3) does.
std::string partition_path(const std::string& name);
std::string partition_name(const std::string& path); // the other way; empty if it is no such path
std::string job_path(std::uint32_t id);
std::string unit_name(const std::string& partition);
std::string unit_path(const std::string& partition); // systemd's object

} // namespace parker::bus
