// SPDX-License-Identifier: LGPL-2.1-or-later
// From the power button to the end: how often it is pressed, how long that may take, and what came of it.
#include <catch2/catch.hpp>

#include "partition/give_back.h"
#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;

namespace {

Rig::Spec patient(const char* stop)
{
    Rig::Spec spec;
    spec.extra = std::string{"timeouts: {stop: "} + stop + "}\n";
    return spec;
}

} // namespace

TEST_CASE("a kernel that misses the power button gets it again")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    REQUIRE(rig.button());
    rig.pass(4s);
    CHECK_FALSE(rig.button());
    rig.pass(1s); // 5 s after the first press; this one is heard
    rig.pass(4s);
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.status().result == Result::success);
}

TEST_CASE("the power button is pressed every 5 s until the time is over, and then the kernel is killed at once")
{
    Rig rig;
    rig.define({patient("12s")});
    rig.start();
    rig.control->hang("db");
    rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    std::vector<unsigned> presses;
    unsigned second = 0;
    for (; rig.phase() == "deactivating/stopping" && second < 30; ++second) {
        if (rig.button())
            presses.push_back(second);
        rig.pass(1s);
    }
    CHECK(presses == std::vector<unsigned>{0, 5, 10});
    CHECK(second == 12);
    CHECK(rig.status().result == Result::stop_timeout);
}

TEST_CASE("a time limit that is shorter than the pause between two presses counts")
{
    Rig rig;
    rig.define({patient("3s")});
    rig.start();
    rig.control->hang("db");
    rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    rig.pass(2s);
    CHECK(rig.phase() == "deactivating/stopping");
    rig.pass(1s);
    CHECK(rig.phase() == "failed/dead");
}

TEST_CASE("whatever a kernel does when it is told to power off, all is given back")
{
    struct Row {
        const char* name;
        Exit exit;
        Result result;
        const char* phase;
        unsigned crashes;
    };
    const auto row = GENERATE(values<Row>({
        {"powers off", Exit::poweroff, Result::success, "inactive/dead", 0},
        {"reboots", Exit::reboot, Result::reboot, "inactive/dead", 0},
        {"panics", Exit::panic, Result::panic, "failed/crashed", 1},
    }));
    CAPTURE(row.name);
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    rig.control->end("db", row.exit);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.status().result == row.result);
    CHECK(rig.phase() == row.phase);
    CHECK(rig.status().counters.crashes == row.crashes);
    CHECK(rig.holds_nothing());
}

TEST_CASE("the power button of a kernel that has just ended is left alone")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", Exit::poweroff); // its event is on the way
    const auto job = rig.fleet->begin(Verb::stop, "db");
    SECTION("and that is no failure")
    {
        rig.control->fail(Rig::Call::map, {Code::kernel_refused, "the test", "says no"});
        rig.drain();
        CHECK(rig.phase() == "deactivating/stopping");
        rig.fleet->on_module_event("db");
    }
    SECTION("also if another program has given all back")
    {
        rig.control->kill("db");
        REQUIRE_FALSE(give_back(*rig.control, "db", {}));
        rig.drain();
        CHECK(rig.phase() == "deactivating/stopping");
        rig.fleet->on_module_event("db");
    }
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.status().result != Result::killed);
    CHECK(rig.holds_nothing());
}

TEST_CASE("a press that fails when the kernel has ended meanwhile changes nothing")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.control->fail(Rig::Call::map, {Code::kernel_refused, "the test", "says no"});
    rig.between = [&rig] {
        rig.control->end("db", Exit::poweroff);
        rig.fleet->on_module_event("db");
    };
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.status().result == Result::success);
    CHECK(rig.status().message.empty());
}

TEST_CASE("with `reserve: always` what failed to start, to stop or to live is held on")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "reserve: always\ntimeouts: {boot: 10s, stop: 10s}\n";
    rig.define({spec});
    rig.drain();
    SECTION("a kernel that does not boot")
    {
        rig.fleet->begin(Verb::start, "db");
        rig.drain();
        rig.control->hang("db");
        rig.pass(10s);
        CHECK(rig.phase() == "failed/held");
        CHECK(rig.status().result == Result::boot_timeout);
    }
    SECTION("a kernel that does not stop")
    {
        rig.start();
        rig.control->hang("db");
        rig.fleet->begin(Verb::stop, "db");
        rig.drain();
        rig.pass(10s);
        CHECK(rig.phase() == "failed/held");
        CHECK(rig.status().result == Result::stop_timeout);
    }
    SECTION("a kernel that cannot be started")
    {
        rig.control->fail(Rig::Call::start, {Code::start_failed, "CPU 2", "did not answer"});
        rig.fleet->begin(Verb::start, "db");
        rig.drain();
        CHECK(rig.phase() == "failed/held");
        CHECK(rig.status().result == Result::start_failed);
    }
    SECTION("a start that is killed")
    {
        rig.fleet->begin(Verb::start, "db");
        if (GENERATE(false, true))
            rig.step();
        rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        CHECK(rig.phase() == "inactive/held");
    }
    SECTION("a kernel that panicked, and is then killed, which changes nothing of how it ended")
    {
        rig.start();
        rig.control->end("db", Exit::panic);
        rig.fleet->on_module_event("db");
        rig.drain();
        const auto message = rig.status().message;
        const auto kill = rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        CHECK(rig.outcome(kill) == "done");
        CHECK(rig.phase() == "failed/crashed");
        CHECK(rig.status().result == Result::panic);
        CHECK(rig.status().message == message);
    }
    CHECK(rig.status().cpus == CpuSet{2, 3});
    CHECK(rig.outcome(rig.start()) == "done");
}
