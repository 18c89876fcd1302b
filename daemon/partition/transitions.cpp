// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/transitions.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"

namespace parker {
namespace {

constexpr Phase dead{State::inactive, SubState::dead};
constexpr Phase held{State::inactive, SubState::held};
constexpr Phase partial{State::inactive, SubState::partially_returned};
constexpr Phase taking{State::inactive, SubState::reserving}; // for a reservation alone
constexpr Phase reserving{State::activating, SubState::reserving};
constexpr Phase loading{State::activating, SubState::loading};
constexpr Phase booting{State::activating, SubState::booting};
constexpr Phase running{State::active, SubState::running};
constexpr Phase stopping{State::deactivating, SubState::stopping};
constexpr Phase returning{State::deactivating, SubState::returning};
constexpr Phase failed_dead{State::failed, SubState::dead};
constexpr Phase failed_held{State::failed, SubState::held};
constexpr Phase failed_partial{State::failed, SubState::partially_returned};
constexpr Phase crashed{State::failed, SubState::crashed};
constexpr Phase hung{State::failed, SubState::hung};

struct Arc {
    Phase from;
    Event event;
    Phase to;
};

constexpr auto arcs = std::to_array<Arc>({
    {dead, Event::reserve, taking},
    {dead, Event::start, reserving},

    {held, Event::reserve, taking},
    {held, Event::start, reserving},
    {held, Event::give_back, returning},

    {partial, Event::reserve, taking},
    {partial, Event::start, reserving},
    {partial, Event::give_back, returning},
    {partial, Event::rest_dead, dead}, // tried again, and it went

    {failed_dead, Event::reserve, taking},
    {failed_dead, Event::start, reserving},

    {failed_held, Event::reserve, taking},
    {failed_held, Event::start, reserving},
    {failed_held, Event::give_back, returning},

    {failed_partial, Event::reserve, taking},
    {failed_partial, Event::start, reserving},
    {failed_partial, Event::give_back, returning},
    {failed_partial, Event::fail_dead, failed_dead}, // tried again, and it went
    {failed_partial, Event::fail_crashed, crashed},
    {failed_partial, Event::fail_hung, hung},

    {crashed, Event::reserve, taking},
    {crashed, Event::start, reserving},
    {crashed, Event::give_back, returning},

    {hung, Event::reserve, taking},
    {hung, Event::start, reserving},
    {hung, Event::give_back, returning},

    {taking, Event::reserved, held},
    {taking, Event::fail_dead, failed_dead},
    {taking, Event::fail_partial, failed_partial},

    {reserving, Event::reserved, loading},
    {reserving, Event::give_back, returning}, // killed meanwhile
    {reserving, Event::rest_dead, dead},      // killed, and it had failed anyway
    {reserving, Event::rest_held, held},
    {reserving, Event::rest_partial, partial},
    {reserving, Event::fail_dead, failed_dead},
    {reserving, Event::fail_held, failed_held}, // refused before anything was touched
    {reserving, Event::fail_partial, failed_partial},

    {loading, Event::loaded, booting},
    {loading, Event::give_back, returning},

    {booting, Event::beat, running},
    {booting, Event::stop, stopping},
    {booting, Event::give_back, returning},

    {running, Event::stop, stopping},
    {running, Event::give_back, returning},

    {stopping, Event::give_back, returning},

    {returning, Event::rest_dead, dead},
    {returning, Event::rest_held, held},
    {returning, Event::rest_partial, partial},
    {returning, Event::fail_dead, failed_dead},
    {returning, Event::fail_held, failed_held},
    {returning, Event::fail_partial, failed_partial},
    {returning, Event::fail_crashed, crashed},
    {returning, Event::fail_hung, hung},
});

} // namespace

Phase transition(Phase from, Event event)
{
    const auto* arc = std::ranges::find_if(
        arcs, [from, event](const Arc& candidate) { return candidate.from == from && candidate.event == event; });
    if (arc == arcs.end())
        throw Error{Code::failed, "state machine",
                    "no way from " + std::string{to_string(from.state)} + '/' + std::string{to_string(from.sub_state)} +
                        " by " + std::string{to_string(event)}};
    return arc->to;
}

bool at_rest(Phase phase)
{
    return phase.state == State::failed || (phase.state == State::inactive && phase != taking);
}

std::string_view to_string(Event event)
{
    switch (event) {
    case Event::reserve:
        return "reserve";
    case Event::start:
        return "start";
    case Event::reserved:
        return "reserved";
    case Event::loaded:
        return "loaded";
    case Event::beat:
        return "beat";
    case Event::stop:
        return "stop";
    case Event::give_back:
        return "give-back";
    case Event::rest_dead:
        return "rest-dead";
    case Event::rest_held:
        return "rest-held";
    case Event::rest_partial:
        return "rest-partial";
    case Event::fail_dead:
        return "fail-dead";
    case Event::fail_held:
        return "fail-held";
    case Event::fail_partial:
        return "fail-partial";
    case Event::fail_crashed:
        return "fail-crashed";
    case Event::fail_hung:
        return "fail-hung";
    }
    return "?";
}

} // namespace parker
