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
