// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/bdf.h"
#include "base/error.h"
#include "plan/boot_use.h"

namespace parker {

// Whether somebody has this block device ("nvme0n1"), or a partition of it, for himself: a mounted file system, swap,
// an array. It is the kernel's own word, and so is true across mount namespaces too.
bool is_claimed(const std::string& name);

// What the machine below `root` says of that use: "mounted on /srv, swapped to". Empty: nothing, as of what another
// mount namespace uses.
std::string drive_use(const std::string& name, const std::filesystem::path& root = "/");

// The same of a drive that is in use: if nothing else tells how, what is on it does ("it is a zfs_member").
std::string how_used(const std::string& name, const std::filesystem::path& root = "/");

// The first of the PCI function's block devices that is claimed. A driver lets go of them without a question, and what
// was not written yet is lost. Tests give a `block` and a `claimed` of their own.
std::optional<std::string> drive_in_use(const std::filesystem::path& function,
                                        const std::filesystem::path& block = "/sys/block",
                                        const std::function<bool(const std::string&)>& claimed = is_claimed);

// What is said of a function that cannot be taken because of it: device_busy. `use`: as of how_used().
Error drive_busy(const Bdf& function, const std::string& drive, const std::string& use = {});

// Why the boot kernel should keep the function: a drive that is in use, or a network link. Of a copy of a machine,
// which no kernel answers for, as its files tell it.
std::optional<BootUse> boot_use(const Bdf& function, const std::filesystem::path& root = "/");

} // namespace parker
