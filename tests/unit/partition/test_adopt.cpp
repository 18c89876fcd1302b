// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;

namespace {

Rig::Spec always_reserved()
{
    Rig::Spec spec;
    spec.extra = "reserve: always\n";
    return spec;
}

} // namespace

TEST_CASE("a new daemon finds a running partition running, and all that can be known of it")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto before = rig.status();
    const auto beats = rig.fleet->heartbeat("db").count;
    rig.new_daemon();
    CHECK(rig.phase() == "active/running");
    rig.define({{}});
    rig.drain();
    const auto after = rig.status();
    CHECK(rig.phase() == "active/running");
    CHECK(after.cpus == before.cpus);
    CHECK(after.memory == before.memory);
    CHECK(after.kernel_release == before.kernel_release);
    CHECK(after.cmdline == before.cmdline);
    CHECK(rig.fleet->heartbeat("db").count == beats);
    CHECK_FALSE(after.need_restart);
    const auto job = rig.fleet->begin(Verb::stop, "db");
    rig.pass(5s);
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.holds_nothing());
}

TEST_CASE("a new daemon sees that a running partition needs a restart")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.new_daemon();
    Rig::Spec other;
    other.memory = "{size: 256MiB}";
    rig.define({other});
    CHECK(rig.status().need_restart);
    CHECK(rig.phase() == "active/running");
}

TEST_CASE("a new daemon waits for the first heartbeat of one that boots, with the manifest's patience")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "timeouts: {boot: 300s}\n";
    rig.define({spec});
    rig.fleet->begin(Verb::start, "db");
    rig.drain();
    rig.new_daemon();
    CHECK(rig.phase() == "activating/booting");
    rig.define({spec});

    SECTION("which comes")
    {
        const auto job = rig.fleet->begin(Verb::start, "db"); // the supervisor attaches
        rig.pass(1s);
        CHECK(rig.outcome(job) == "done");
        CHECK(rig.phase() == "active/running");
    }
    SECTION("which comes late")
    {
        rig.control->hang("db");
        rig.pass(299s);
        CHECK(rig.phase() == "activating/booting");
    }
    SECTION("which does not come")
    {
        rig.control->hang("db");
        rig.pass(301s);
        CHECK(rig.phase() == "failed/dead");
        CHECK(rig.status().result == Result::boot_timeout);
        CHECK(rig.holds_nothing());
    }
}

TEST_CASE("a new daemon settles what ended meanwhile")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", Exit::panic);
    rig.new_daemon();
    rig.define({{}});
    rig.drain();
    CHECK(rig.phase() == "failed/crashed");
    CHECK(rig.status().result == Result::panic);
    CHECK(rig.holds_nothing());
}

TEST_CASE("a new daemon keeps what ended meanwhile, if it is to be kept")
{
    Rig rig;
    rig.define({always_reserved()});
    rig.drain();
    rig.start();
    rig.control->end("db", Exit::poweroff);
    rig.new_daemon();
    rig.define({always_reserved()});
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    CHECK(rig.status().cpus == CpuSet{2, 3});
}

TEST_CASE("wherever a daemon dies in a start, the next one brings order")
{
    // After each of the module's calls: what a killed daemon leaves is what had been taken by then.
    const auto upto = GENERATE(range(1U, 5U));
    CAPTURE(upto);
    const bool keep = GENERATE(false, true);
    CAPTURE(keep);
    Rig rig;
    const auto spec = keep ? always_reserved() : Rig::Spec{};
    rig.control->create("db");
    if (upto > 1)
        rig.control->take_cpus("db", CpuSet{2, 3});
    if (upto > 2)
        rig.control->take_memory("db", 0, 512 * MiB);
    if (upto > 3)
        rig.control->take_devices("db", {*Bdf::parse(Rig::drive)}, false);
    rig.new_daemon();
    CHECK(rig.phase() == "inactive/held");
    rig.control->forget_history();
    rig.define({spec});
    rig.drain();
    if (keep) {
        CHECK(rig.phase() == "inactive/held");
        CHECK(rig.status().devices.size() == 1);
        CHECK(rig.control->history().empty() == (upto == 4)); // all there: nothing to do
    } else {
        CHECK(rig.phase() == "inactive/dead");
        CHECK(rig.holds_nothing());
    }
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("a running partition whose manifest went while no daemon looked is stopped and goes")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.new_daemon();
    rig.define({});
    rig.pass(5s);
    CHECK(rig.holds_nothing());
    CHECK(rig.fleet->names().empty());
}

TEST_CASE("a running partition of which nobody knows the file stays if its manifest may be one that cannot be read")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    REQUIRE(std::filesystem::remove(rig.directory / "runs" / "db.json"));
    rig.new_daemon();
    rig.define_broken("", "/etc/parker.d/something.yaml");
    rig.pass(5s);
    CHECK(rig.phase() == "active/running");
    CHECK(rig.status().need_reload);
    CHECK(rig.status().manifest_path.empty());
}

TEST_CASE("a damaged record of a run costs what it held and nothing else")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    REQUIRE(std::filesystem::exists(rig.directory / "runs" / "db.json"));
    std::filesystem::resize_file(rig.directory / "runs" / "db.json", 9);
    rig.new_daemon();
    rig.define({{}});
    CHECK(rig.phase() == "active/running");
    CHECK(rig.status().kernel_release.empty());
    CHECK_FALSE(rig.status().need_restart);
    rig.fleet->begin(Verb::stop, "db");
    rig.pass(5s);
    CHECK(rig.holds_nothing());
    CHECK_FALSE(std::filesystem::exists(rig.directory / "runs" / "db.json"));
}

TEST_CASE("a new daemon knows which run it found, and since when")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto before = rig.status();
    rig.new_daemon();
    CHECK(rig.status().run_id == before.run_id);
    CHECK(rig.status().run_started_usec == before.run_started_usec);
    CHECK(before.run_started_usec != 0);
}

TEST_CASE("a new daemon notices a hang, though nobody knows the manifest's limits")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "timeouts: {heartbeat: 5s}\n";
    rig.define({spec});
    rig.start();
    rig.new_daemon();
    rig.define_broken("db", "/etc/parker.d/db.yaml");
    rig.control->hang("db");
    rig.pass(29s);
    CHECK(rig.phase() == "active/running");
    rig.pass(9s);
    CHECK(rig.phase() == "failed/hung");
    CHECK(rig.holds_nothing());
}

TEST_CASE("a new daemon ends one that boots and whose manifest is gone")
{
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Verb::start, "db");
    rig.drain();
    rig.new_daemon();
    rig.define({});
    CHECK(rig.phase() == "deactivating/stopping");
    rig.pass(6s);
    CHECK(rig.fleet->names().empty());
    CHECK(rig.holds_nothing());
}

TEST_CASE("what a new daemon had to give back may be reserved by hand, and stays then")
{
    Rig rig;
    rig.control->create("db"); // half a start
    rig.new_daemon();
    rig.define({{}});
    rig.drain();
    REQUIRE(rig.holds_nothing());
    rig.fleet->begin(Verb::reserve, "db");
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    rig.define({{}});
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
}

TEST_CASE("what a new daemon found running with its own definition needs no new reservation at its end")
{
    Rig rig;
    rig.define({always_reserved()});
    rig.drain();
    rig.start();
    rig.new_daemon();
    rig.define({always_reserved()});
    rig.phases.clear();
    rig.control->end("db", Exit::poweroff);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.phases == std::vector<std::string>{"db deactivating/returning", "db inactive/held"});
}

TEST_CASE("what a new daemon found running reboots in place")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.new_daemon();
    rig.define({{}});
    const auto page = rig.sim_list().front().memory.front().end - page_bytes;
    rig.control->map({page, page + page_bytes})->bytes().front() = std::byte{7};
    rig.control->end("db", Exit::reboot);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.outcome(rig.start()) == "done");
    CHECK(rig.control->map({page, page + page_bytes})->bytes().front() == std::byte{7});
}

TEST_CASE("the last look does not take a manifest for that of a run which it is not")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.new_daemon();
    Rig::Spec other;
    other.memory = "{size: 256MiB}";
    rig.define({other});
    rig.control->end("db", Exit::panic);
    rig.fleet->on_module_event("db");
    rig.drain();
    REQUIRE(rig.endings.size() == 1);
    CHECK_FALSE(rig.endings.front().manifest);
}

TEST_CASE("half a start is given back without a step that is not needed")
{
    Rig rig;
    rig.control->create("db");
    rig.new_daemon();
    rig.control->forget_history();
    rig.define({{}});
    rig.drain();
    CHECK(rig.control->history() == std::vector<std::string>{"destroy db"}); // no kill of what never ran
}
