// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "control/control.h"

namespace parker {

// Called before anything is given back, or kept. When a kernel ran: its CPUs stand still, and all of its memory is
// still there as it left it. Otherwise `held` is idle, and nobody may look into its memory from now on.
using LastLook = std::function<void(const HeldPartition& held)>;

// Ends the partition, whatever it does, and returns all that it holds in the reverse order of taking: devices, memory,
// CPUs, itself. Goes on after something that would not go back; nullopt: nothing is left, otherwise the first reason.
// Can be repeated. This is the one way back, for a stop as for a start that failed half way.
std::optional<Error> give_back(Control& control, const std::string& name, const LastLook& look = {}) noexcept;

// Ends the partition and keeps everything held.
std::optional<Error> end_and_keep(Control& control, const std::string& name, const LastLook& look = {}) noexcept;

} // namespace parker
