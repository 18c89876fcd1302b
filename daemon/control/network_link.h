// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/bdf.h"
#include "plan/boot_use.h"

namespace parker {

// What makes a network interface the machine's own link: its name -> why.
using OwnLinks = std::map<std::string, std::string>;

// Those that a default route leads over, as the machine below `root` says.
OwnLinks default_routes(const std::filesystem::path& root = "/");

// The one that this process's ssh session came in over, by the variable SSH_CONNECTION of this process or of one that
// it descends from (sudo hides it).
OwnLinks session_link();

// Why the boot kernel should keep the function: the link is in `own` by itself or by a bond, bridge, VLAN or team above
// it; or, which does not block, it is up.
std::optional<BootUse> link_use(const Bdf& function, const std::filesystem::path& root, const OwnLinks& own);
std::optional<BootUse> link_use(const Bdf& function, const std::filesystem::path& root = "/");

} // namespace parker
