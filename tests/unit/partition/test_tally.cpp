// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <array>

#include "partition/tally.h"
#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;

namespace {

// starts, failed starts, crashes, stops
std::array<std::uint64_t, 4> counts(const Rig& rig)
{
    const auto counters = rig.status().counters;
    return {counters.starts, counters.failed_starts, counters.crashes, counters.stops};
}

using Counts = std::array<std::uint64_t, 4>;

} // namespace

TEST_CASE("a start and a stop are counted, with how long they took")
{
    Rig rig;
    rig.define({{}});
    CHECK(counts(rig) == Counts{0, 0, 0, 0});
    rig.start();
    CHECK(counts(rig) == Counts{1, 0, 0, 0});
    CHECK(rig.status().counters.start_usec >= 1'000'000); // to the simulated kernel's first beat
    rig.fleet->begin(Verb::stop, "db");
    rig.pass(10s);
    REQUIRE(rig.phase() == "inactive/dead");
    CHECK(counts(rig) == Counts{1, 0, 0, 1});
    CHECK(rig.status().counters.stop_usec >= 2'000'000); // its shutdown
    const auto first = rig.status().counters.start_usec;
    rig.start();
    CHECK(counts(rig) == Counts{2, 0, 0, 1});
    CHECK(rig.status().counters.start_usec == 2 * first);
}

TEST_CASE("a panic and a hang are crashes; a reboot and a power-off are none")
{
    Rig rig;
    rig.define({{}});
    for (const auto exit : {Exit::poweroff, Exit::reboot}) {
        rig.start();
        rig.control->end("db", exit);
        rig.fleet->on_module_event("db");
        rig.pass(1s);
    }
    CHECK(counts(rig) == Counts{2, 0, 0, 0});
    rig.start();
    rig.control->end("db", Exit::panic);
    rig.fleet->on_module_event("db");
    rig.pass(1s);
    CHECK(counts(rig) == Counts{3, 0, 1, 0});
    rig.start();
    rig.control->hang("db");
    rig.pass(2min);
    REQUIRE(rig.phase() == "failed/hung");
    CHECK(counts(rig) == Counts{4, 0, 2, 0});
}

TEST_CASE("a start that fails is counted, one that is killed is not")
{
    Rig rig;
    rig.define({{}});
    rig.control->fail(Rig::Call::take_memory, {Code::kernel_refused, "memory", "no"});
    rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(counts(rig) == Counts{0, 1, 0, 0});
    rig.fleet->begin(Verb::start, "db");
    rig.drain();
    REQUIRE(rig.phase() == "activating/booting");
    rig.control->end("db", Exit::panic); // before its first beat
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(counts(rig) == Counts{0, 2, 0, 0});
    for (const bool at_once : {true, false}) {
        rig.fleet->begin(Verb::start, "db");
        if (!at_once)
            rig.drain();
        rig.fleet->begin(Verb::kill, "db");
        rig.drain();
    }
    CHECK(counts(rig) == Counts{0, 2, 0, 0});
}

TEST_CASE("a start that another daemon began has no length")
{
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Verb::start, "db");
    rig.drain();
    rig.new_daemon();
    rig.define({{}});
    rig.pass(2s);
    REQUIRE(rig.phase() == "active/running");
    CHECK(counts(rig) == Counts{0, 0, 0, 0});
    CHECK(rig.status().counters.start_usec == 0);
}

TEST_CASE("what counts as what, transition by transition")
{
    static constexpr Phase dead{State::inactive, SubState::dead};
    static constexpr Phase reserving{State::activating, SubState::reserving};
    static constexpr Phase booting{State::activating, SubState::booting};
    static constexpr Phase running{State::active, SubState::running};
    static constexpr Phase stopping{State::deactivating, SubState::stopping};
    static constexpr Phase returning{State::deactivating, SubState::returning};
    static constexpr Phase crashed{State::failed, SubState::crashed};
    static constexpr Phase failed{State::failed, SubState::dead};
    struct Row {
        const char* name;
        std::vector<Phase> way; // a second from one to the next
        Result result;          // from the first `returning` on
        Counters counters;
    };
    static constexpr std::uint64_t second = 1'000'000;
    const auto row = GENERATE(values<Row>({
        {"up and down",
         {dead, reserving, booting, running, stopping, returning, dead},
         Result::success,
         {.starts = 1, .stops = 1, .start_usec = 2 * second, .stop_usec = 2 * second}},
        {"stopped while it boots",
         {dead, reserving, booting, stopping, returning, dead},
         Result::success,
         {.stops = 1, .stop_usec = 2 * second}},
        {"killed while it boots", {dead, reserving, booting, returning, dead}, Result::killed, {}},
        {"does not boot", {dead, reserving, booting, returning, failed}, Result::boot_timeout, {.failed_starts = 1}},
        {"panics while it boots", {dead, reserving, booting, returning, crashed}, Result::panic, {.failed_starts = 1}},
        {"does not fit", {dead, reserving, failed}, Result::resources, {.failed_starts = 1}},
        {"panics", {running, returning, crashed}, Result::panic, {.crashes = 1}},
        {"hangs", {running, returning, crashed}, Result::hung, {.crashes = 1}},
        {"ends, nobody knows why", {running, returning, crashed}, Result::unknown, {.crashes = 1}},
        {"panics when it is to stop",
         {running, stopping, returning, crashed},
         Result::panic,
         {.crashes = 1, .stops = 1, .stop_usec = 2 * second}},
        {"does not stop",
         {running, stopping, returning, failed},
         Result::stop_timeout,
         {.stops = 1, .stop_usec = 2 * second}},
        {"is killed", {running, returning, dead}, Result::killed, {}},
        {"reboots", {running, returning, dead}, Result::reboot, {}},
    }));
    CAPTURE(row.name);
    Tally tally;
    Tally::Clock::time_point now{1h};
    auto result = Result::success;
    for (std::size_t i = 1; i < row.way.size(); ++i) {
        if (row.way[i].sub_state == SubState::returning || row.way[i].state == State::failed)
            result = row.result;
        tally.note(row.way[i - 1], row.way[i], result, now);
        now += 1s;
    }
    const auto& counters = tally.counters();
    CHECK(counters.starts == row.counters.starts);
    CHECK(counters.failed_starts == row.counters.failed_starts);
    CHECK(counters.crashes == row.counters.crashes);
    CHECK(counters.stops == row.counters.stops);
    CHECK(counters.start_usec == row.counters.start_usec);
    CHECK(counters.stop_usec == row.counters.stop_usec);
}

TEST_CASE("a stop of which the end is not the next does not count twice")
{
    Rig rig;
    rig.define({{}});
    for (int i = 0; i < 2; ++i) {
        rig.start();
        rig.fleet->begin(Verb::stop, "db");
        rig.pass(10s);
        rig.start();
        rig.fleet->begin(Verb::kill, "db"); // no stop
        rig.drain();
    }
    CHECK(counts(rig) == Counts{4, 0, 0, 2});
}
