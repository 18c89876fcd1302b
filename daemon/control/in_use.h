// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/bdf.h"
#include "base/error.h"

namespace parker {

// Whether somebody has this block device ("nvme0n1"), or a partition of it, for himself: a mounted file system, swap,
// an array. It is the kernel's own word, and so is true across mount namespaces too.
bool is_claimed(const std::string& name);

// The first of the PCI function's block devices that is claimed. A driver lets go of them without a question, and what
// was not written yet is lost. Tests give a `block` and a `claimed` of their own.
std::optional<std::string> drive_in_use(const std::filesystem::path& function,
                                        const std::filesystem::path& block = "/sys/block",
                                        const std::function<bool(const std::string&)>& claimed = is_claimed);

// What is said of a function that cannot be taken because of it: device_busy.
Error drive_busy(const Bdf& function, const std::string& drive);

} // namespace parker
