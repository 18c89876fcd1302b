// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/status.h"

namespace parker {

std::string_view to_string(State state)
{
    switch (state) {
    case State::inactive:
        return "inactive";
    case State::activating:
        return "activating";
    case State::active:
        return "active";
    case State::deactivating:
        return "deactivating";
    case State::failed:
        return "failed";
    }
    return "?";
}

std::string_view to_string(SubState state)
{
    switch (state) {
    case SubState::dead:
        return "dead";
    case SubState::held:
        return "held";
    case SubState::reserving:
        return "reserving";
    case SubState::loading:
        return "loading";
    case SubState::booting:
        return "booting";
    case SubState::running:
        return "running";
    case SubState::stopping:
        return "stopping";
    case SubState::returning:
        return "returning";
    case SubState::crashed:
        return "crashed";
    case SubState::hung:
        return "hung";
    case SubState::partially_returned:
        return "partially-returned";
    }
    return "?";
}

std::string_view to_string(Result result)
{
    switch (result) {
    case Result::success:
        return "success";
    case Result::reboot:
        return "reboot";
    case Result::panic:
        return "panic";
    case Result::hung:
        return "hung";
    case Result::killed:
        return "killed";
    case Result::boot_timeout:
        return "boot-timeout";
    case Result::stop_timeout:
        return "stop-timeout";
    case Result::resources:
        return "resources";
    case Result::start_failed:
        return "start-failed";
    case Result::unknown:
        return "unknown";
    }
    return "?";
}

} // namespace parker
