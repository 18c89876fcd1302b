// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/control.h"
#include "plan/plan.h"

namespace parker {

Holding to_holding(const HeldPartition& held);
std::vector<Holding> holdings(std::span<const HeldPartition> held);

// With what only the drivers and the module know.
PlanOptions complete(PlanOptions options, Control& control);

// All that the worker needs to know to take a partition's resources; copies, as the worker has its own thread.
struct Reservation {
    std::string name;
    std::shared_ptr<const std::vector<Manifest>> definitions; // of all partitions
    std::function<Machine()> machine;
    PlanOptions options;
    bool ours = false; // what the module holds under this name is what this daemon took
};

struct Reserved {
    Machine machine;
    bool fresh = false;   // just taken, so all of its memory is zero
    bool foreign = false; // the name is somebody else's
    bool refused = false; // the images would not start: nothing was planned or taken
    Findings findings;    // why it does not fit, or what had to be done without
};

// Plans and takes; what is held already and still fits the definition is kept as it is. On an Error nothing is held
// but what would not go back; `reserved` is filled as far as it came.
void reserve(Control& control, const Reservation& reservation, Reserved& reserved);

} // namespace parker
