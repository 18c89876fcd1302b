// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;

TEST_CASE("a partition that reboots keeps what it has for the start that follows")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto before = rig.sim_list().front();
    rig.control->end("db", Exit::reboot);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    CHECK(rig.status().result == Result::reboot);
    CHECK(rig.status().message.empty());

    const auto page = before.memory.front().end - page_bytes; // where the rig's firmware writes nothing
    const auto first_byte = [&rig, page] { return rig.control->map({page, page + page_bytes})->bytes().front(); };
    rig.control->map({page, page + page_bytes})->bytes().front() = std::byte{7};

    SECTION("and starts in place, with its memory as it was")
    {
        rig.control->forget_history();
        CHECK(rig.outcome(rig.start()) == "done");
        for (const auto& call : rig.control->history())
            CHECK_THAT(call, !Catch::Matchers::StartsWith("take"));
        const auto after = rig.sim_list().front();
        CHECK(after.memory == before.memory);
        CHECK(after.cpus == before.cpus);
        CHECK(first_byte() == std::byte{7});
        rig.control->end("db", Exit::poweroff); // as any other from here on
        rig.fleet->on_module_event("db");
        rig.drain();
        CHECK(rig.holds_nothing());
    }
    SECTION("and starts on zeroed memory when it was redefined")
    {
        rig.define({{.extra = "description: another one\n"}});
        CHECK(rig.outcome(rig.start()) == "done");
        CHECK(rig.sim_list().front().memory == before.memory);
        CHECK(first_byte() == std::byte{0});
    }
    SECTION("for a while")
    {
        rig.pass(59s);
        CHECK(rig.phase() == "inactive/held");
        rig.pass(2s);
        CHECK(rig.phase() == "inactive/dead");
        CHECK(rig.holds_nothing());
    }
    SECTION("unless its manifest goes")
    {
        rig.define({});
        rig.drain();
        CHECK(rig.holds_nothing());
        CHECK(rig.fleet->names().empty());
    }
    SECTION("unless it is killed")
    {
        rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        CHECK(rig.phase() == "inactive/dead");
        CHECK(rig.holds_nothing());
    }
}

TEST_CASE("a stop that comes while a partition reboots gives everything back")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", Exit::reboot);
    rig.fleet->on_module_event("db");
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.holds_nothing());
}

TEST_CASE("a start that comes while a reboot is being returned waits for it")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", Exit::reboot);
    rig.fleet->on_module_event("db");
    const auto job = rig.fleet->begin(Verb::start, "db");
    CHECK_THROWS_WITH(rig.fleet->begin(Verb::start, "db"), Catch::Contains("another job is under way"));
    rig.drain();
    rig.pass(1s);
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "active/running");
}
