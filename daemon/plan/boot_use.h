// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>

#include "base/bdf.h"
#include "base/error.h"

namespace parker {

// Why the boot kernel should keep a function that no partition holds.
struct BootUse {
    Error why;          // device_busy
    bool blocks = true; // it is not chosen by its kind. If not: it is, when no other one is left
};

// Nothing: it does not use it, or nobody can tell.
using InUse = std::function<std::optional<BootUse>(const Bdf&)>;

} // namespace parker
