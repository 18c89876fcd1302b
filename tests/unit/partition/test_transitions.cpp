// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "partition/transitions.h"

#include "base/error.h"

using namespace parker;

TEST_CASE("a partition goes up and down by the table")
{
    Phase phase;
    for (const auto event :
         {Event::start, Event::reserved, Event::loaded, Event::beat, Event::stop, Event::give_back, Event::rest_dead})
        phase = transition(phase, event);
    CHECK(phase == Phase{});
}

TEST_CASE("what the table does not know is refused")
{
    CHECK_THROWS_AS(transition({State::inactive, SubState::dead}, Event::beat), Error);
    CHECK_THROWS_AS(transition({State::active, SubState::running}, Event::start), Error);
    CHECK_THROWS_AS(transition({State::active, SubState::running}, Event::rest_dead), Error);
    CHECK_THROWS_AS(transition({State::deactivating, SubState::returning}, Event::stop), Error);
    CHECK_THROWS_AS(transition({State::active, SubState::dead}, Event::start), Error); // no such phase
}

TEST_CASE("from every rest one can start and reserve")
{
    struct Row {
        State state;
        SubState sub_state;
    };
    const auto row = GENERATE(values<Row>({
        {State::inactive, SubState::dead},
        {State::inactive, SubState::held},
        {State::inactive, SubState::partially_returned},
        {State::failed, SubState::dead},
        {State::failed, SubState::held},
        {State::failed, SubState::partially_returned},
        {State::failed, SubState::crashed},
        {State::failed, SubState::hung},
    }));
    const Phase phase{row.state, row.sub_state};
    CAPTURE(to_string(row.state), to_string(row.sub_state));
    CHECK(at_rest(phase));
    CHECK(transition(phase, Event::start) == Phase{State::activating, SubState::reserving});
    CHECK(transition(phase, Event::reserve) == Phase{State::inactive, SubState::reserving});
    CHECK_FALSE(at_rest(transition(phase, Event::reserve)));
}
