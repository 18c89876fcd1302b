// SPDX-License-Identifier: LGPL-2.1-or-later
// Jobs that meet others: what waits, what joins, what overtakes, and what is refused and why.
#include <catch2/catch.hpp>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Exit = HeldPartition::Exit;
using AllLanes = std::vector<Executor::Lanes>;

namespace {

Rig::Spec web_server()
{
    Rig::Spec spec;
    spec.name = "web";
    spec.cpus = "{list: \"4-5\"}";
    spec.devices = "";
    return spec;
}

// Begins it, and says why that is refused.
std::string refusal(Rig& rig, Verb verb, const std::string& name = "db")
{
    try {
        rig.fleet->begin(verb, name);
    } catch (const Error& error) {
        return std::string{info(error.code()).name} + ": " + error.reason();
    }
    return "none";
}

void end_db(Rig& rig, Exit exit)
{
    rig.control->end("db", exit);
    rig.fleet->on_module_event("db");
}

} // namespace

TEST_CASE("a start that waits for the return of a reboot is overtaken by a kill, and does not come after it")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    end_db(rig, Exit::reboot);
    const auto start = rig.fleet->begin(Verb::start, "db");
    const auto kill = rig.fleet->begin(Verb::kill, "db");
    CHECK(rig.outcome(start) == "start-failed");
    CHECK(rig.outcome(kill) == "under way");
    rig.drain();
    rig.pass(5s);
    CHECK(rig.outcome(kill) == "done");
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.holds_nothing());
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("a kill that overtakes a start does not end in an older failure")
{
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Verb::start, "db");
    rig.drain();
    rig.new_daemon();
    rig.define({{}});
    end_db(rig, Exit::panic); // while it boots, for a daemon that has no job of it
    const auto start = rig.fleet->begin(Verb::start, "db");
    const auto kill = rig.fleet->begin(Verb::kill, "db");
    CHECK(rig.outcome(start) == "start-failed");
    rig.drain();
    CHECK(rig.outcome(kill) == "done");
    CHECK(rig.phase() == "failed/crashed");
    CHECK(rig.holds_nothing());
}

TEST_CASE("a kill overtakes nothing that is as quick as itself")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    SECTION("another kill")
    {
        rig.fleet->begin(Verb::kill, "db");
    }
    SECTION("a stop that only returns what was held")
    {
        rig.fleet->begin(Verb::stop, "db");
        rig.drain();
        end_db(rig, Exit::poweroff);
    }
    SECTION("a release")
    {
        rig.define({{.extra = "reserve: always\n"}});
        end_db(rig, Exit::poweroff);
        rig.drain();
        REQUIRE(rig.phase() == "inactive/held");
        rig.fleet->begin(Verb::release, "db");
    }
    REQUIRE(rig.phase() == "deactivating/returning");
    CHECK(refusal(rig, Verb::kill) == "busy: another job is under way: it is deactivating (returning)");
    rig.drain();
    CHECK(rig.fleet->jobs().empty());
    CHECK(rig.holds_nothing());
}

TEST_CASE("a stop that joins a return does not hurry the last look, as a kill does")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    end_db(rig, Exit::panic);
    rig.fleet->begin(Verb::stop, "db");
    rig.drain();
    REQUIRE(rig.endings.size() == 1);
    REQUIRE(rig.endings.front().hurry);
    CHECK_FALSE(*rig.endings.front().hurry);
}

TEST_CASE("a job that is refused is refused with its reason")
{
    Rig rig;
    rig.define({{}});
    CHECK(refusal(rig, Verb::stop) == "wrong-state: it does not run: it is inactive (dead)");
    CHECK(refusal(rig, Verb::kill) == "wrong-state: it does not run and holds nothing");
    CHECK(refusal(rig, Verb::release) == "wrong-state: it holds nothing");
    rig.start();
    CHECK(refusal(rig, Verb::start) == "wrong-state: it runs already");
    CHECK(refusal(rig, Verb::reserve) == "wrong-state: it is active (running)");
    CHECK(refusal(rig, Verb::release) == "wrong-state: it is active (running)");
    SECTION("while it is returned")
    {
        end_db(rig, Exit::panic);
        CHECK(refusal(rig, Verb::reserve) == "wrong-state: it is deactivating (returning)");
        CHECK(refusal(rig, Verb::release) == "wrong-state: it is deactivating (returning)");
        rig.drain();
        CHECK(refusal(rig, Verb::stop) == "wrong-state: it does not run: it is failed (crashed)");
    }
    SECTION("while it boots, for another daemon")
    {
        rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        rig.fleet->begin(Verb::start, "db");
        rig.drain();
        rig.new_daemon();
        rig.define({{}});
        CHECK(refusal(rig, Verb::reserve) == "wrong-state: it is activating (booting)");
        const auto stop = rig.fleet->begin(Verb::stop, "db");
        rig.pass(5s);
        CHECK(rig.outcome(stop) == "done");
        CHECK(rig.status().counters.failed_starts == 0);
        CHECK(rig.holds_nothing());
    }
    SECTION("when its manifest is gone")
    {
        rig.define({});
        rig.drain();
        end_db(rig, Exit::poweroff);
        CHECK(refusal(rig, Verb::start) == "busy: another job is under way: it is deactivating (returning)");
        rig.control->fail(Rig::Call::give_cpus, {Code::not_returned, "CPU 2", "no"});
        rig.drain();
        CHECK(refusal(rig, Verb::start) == "wrong-state: its manifest is gone");
        CHECK(refusal(rig, Verb::reserve) == "wrong-state: its manifest is gone");
    }
}

TEST_CASE("what no valid manifest speaks of cannot be started")
{
    Rig rig;
    rig.control->create("db");
    rig.new_daemon();
    rig.define_broken("", "/etc/parker.d/something.yaml"); // it may be this one's
    rig.drain();
    CHECK(rig.phase() == "inactive/dead");
    CHECK(refusal(rig, Verb::start) == "invalid-manifest: no valid manifest speaks of it");
    CHECK(refusal(rig, Verb::reserve) == "invalid-manifest: no valid manifest speaks of it");
}

TEST_CASE("only an error explains why a partition is not there")
{
    Rig rig;
    auto all = rig.manifests({});
    Finding finding;
    finding.severity = Severity::warning;
    finding.code = Code::bad_value;
    finding.partition = "db";
    finding.at.file = "/etc/parker.d/db.yaml";
    all.findings.push_back(finding);
    rig.fleet->define(all);
    CHECK(refusal(rig, Verb::start) == "no-such-partition: there is none of this name");
}

TEST_CASE("jobs are listed in the order of their beginning")
{
    Rig rig;
    rig.define({{}, web_server()});
    const auto first = rig.fleet->begin(Verb::start, "web");
    const auto second = rig.fleet->begin(Verb::start, "db");
    CHECK(first < second);
    const auto jobs = rig.fleet->jobs();
    REQUIRE(jobs.size() == 2);
    CHECK(jobs[0].id == first);
    CHECK(jobs[0].partition == "web");
    CHECK(jobs[1].id == second);
    CHECK(jobs[1].verb == Verb::start);
}

TEST_CASE("no two plans are carried out at once, and no two steps of a partition")
{
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.lanes == AllLanes{{"db"}, {"/taking", "db"}, {"db"}}); // images, resources, start
    rig.pass(1s);
    rig.lanes.clear();
    rig.fleet->begin(Verb::stop, "db");
    rig.pass(5s);
    CHECK(rig.lanes == AllLanes{{"db"}, {"db"}});
    rig.lanes.clear();
    rig.fleet->plan([](const std::optional<Error>&, const Preview&) {});
    CHECK(rig.lanes == AllLanes{{"/taking"}});
}

TEST_CASE("what ends after the Fleet is told to nobody")
{
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Verb::start, "db");
    bool planned = false;
    SECTION("a start")
    {
        rig.fleet.reset();
    }
    SECTION("a plan, which needs it until it is made")
    {
        rig.drain();
        rig.fleet->plan([&planned](const std::optional<Error>&, const Preview&) { planned = true; });
        rig.between = [&rig] { rig.fleet.reset(); };
    }
    const auto told = rig.log.size();
    rig.drain();
    CHECK(rig.log.size() == told);
    CHECK_FALSE(planned);
}

TEST_CASE("what a start is refused with is the job's error, with the kernel's own words")
{
    Rig rig;
    rig.define({{}});
    rig.cause = "Kernel panic - not syncing: VFS";
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    end_db(rig, Exit::panic);
    rig.drain();
    REQUIRE(rig.error(job));
    CHECK(rig.error(job)->reason() == "the application kernel panicked: Kernel panic - not syncing: VFS");
    CHECK(rig.error(job)->suggestion() == "parkerctl log db");
    CHECK(rig.status().error_code == "start-failed");
    CHECK(rig.status().suggestion == "parkerctl log db");
}

TEST_CASE("what the manifest says is shown while nothing runs, and what runs while it runs")
{
    Rig rig;
    rig.define({{.extra = "autostart: true\ndescription: the database\n"}});
    CHECK(rig.status().cmdline == "ro");
    CHECK(rig.status().kernel_release.empty());
    CHECK(rig.status().kernel_image == (rig.directory / "vmlinuz").string());
    CHECK(rig.status().autostart);
    CHECK(rig.status().description == "the database");
    rig.start();
    CHECK(rig.status().cmdline == "ro quiet");
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.status().cmdline == "ro");
    CHECK(rig.status().kernel_release.empty());
    CHECK(rig.status().run_started_usec == 0);
}
