// SPDX-License-Identifier: LGPL-2.1-or-later
// What would not go back: tried again and again, shown as it is, and in nobody's way.
#include <catch2/catch.hpp>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;
using Waits = std::vector<Rig::Clock::duration>;

namespace {

const Error unwilling{Code::kernel_refused, "the test", "says no"};

// How long it waits from one try to the next, until all is back.
Waits waits(Rig& rig)
{
    Waits result;
    while (const auto next = rig.fleet->next_deadline()) {
        result.push_back(*next - rig.now);
        rig.pass(*next - rig.now);
    }
    return result;
}

void kill_db(Rig& rig)
{
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
}

} // namespace

TEST_CASE("it is tried about every minute at last, and the next time begins anew")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_cpus, unwilling, 9);
    kill_db(rig);
    CHECK(waits(rig) == Waits{2s, 4s, 8s, 16s, 32s, 64s, 64s, 64s, 64s});
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.status().message.empty());
    rig.start();
    rig.control->fail(Rig::Call::give_cpus, unwilling);
    kill_db(rig);
    CHECK(waits(rig) == Waits{2s});
}

TEST_CASE("a try that gives some of it back is told, and so is another reason")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    SECTION("less is held")
    {
        rig.control->fail(Rig::Call::give_memory, unwilling, 2);
        rig.control->fail(Rig::Call::give_cpus, unwilling);
        kill_db(rig);
        CHECK(rig.status().cpus == CpuSet{2, 3});
        rig.log.clear();
        rig.pass(2s);
        CHECK(rig.status().cpus.empty());
        CHECK(rig.status().memory.size() == 1);
        CHECK(rig.log == std::vector<std::string>{"changed db"});
        rig.pass(4s);
    }
    SECTION("less memory is held")
    {
        rig.control->fail(Rig::Call::give_memory, unwilling);
        rig.control->fail(Rig::Call::give_cpus, unwilling, 2);
        kill_db(rig);
        rig.log.clear();
        rig.pass(2s);
        CHECK(rig.log == std::vector<std::string>{"changed db"});
        rig.pass(4s);
    }
    SECTION("fewer devices are held")
    {
        rig.control->fail(Rig::Call::give_devices, {Code::not_returned, "the test", "says no"});
        rig.control->fail(Rig::Call::give_cpus, unwilling, 2);
        kill_db(rig);
        rig.log.clear();
        rig.pass(2s);
        CHECK(rig.log == std::vector<std::string>{"changed db"});
        rig.pass(4s);
    }
    SECTION("another reason")
    {
        rig.control->fail(Rig::Call::give_cpus, unwilling);
        rig.control->fail(Rig::Call::give_cpus, {Code::kernel_refused, "the test", "says never"});
        kill_db(rig);
        CHECK(rig.status().message == "the test: says no");
        rig.log.clear();
        rig.pass(2s);
        CHECK(rig.status().message == "the test: says never");
        CHECK(rig.log == std::vector<std::string>{"changed db"});
        rig.pass(4s);
    }
    CHECK(rig.phase() == "inactive/dead");
}

TEST_CASE("a kill that comes while it is tried again is done after it")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_cpus, unwilling, GENERATE(1U, 2U, 3U));
    kill_db(rig);
    REQUIRE(rig.phase() == "inactive/partially-returned");
    rig.now += 2s;
    rig.fleet->on_deadline();
    const auto job = rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.outcome(job) != "under way");
    rig.pass(60s);
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.holds_nothing());
}

TEST_CASE("a kernel that could be killed only later is looked at then, and its failure explained")
{
    struct Row {
        const char* name;
        const char* phase;
        const char* message;
    };
    const auto row = GENERATE(values<Row>({
        {"panic", "failed/crashed", "the application kernel panicked: BUG: test"},
        {"hang", "failed/hung", "no heartbeat for 30 s: BUG: test"},
    }));
    CAPTURE(row.name);
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.cause = "BUG: test";
    rig.control->fail(Rig::Call::kill, unwilling);
    if (std::string_view{row.name} == "panic") {
        rig.control->end("db", Exit::panic);
        rig.fleet->on_module_event("db");
        rig.drain();
    } else {
        rig.control->hang("db");
        while (rig.phase() == "active/running")
            rig.pass(1s);
    }
    CHECK(rig.phase() == "failed/partially-returned");
    CHECK(rig.endings.empty());
    rig.pass(2s);
    CHECK(rig.phase() == row.phase);
    CHECK(rig.status().message == row.message);
    CHECK(rig.endings.size() == 1);
    CHECK(rig.holds_nothing());
}

TEST_CASE("what a reservation took and cannot give back is shown, and given back later")
{
    Rig rig;
    rig.define({{}});
    rig.control->fail(Rig::Call::take_memory, {Code::memory_busy, "node 0", "no"});
    rig.control->fail(Rig::Call::give_cpus, unwilling);
    SECTION("of a reservation that failed")
    {
        const auto job = rig.fleet->begin(Verb::reserve, "db");
        rig.drain();
        CHECK(rig.outcome(job) == "memory-busy");
        CHECK(rig.phase() == "failed/partially-returned");
        CHECK(rig.status().message == "node 0: no; it still holds something that is tried again");
        rig.pass(2s);
        CHECK(rig.phase() == "failed/dead");
    }
    SECTION("of a start that was killed meanwhile")
    {
        rig.fleet->begin(Verb::start, "db");
        rig.step(); // the images are looked at, the rest is about to be taken
        const auto job = rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        CHECK(rig.outcome(job) == "done");
        CHECK(rig.phase() == "inactive/partially-returned");
        rig.pass(2s);
        CHECK(rig.phase() == "inactive/dead");
    }
    CHECK(rig.holds_nothing());
}

TEST_CASE("a start that gets a clean partition forgets what would not go back")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_cpus, unwilling);
    kill_db(rig);
    CHECK(rig.status().message == "the test: says no");
    CHECK(rig.status().error_code == "kernel-refused");
    rig.fleet->begin(Verb::start, "db");
    CHECK(rig.status().message.empty());
    CHECK(rig.status().error_code.empty());
    rig.drain();
    rig.pass(1s);
    CHECK(rig.phase() == "active/running");
    CHECK(rig.status().message.empty());
}

TEST_CASE("a range that will not go back keeps no other from it, and the first reason is told")
{
    SimulatedControl::Options options;
    options.largest_range = 256 * MiB;
    Rig rig{options};
    rig.define({{}});
    rig.start();
    const auto ranges = rig.status().memory;
    REQUIRE(ranges.size() == 2);
    rig.control->fail(Rig::Call::give_cpus, unwilling);
    rig.control->fail(Rig::Call::give_memory, {Code::kernel_refused, "the first range", "no"});
    kill_db(rig);
    REQUIRE(rig.sim_list().size() == 1);
    CHECK(rig.sim_list().front().memory == std::vector{ranges.back()});
    CHECK(rig.status().message == "the first range: no");
    rig.pass(2s);
    CHECK(rig.holds_nothing());
}
