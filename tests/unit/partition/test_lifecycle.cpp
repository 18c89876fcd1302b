// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <parker_control.h>

#include <cstring>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;

namespace {

bool memory_says(SimulatedControl& control, std::uint64_t address, std::string_view text)
{
    const auto mapping = control.map({address, address + page_bytes});
    return std::memcmp(mapping->bytes().data(), text.data(), text.size()) == 0;
}

} // namespace

TEST_CASE("a start takes, loads, starts and is done with the first heartbeat")
{
    Rig rig;
    rig.define({{}});
    CHECK(rig.phase() == "inactive/dead");
    const auto job = rig.fleet->begin(Verb::start, "db");
    CHECK(rig.phase() == "activating/reserving");
    CHECK(rig.control->history().empty()); // nothing happens in the loop's thread
    rig.drain();
    CHECK(rig.phase() == "activating/booting");
    CHECK(rig.outcome(job) == "under way");
    rig.pass(1s);
    CHECK(rig.phase() == "active/running");
    CHECK(rig.outcome(job) == "done");

    CHECK(rig.control->history() == std::vector<std::string>{"create db", "take_cpus db 2-3",
                                                             "take_memory db 512MiB of node 0",
                                                             "take_devices db 0000:01:00.0", "start db CPU 2"});
    const auto status = rig.status();
    CHECK(status.cpus == CpuSet{2, 3});
    REQUIRE(status.memory.size() == 1);
    CHECK(status.memory.front().bytes() == 512 * MiB);
    CHECK(status.devices == std::vector{*Bdf::parse(Rig::drive)});
    CHECK(status.kernel_release == "6.1.0");
    CHECK(status.cmdline == "ro quiet");
    CHECK(rig.fleet->heartbeat("db").count == 1);
    CHECK(rig.fleet->heartbeat("db").usec != 0);
    CHECK(status.manifest_path == "/etc/parker.d/db.yaml");
    CHECK(memory_says(*rig.control, status.memory.front().start, "firmware"));

    // Each step was told once, in its own state.
    CHECK(rig.phases == std::vector<std::string>{"db activating/reserving", "db activating/loading",
                                                 "db activating/booting", "db active/running"});
    CHECK(rig.log == std::vector<std::string>{"appeared db", "job_new db", "changed db", "changed db", "changed db",
                                              "changed db", "job_removed db"});
}

TEST_CASE("the heartbeat that is shown is the latest")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto before = rig.fleet->heartbeat("db").count;
    const auto told = rig.log.size();
    rig.pass(5s);
    CHECK(rig.fleet->heartbeat("db").count == before + 5);
    CHECK(rig.log.size() == told); // no signal for each beat
}

TEST_CASE("a stop presses the power button and returns everything, last taken first")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->forget_history();
    rig.phases.clear();
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    CHECK(rig.phase() == "deactivating/stopping");
    CHECK(rig.outcome(job) == "under way");
    rig.pass(5s);
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.status().result == Result::success);
    CHECK(rig.status().cpus.empty());
    CHECK(rig.holds_nothing());
    CHECK(rig.control->history() == std::vector<std::string>{"kill db", "give_devices db", "give_memory db 512MiB",
                                                             "give_cpus db 2-3", "destroy db"});
    CHECK(rig.phases ==
          std::vector<std::string>{"db deactivating/stopping", "db deactivating/returning", "db inactive/dead"});
    CHECK_FALSE(rig.fleet->next_deadline()); // nothing wakes up for a partition at rest
}

TEST_CASE("an executor that works at once makes no difference")
{
    Rig rig;
    rig.at_once = true;
    rig.define({{}});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.pass(1s);
    CHECK(rig.outcome(job) == "done");
    const auto stop = rig.fleet->begin(Verb::stop, "db");
    rig.pass(5s);
    CHECK(rig.outcome(stop) == "done");
    CHECK(rig.holds_nothing());
    rig.define({});
    CHECK(rig.fleet->names().empty());
}

TEST_CASE("ten rounds leave nothing behind")
{
    Rig rig;
    rig.define({{}});
    for (int round = 0; round < 10; ++round) {
        CHECK(rig.outcome(rig.start()) == "done");
        rig.fleet->begin(Verb::stop, "db");
        rig.pass(5s);
        CHECK(rig.holds_nothing());
    }
    CHECK(rig.control->info().slices_free == 16);
}

TEST_CASE("a stop that takes too long becomes a kill, and the job is done all the same")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "timeouts: {stop: 10s}\n";
    rig.define({spec});
    rig.start();
    rig.control->hang("db");
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.pass(9s);
    CHECK(rig.phase() == "deactivating/stopping");
    rig.pass(2s);
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "failed/dead");
    CHECK(rig.status().result == Result::stop_timeout);
    CHECK(rig.status().message == "did not power off within 10 s and was killed");
    CHECK(rig.holds_nothing());
}

TEST_CASE("a kill ends a running partition at once")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->hang("db");
    const auto job = rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.status().result == Result::killed);
    CHECK(rig.holds_nothing());
}

TEST_CASE("a kill overtakes a start at each of its steps")
{
    const auto steps = GENERATE(0, 1, 2);
    CAPTURE(steps);
    Rig rig;
    rig.define({{}});
    const auto start = rig.fleet->begin(Verb::start, "db");
    for (int i = 0; i < steps; ++i)
        CHECK(rig.step());
    const auto kill = rig.fleet->begin(Verb::kill, "db");
    CHECK(rig.outcome(start) == "start-failed");
    CHECK(rig.outcome(kill) == "under way");
    rig.drain();
    CHECK(rig.outcome(kill) == "done");
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.status().result == Result::killed);
    CHECK(rig.holds_nothing());
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("a kill overtakes a start whose step fails")
{
    Rig rig;
    rig.define({{}});
    rig.control->fail(Rig::Call::take_memory, Error{Code::memory_busy, "node 0", "no"});
    rig.fleet->begin(Verb::start, "db");
    const auto kill = rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.outcome(kill) == "done");
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.holds_nothing());
}

TEST_CASE("a kill overtakes a stop")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->hang("db");
    const auto stop = rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    const auto kill = rig.fleet->begin(Verb::kill, "db");
    CHECK(rig.outcome(stop) == "wrong-state");
    rig.drain();
    CHECK(rig.outcome(kill) == "done");
    CHECK(rig.holds_nothing());
}

TEST_CASE("jobs that make no sense are refused")
{
    Rig rig;
    rig.define({{}});
    const auto begin = [&rig](Verb verb) { return code_of([&rig, verb] { rig.fleet->begin(verb, "db"); }); };
    CHECK(code_of([&rig] { rig.fleet->begin(Verb::start, "web"); }) == Code::no_such_partition);
    CHECK(code_of([&rig] { static_cast<void>(rig.fleet->status("web")); }) == Code::no_such_partition);
    CHECK(begin(Verb::stop) == Code::wrong_state);
    CHECK(begin(Verb::kill) == Code::wrong_state);
    CHECK(begin(Verb::release) == Code::wrong_state);
    rig.fleet->begin(Verb::start, "db");
    CHECK(begin(Verb::start) == Code::busy);
    CHECK(begin(Verb::stop) == Code::busy);
    REQUIRE(rig.fleet->jobs().size() == 1);
    CHECK(rig.fleet->jobs().front().verb == Verb::start);
    rig.drain();
    rig.pass(1s);
    CHECK(rig.fleet->jobs().empty());
    CHECK(begin(Verb::start) == Code::wrong_state);
    CHECK(begin(Verb::reserve) == Code::wrong_state);
    CHECK(begin(Verb::release) == Code::wrong_state);
}

TEST_CASE("how an application kernel ends by itself")
{
    struct Row {
        const char* name;
        Exit exit;
        Result result;
        const char* phase;
    };
    const auto row = GENERATE(values<Row>({
        {"power-off", Exit::poweroff, Result::success, "inactive/dead"},
        {"panic", Exit::panic, Result::panic, "failed/crashed"},
        {"nobody knows", Exit::unknown, Result::unknown, "failed/crashed"},
    }));
    CAPTURE(row.name);
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", row.exit);
    rig.fleet->on_module_event("db");
    CHECK(rig.phase() == "deactivating/returning");
    rig.drain();
    CHECK(rig.phase() == row.phase);
    CHECK(rig.status().result == row.result);
    CHECK(rig.status().message.empty() == (row.result == Result::success));
    CHECK(rig.holds_nothing());
    CHECK(rig.outcome(rig.start()) == "done"); // whatever the end was, it can start again
    CHECK(rig.status().result == Result::success);
    CHECK(rig.status().message.empty());
}

TEST_CASE("a stop that comes while a partition is being returned joins it")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", Exit::poweroff);
    rig.fleet->on_module_event("db");
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "inactive/dead");
}

TEST_CASE("an end before the first heartbeat fails the start")
{
    struct Row {
        const char* name;
        Exit exit;
        Result result;
        const char* phase;
    };
    const auto row = GENERATE(values<Row>({
        {"power-off", Exit::poweroff, Result::start_failed, "failed/dead"},
        {"reboot", Exit::reboot, Result::start_failed, "failed/dead"},
        {"panic", Exit::panic, Result::panic, "failed/crashed"},
    }));
    CAPTURE(row.name);
    Rig rig;
    rig.define({{}});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    rig.control->end("db", row.exit);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.outcome(job) == "start-failed");
    CHECK(rig.phase() == row.phase);
    CHECK(rig.status().result == row.result);
    CHECK(rig.holds_nothing());
}

TEST_CASE("an end that comes while the worker's completion is on its way is not missed")
{
    Rig rig;
    rig.define({{}});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.step();
    rig.step();
    rig.between = [&rig] {
        rig.control->end("db", Exit::panic);
        rig.fleet->on_module_event("db"); // nobody expects it yet
    };
    rig.drain();
    CHECK(rig.outcome(job) == "start-failed");
    CHECK(rig.status().result == Result::panic);
    CHECK(rig.holds_nothing());
}

TEST_CASE("no heartbeat in time fails the start and returns everything")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "timeouts: {boot: 20s}\n";
    rig.define({spec});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    rig.control->hang("db");
    rig.pass(19s);
    CHECK(rig.outcome(job) == "under way");
    rig.pass(2s);
    CHECK(rig.outcome(job) == "boot-timeout");
    CHECK(rig.phase() == "failed/dead");
    CHECK(rig.status().result == Result::boot_timeout);
    CHECK(rig.holds_nothing());
}

TEST_CASE("a heartbeat that stops for too long is a hang")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "timeouts: {heartbeat: 8s}\n";
    rig.define({spec});
    rig.start();
    rig.pass(30s);
    CHECK(rig.phase() == "active/running");
    rig.control->hang("db");
    rig.pass(7s);
    CHECK(rig.phase() == "active/running");
    rig.pass(4s);
    CHECK(rig.phase() == "failed/hung");
    CHECK(rig.status().result == Result::hung);
    CHECK(rig.holds_nothing());
}

TEST_CASE("a partition that another program ends is crashed, not stopped")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->kill("db");
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.phase() == "failed/crashed");
    CHECK(rig.status().message == "another program than parkerd ended it");
    CHECK(rig.holds_nothing());
}

TEST_CASE("two partitions live side by side")
{
    Rig rig;
    Rig::Spec web;
    web.name = "web";
    web.cpus = "{list: \"4-5\"}";
    web.devices = "[{pci: \"0000:02:00.0\"}]";
    rig.define({{}, web});
    const auto first = rig.fleet->begin(Verb::start, "db");
    const auto second = rig.fleet->begin(Verb::start, "web");
    rig.drain();
    rig.pass(1s);
    CHECK(rig.outcome(first) == "done");
    CHECK(rig.outcome(second) == "done");
    CHECK(rig.status("web").cpus == CpuSet{4, 5});
    rig.control->end("db", Exit::panic);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.phase("db") == "failed/crashed");
    CHECK(rig.phase("web") == "active/running");
    REQUIRE(rig.sim_list().size() == 1);
    rig.fleet->begin(Verb::stop, "web");
    rig.pass(5s);
    CHECK(rig.holds_nothing());
}

TEST_CASE("reserve: always holds from the first sight, through stops and crashes")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "reserve: always\n";
    rig.define({spec});
    CHECK(rig.phase() == "inactive/reserving");
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    CHECK(rig.status().cpus == CpuSet{2, 3});

    rig.control->forget_history();
    CHECK(rig.outcome(rig.start()) == "done");
    CHECK(rig.control->history() == std::vector<std::string>{"start db CPU 2"}); // nothing is taken twice
    rig.fleet->begin(Verb::stop, "db");
    rig.pass(5s);
    CHECK(rig.phase() == "inactive/held");
    CHECK(rig.status().devices.size() == 1);

    rig.start();
    rig.control->end("db", Exit::panic);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.phase() == "failed/crashed");
    CHECK(rig.status().cpus == CpuSet{2, 3});
    CHECK(rig.outcome(rig.start()) == "done");

    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    rig.fleet->begin(Verb::release, "db");
    rig.drain();
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.holds_nothing());
}

TEST_CASE("memory that is kept for the next run is zero again by then")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "reserve: always\n";
    rig.define({spec});
    rig.drain();
    rig.start();
    const auto held = rig.sim_list().front();
    const auto far = held.memory.front().end - page_bytes;
    std::memcpy(rig.control->map({far, far + page_bytes})->bytes().data(), "secret", 6);
    rig.fleet->begin(Verb::stop, "db");
    rig.pass(5s);
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(memory_says(*rig.control, far, std::string_view{"\0\0\0\0\0\0", 6}));
    CHECK(rig.outcome(job) == "under way"); // the last run's heartbeat does not count
    CHECK(rig.fleet->heartbeat("db").count == 0);
}

TEST_CASE("a reservation by hand lasts until it is released")
{
    Rig rig;
    rig.define({{}});
    const auto job = rig.fleet->begin(Verb::reserve, "db");
    CHECK(code_of([&rig] { rig.fleet->begin(Verb::kill, "db"); }) == Code::busy);
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "inactive/held");
    rig.define({{}}); // reading the same manifests again changes nothing
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    rig.fleet->begin(Verb::release, "db");
    rig.drain();
    CHECK(rig.holds_nothing());
}

TEST_CASE("a Fleet may go while its work is under way")
{
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Verb::start, "db");
    rig.fleet.reset();
    rig.drain();
    rig.new_daemon();
    rig.define({{}});
    rig.drain();
    CHECK(rig.holds_nothing());
}

TEST_CASE("what a start reads from files holds up no other partition's start")
{
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Fleet::Verb::start, "db");
    REQUIRE(rig.lanes.size() == 1);
    CHECK(rig.lanes[0] == Executor::Lanes{"db"});
    rig.step();
    CHECK(rig.built.size() == 1);
    REQUIRE(rig.lanes.size() == 2);
    CHECK(rig.lanes[1].size() == 2); // where resources are taken
    rig.step();
    CHECK(rig.built.size() == 1);
    CHECK(rig.phase() == "activating/loading");
    CHECK(rig.lanes[2] == Executor::Lanes{"db"});
}

TEST_CASE("a kill between the reading of a start's files and the taking of anything leaves nothing")
{
    Rig rig;
    rig.define({{}});
    const auto start = rig.fleet->begin(Fleet::Verb::start, "db");
    rig.between = [&] { rig.fleet->begin(Fleet::Verb::kill, "db"); };
    rig.step();
    rig.drain();
    CHECK(rig.outcome(start) == "start-failed");
    CHECK(rig.holds_nothing());
    CHECK(rig.phase() == "inactive/dead");
}

TEST_CASE("however many ask for a plan, one is made at a time, and each is answered by one that began later")
{
    Rig rig;
    rig.define({{}});
    unsigned answered = 0;
    const auto ask = [&] { rig.fleet->plan([&answered](const std::optional<Error>&, const Preview&) { ++answered; }); };
    for (unsigned i = 0; i < 100; ++i)
        ask();
    CHECK(rig.lanes.size() == 1);
    rig.step();
    CHECK(answered == 1);
    CHECK(rig.lanes.size() == 2);
    rig.step();
    CHECK(answered == 100);
    CHECK(rig.lanes.size() == 2);
    ask();
    rig.drain();
    CHECK(answered == 101);
}
