// SPDX-License-Identifier: LGPL-2.1-or-later
// The last look at a kernel that has ended: each gets one, while its memory is still there (the rig checks that).
#include <algorithm>
#include <catch2/catch.hpp>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;

namespace {

void end(Rig& rig, Exit exit)
{
    rig.control->end("db", exit);
    rig.fleet->on_module_event("db");
    rig.drain();
}

} // namespace

TEST_CASE("a kernel that panicked is looked at once, and its words explain the failure")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto run = rig.status().run_id;
    const auto memory = rig.status().memory;
    CHECK(run.size() == 36);
    CHECK(rig.status().run_started_usec > 0);
    rig.cause = "Kernel panic - not syncing: test";
    end(rig, Exit::panic);
    REQUIRE(rig.endings.size() == 1);
    const auto& ending = rig.endings.front();
    CHECK(ending.result == Result::panic);
    CHECK(ending.held.name == "db");
    CHECK(ending.held.memory == memory);
    CHECK(ending.run.id == run);
    CHECK(ending.run.cmdline == "ro quiet");
    REQUIRE(ending.manifest);
    CHECK(ending.manifest->name.value == "db");
    CHECK(rig.status().message == "the application kernel panicked: Kernel panic - not syncing: test");
    CHECK(rig.phase() == "failed/crashed");
    CHECK(rig.status().run_id.empty());
    rig.start();
    CHECK(rig.status().run_id != run);
}

TEST_CASE("each way to end gets its look, and only a failure is explained")
{
    Rig rig;
    rig.define({{}});
    rig.cause = "BUG: test";
    rig.start();
    SECTION("power-off")
    {
        end(rig, Exit::poweroff);
        CHECK(rig.endings.at(0).result == Result::success);
        CHECK(rig.status().message.empty());
    }
    SECTION("reboot, before it starts again in place")
    {
        end(rig, Exit::reboot);
        CHECK(rig.endings.at(0).result == Result::reboot);
        CHECK(rig.status().message.empty());
        rig.start();
        CHECK(rig.endings.size() == 1);
    }
    SECTION("kill")
    {
        rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        CHECK(rig.endings.at(0).result == Result::killed);
        CHECK(rig.status().message.empty());
    }
    SECTION("hang")
    {
        rig.control->hang("db");
        rig.pass(60s);
        CHECK(rig.endings.at(0).result == Result::hung);
        CHECK(rig.status().message == "no heartbeat for 30 s: BUG: test");
    }
    CHECK(rig.endings.size() == 1);
}

TEST_CASE("a kernel that dies before its first heartbeat says why in the job's error, too")
{
    Rig rig;
    rig.define({{}});
    rig.cause = "Kernel panic - not syncing: VFS";
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    end(rig, Exit::panic);
    CHECK(rig.outcome(job) == "start-failed");
    CHECK(rig.endings.size() == 1);
    CHECK_THAT(rig.status().message, Catch::Matchers::EndsWith(": Kernel panic - not syncing: VFS"));
}

TEST_CASE("what never ran is not looked at")
{
    Rig rig;
    rig.define({{}});
    rig.control->fail(SimulatedControl::Call::start, Error{Code::start_failed, "CPU 2", "did not answer"});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "start-failed");
    CHECK(rig.endings.empty());
}

TEST_CASE("a kernel that ended while no daemon was there is looked at by the next one, which knows the run")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto run = rig.status().run_id;
    rig.new_daemon();
    CHECK(rig.status().run_id == run);
    rig.new_daemon();
    rig.control->end("db", Exit::panic);
    rig.define({{}});
    rig.fleet->on_module_event("db");
    rig.drain();
    REQUIRE(rig.endings.size() == 1);
    CHECK(rig.endings.front().run.id == run);
    REQUIRE(rig.endings.front().manifest);
    CHECK(rig.endings.front().manifest->name.value == "db");
}

TEST_CASE("before memory goes back that another hand's end left, nobody looks into it any more")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    CHECK(rig.away.empty());
    rig.control->kill("db"); // by another program
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.away == std::vector<std::string>{"db"});
    CHECK(rig.endings.empty());
    CHECK(rig.holds_nothing());
}

TEST_CASE("a look that was given up is a finding, said once, and no failure")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto run = rig.status().run_id;
    const auto said = [&rig] { return std::ranges::count(rig.status().findings, Code::look_given_up, &Finding::code); };
    rig.fleet->on_look_given_up("db", "an earlier run", "why");
    rig.fleet->on_look_given_up("none", run, "why");
    CHECK(said() == 0);
    rig.fleet->on_look_given_up("db", run, "the search was given up");
    rig.fleet->on_look_given_up("db", run, "the search was given up");
    REQUIRE(said() == 1);
    const auto finding = rig.status().findings.back();
    CHECK(finding.code == Code::look_given_up);
    CHECK(finding.severity == Severity::warning);
    CHECK(finding.message == "the search was given up");
    CHECK(finding.partition == "db");
    CHECK(rig.phase() == "active/running");
    CHECK(rig.log.back() == "changed db");
    rig.fleet->begin(Fleet::Verb::kill, "db");
    rig.drain();
    CHECK(said() == 1);
    rig.start();
    CHECK(said() == 0);
}
