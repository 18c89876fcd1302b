// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/tally.h"

#include <utility>

namespace parker {
namespace {

std::uint64_t usec(Tally::Clock::duration time)
{
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

bool is_crash(Result result)
{
    return result == Result::panic || result == Result::hung || result == Result::unknown;
}

} // namespace

void Tally::note(Phase from, Phase to, Result result, Clock::time_point now)
{
    const bool was_up = from.sub_state == SubState::running || from.sub_state == SubState::stopping;
    const bool was_starting = from.state == State::activating;
    if (to == Phase{State::activating, SubState::reserving})
        start_began_ = now;
    if (to.sub_state == SubState::stopping)
        stop_began_ = now;

    if (was_starting && to.state != State::activating) {
        const auto began = std::exchange(start_began_, std::nullopt);
        if (to.state == State::active && began) {
            ++counters_.starts;
            counters_.start_usec += usec(now - *began);
        }
        if (to.state != State::active && to.sub_state != SubState::stopping && result != Result::killed)
            ++counters_.failed_starts;
    }
    if (was_up && to.sub_state == SubState::returning && is_crash(result))
        ++counters_.crashes;
    if (stop_began_ && at_rest(to)) {
        ++counters_.stops;
        counters_.stop_usec += usec(now - *std::exchange(stop_began_, std::nullopt));
    }
}

} // namespace parker
