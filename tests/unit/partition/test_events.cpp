// SPDX-License-Identifier: LGPL-2.1-or-later
// Heartbeats, ends and deadlines, also when the module's event was lost.
#include <catch2/catch.hpp>

#include "base/clock.h"
#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;

namespace {

Rig::Spec timeouts(const std::string& words)
{
    Rig::Spec spec;
    spec.extra = "timeouts: {" + words + "}\n";
    return spec;
}

// Time passes in the kernels, and nobody is told of it.
void pass_unheard(Rig& rig, Rig::Clock::duration time)
{
    rig.now += time;
    static_cast<void>(rig.control->advance());
}

} // namespace

TEST_CASE("an event that was lost is made up for at the next deadline")
{
    Rig rig;
    rig.define({{}});
    SECTION("the first heartbeat")
    {
        const auto job = rig.fleet->begin(Verb::start, "db");
        rig.drain();
        pass_unheard(rig, 1s);
        CHECK(rig.phase() == "activating/booting");
        rig.pass(59s);
        CHECK(rig.phase() == "active/running");
        CHECK(rig.outcome(job) == "done");
    }
    SECTION("the end of a kernel that runs")
    {
        rig.start();
        rig.control->end("db", Exit::panic);
        rig.pass(8s); // looks four times in the 30 s of its heartbeat
        CHECK(rig.phase() == "failed/crashed");
        CHECK(rig.status().result == Result::panic);
    }
    SECTION("the power-off")
    {
        rig.start();
        const auto job = rig.fleet->begin(Verb::stop, "db");
        rig.drain();
        rig.control->end("db", Exit::poweroff);
        rig.pass(5s);
        CHECK(rig.outcome(job) == "done");
        CHECK(rig.status().result == Result::success);
    }
}

TEST_CASE("an event of a partition that nobody knows, or of one at rest, is nothing")
{
    Rig rig;
    rig.define({{}});
    const auto told = rig.log.size();
    rig.fleet->on_module_event("nobody");
    rig.control->create("db"); // by another program
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.log.size() == told);
    CHECK(rig.phase() == "inactive/dead");
}

TEST_CASE("a heartbeat that stops is noticed between its limit and a quarter more")
{
    const auto after = GENERATE(range(0, 8));
    CAPTURE(after);
    Rig rig;
    rig.define({timeouts("heartbeat: 8s")});
    rig.start();
    rig.pass(std::chrono::seconds{after});
    rig.control->hang("db"); // its last beat was just now
    rig.pass(7900ms);
    CHECK(rig.phase() == "active/running");
    rig.pass(2100ms);
    CHECK(rig.phase() == "failed/hung");
    CHECK(rig.status().message == "no heartbeat for 8 s");
}

TEST_CASE("the last heartbeat stays to be seen, and the next run has its own")
{
    Rig rig;
    rig.define({{}});
    CHECK(rig.fleet->heartbeat("db").usec == 0);
    rig.start();
    rig.pass(3s);
    CHECK(rig.fleet->heartbeat("db").count == 4);
    const auto seen = rig.fleet->heartbeat("db");
    CHECK(seen.usec != 0);
    rig.control->end("db", Exit::panic);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.fleet->heartbeat("db").count == 4);
    CHECK(rig.fleet->heartbeat("db").usec == seen.usec);
    rig.fleet->begin(Verb::start, "db");
    CHECK(rig.fleet->heartbeat("db").count == 0);
    CHECK(rig.fleet->heartbeat("db").usec == 0);
}

TEST_CASE("each partition has its own deadline, and the next one is that which comes first")
{
    Rig rig;
    auto db = timeouts("boot: 20s");
    auto web = timeouts("boot: 300s");
    web.name = "web";
    web.cpus = "{list: \"4-5\"}";
    web.devices = "";
    if (GENERATE(false, true))
        std::swap(db.extra, web.extra);
    const std::string early = db.extra.find("20s") != std::string::npos ? "db" : "web";
    const std::string late = early == "db" ? "web" : "db";
    rig.define({db, web});
    rig.fleet->begin(Verb::start, "db");
    rig.fleet->begin(Verb::start, "web");
    rig.drain();
    rig.control->hang("db");
    rig.control->hang("web");
    CHECK(rig.fleet->next_deadline() == rig.now + 20s);
    rig.fleet->on_deadline(); // before its time
    CHECK(rig.phase(early) == "activating/booting");
    rig.pass(20s);
    CHECK(rig.phase(early) == "failed/dead");
    CHECK(rig.phase(late) == "activating/booting");
    CHECK(rig.fleet->next_deadline() == rig.now + 280s);
}

TEST_CASE("how long a state has lasted is told")
{
    Rig rig;
    rig.define({{}});
    CHECK(rig.status().state_change_usec == 0);
    const auto before = realtime_usec();
    rig.start();
    const auto since = rig.status().state_change_usec;
    CHECK(since >= before);
    CHECK(since <= realtime_usec());
    rig.pass(10s);
    CHECK(rig.status().state_change_usec == since);
    rig.fleet->begin(Verb::stop, "db");
    CHECK(rig.status().state_change_usec > since);
}
