// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <optional>

#include "partition/status.h"
#include "partition/transitions.h"

namespace parker {

// Counts what a partition's transitions come to.
class Tally {
public:
    using Clock = std::chrono::steady_clock;

    // After each transition; `result` as it is then.
    void note(Phase from, Phase to, Result result, Clock::time_point now);
    const Counters& counters() const { return counters_; }

private:
    Counters counters_;
    std::optional<Clock::time_point> start_began_; // nothing: before this daemon did
    std::optional<Clock::time_point> stop_began_;
};

} // namespace parker
