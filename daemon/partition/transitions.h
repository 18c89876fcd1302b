// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string_view>

#include "partition/status.h"

namespace parker {

struct Phase {
    State state = State::inactive;
    SubState sub_state = SubState::dead;
    bool operator==(const Phase&) const = default;
};

enum class Event {
    reserve,      // a reservation without a start begins
    start,        // a start begins
    reserved,     // everything is held
    loaded,       // the module has started the application kernel
    beat,         // the first heartbeat came
    stop,         // the power button was pressed
    give_back,    // what is held begins to go back
    rest_dead,    // ended well: nothing is held
    rest_held,    // ended well: everything stays held
    rest_partial, // ended well: something would not go back
    fail_dead,    // the same four for a bad end
    fail_held,
    fail_partial,
    fail_crashed,
    fail_hung,
};

std::string_view to_string(Event event);

// The one table of what may follow what. Throws Error (failed) for what may not: that is a bug here.
Phase transition(Phase from, Event event);

// Nothing runs and nothing is under way.
bool at_rest(Phase phase);

} // namespace parker
