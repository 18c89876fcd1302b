// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;

namespace {

const Error refused{Code::kernel_refused, "the test", "says no"};

// "db 2-3" of all calls that begin with `verb`, in their order.
std::vector<std::string> calls(const Rig& rig, std::string_view verb)
{
    std::vector<std::string> result;
    for (const auto& line : rig.control->history())
        if (line.starts_with(verb))
            result.push_back(line.substr(verb.size(), line.find(' ') - verb.size()));
    return result;
}

} // namespace

TEST_CASE("whichever call of a start fails, everything goes back, last taken first")
{
    unsigned failing = 0;
    for (unsigned nth = 1; nth < 100; ++nth) {
        CAPTURE(nth);
        Rig rig;
        rig.define({{}});
        rig.control->fail_nth(nth, refused);
        const auto job = rig.start();
        if (rig.outcome(job) == "done")
            break;
        ++failing;
        CHECK(rig.outcome(job) == "kernel-refused");
        CHECK(rig.phase() == "failed/dead");
        const auto status = rig.status();
        CHECK((status.result == Result::resources || status.result == Result::start_failed));
        CHECK(status.message == "the test: says no");
        CHECK(rig.holds_nothing());

        auto taken = calls(rig, "take_");
        const auto given = calls(rig, "give_");
        std::ranges::reverse(taken);
        CHECK(given == taken);

        CHECK(rig.outcome(rig.start()) == "done"); // and it is not the worse for it
    }
    CHECK(failing == 6); // create, three takes, one map, start
}

TEST_CASE("whichever call of a stop fails, the rest goes back, and that one later")
{
    unsigned failing = 0;
    for (unsigned nth = 1; nth < 100; ++nth) {
        CAPTURE(nth);
        Rig rig;
        rig.define({{}});
        rig.start();
        rig.pass(1s);
        rig.control->fail_nth(nth, refused);
        const auto job = rig.fleet->begin(Verb::stop, "db");
        rig.drain();
        rig.pass(3500ms);
        CHECK(rig.outcome(job) != "under way");
        if (rig.outcome(job) == "kernel-refused") {
            ++failing;
            CHECK(rig.phase() == "inactive/partially-returned");
            CHECK(rig.status().message == "the test: says no");
            CHECK_FALSE(rig.holds_nothing());
        }
        rig.pass(10s);
        CHECK(rig.phase() == "inactive/dead");
        CHECK(rig.status().message.empty() == (nth != 1));
        CHECK(rig.holds_nothing());
        CHECK_FALSE(rig.fleet->next_deadline());
        if (rig.outcome(job) == "done" && nth > 1)
            break;
        if (nth == 1) // the power button could not be pressed: killed, and said so
            CHECK(rig.status().result == Result::killed);
    }
    CHECK(failing == 5); // kill, three gives, destroy
}

TEST_CASE("what a function may still write to is not given back before it")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_devices, {Code::device_busy, Rig::drive, "could not be reset"});
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    REQUIRE(rig.sim_list().size() == 1);
    CHECK(rig.sim_list().front().memory.size() == 1);
    CHECK(rig.sim_list().front().cpus.empty());
    CHECK(rig.status().devices.size() == 1);
    CHECK(rig.status().message == "0000:01:00.0: could not be reset");
    rig.pass(10s);
    CHECK(rig.holds_nothing());
}

TEST_CASE("a driver that will not bind does not keep the memory")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_devices, {Code::not_returned, Rig::drive, "driver nvme would not take it back"});
    const auto job = rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "not-returned");
    CHECK(rig.phase() == "inactive/partially-returned");
    CHECK(rig.sim_list().front().memory.empty());
    CHECK(rig.status().devices == std::vector{*Bdf::parse(Rig::drive)});
}

TEST_CASE("a device that is unplugged is told, and the partition goes on")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.log.clear();
    rig.control->unplug("db", *Bdf::parse(Rig::drive));
    rig.fleet->on_module_event("db");
    CHECK(rig.log == std::vector<std::string>{"changed db"});
    CHECK(rig.phase() == "active/running");
    const auto findings = rig.status().findings;
    REQUIRE(findings.size() == 2); // after that no IOMMU confines it
    CHECK(findings[1].code == Code::no_such_device);
    CHECK(findings[1].severity == Severity::warning);
    CHECK(findings[1].message == "0000:01:00.0 was unplugged; the partition goes on without it");
    CHECK(findings[1].at.file == "/etc/parker.d/db.yaml");
    rig.fleet->begin(Verb::stop, "db");
    rig.pass(10s);
    CHECK(rig.holds_nothing());
    CHECK(rig.status().findings.size() == 1);
}

TEST_CASE("a start that fails and cannot give everything back is failed, and tries again ever more seldom")
{
    Rig rig;
    rig.define({{}});
    rig.control->fail(Rig::Call::start, {Code::start_failed, "CPU 2", "did not answer"});
    rig.control->fail(Rig::Call::give_memory, refused, 3);
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "start-failed");
    CHECK(rig.phase() == "failed/partially-returned");
    CHECK(rig.status().message == "CPU 2: did not answer; the test: says no");
    rig.log.clear();
    std::vector<Rig::Clock::duration> waits;
    while (const auto next = rig.fleet->next_deadline()) {
        waits.push_back(*next - rig.now);
        rig.pass(*next - rig.now);
    }
    CHECK(waits == std::vector<Rig::Clock::duration>{2s, 4s, 8s});
    CHECK(rig.phase() == "failed/dead");
    CHECK(rig.status().message == "CPU 2: did not answer");
    CHECK(rig.holds_nothing());
    CHECK(rig.log == std::vector<std::string>{"changed db"}); // trying in vain is no news
}

TEST_CASE("a start of a partition that is not all returned gets a clean one, or says why not")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_cpus, refused, 2);
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.phase() == "inactive/partially-returned");
    const auto vain = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(vain) == "kernel-refused");
    CHECK(rig.phase() == "failed/partially-returned");
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("a kill of a partition that is not all returned tries at once")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_cpus, refused);
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    const auto job = rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.phase() == "inactive/dead");
}

TEST_CASE("a running kernel that cannot be killed keeps everything")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::kill, refused);
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.phase() == "inactive/partially-returned");
    CHECK(rig.sim_list().front().state == HeldPartition::State::running);
    CHECK(rig.sim_list().front().memory.size() == 1);
    rig.pass(10s);
    CHECK(rig.holds_nothing());
}

TEST_CASE("what does not fit fails with the planner's reason and takes nothing")
{
    Rig rig;
    Rig::Spec spec;
    spec.cpus = "{list: \"0-1\"}"; // the boot processor
    rig.define({spec});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "boot-cpu");
    CHECK(rig.phase() == "failed/dead");
    CHECK(rig.status().result == Result::resources);
    REQUIRE_FALSE(rig.status().findings.empty());
    CHECK(rig.status().findings.front().at.line == 3);
    CHECK(rig.control->history().empty());
}

TEST_CASE("who is merely defined keeps nobody from starting, who runs does")
{
    Rig rig;
    Rig::Spec spare; // the same CPUs and drive
    spare.name = "spare";
    rig.define({{}, spare});
    CHECK(rig.outcome(rig.start("spare")) == "done");
    CHECK(std::ranges::none_of(rig.status("spare").findings,
                               [](const Finding& finding) { return finding.severity == Severity::error; }));

    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "device-busy");
    CHECK_THAT(rig.status().message, Catch::Contains("held by partition spare"));

    rig.fleet->begin(Verb::kill, "spare");
    rig.drain();
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("a name that somebody else has taken is left alone")
{
    Rig rig;
    rig.define({{}});
    rig.control->create("db");
    rig.control->take_cpus("db", CpuSet{7});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(job) == "wrong-state");
    CHECK(rig.phase() == "failed/dead");
    rig.pass(60s);
    REQUIRE(rig.sim_list().size() == 1);
    CHECK(rig.sim_list().front().cpus == CpuSet{7});
}

TEST_CASE("DMA is confined where that can be, and where it must")
{
    struct Row {
        const char* name;
        const char* dma;
        bool iommu;
        bool refuses;
        const char* outcome;
        HeldPartition::Dma held;
        bool noted;
    };
    using Dma = HeldPartition::Dma;
    const auto row = GENERATE(values<Row>({
        {"auto with an IOMMU", "auto", true, false, "done", Dma::confined, false},
        {"auto without", "auto", false, false, "done", Dma::open, true},
        {"auto with one that refuses", "auto", true, true, "done", Dma::open, true},
        {"required with an IOMMU", "required", true, false, "done", Dma::confined, false},
        {"required without", "required", false, false, "dma-unconfined", Dma::none, true},
        {"off with an IOMMU", "off", true, false, "done", Dma::open, false},
    }));
    CAPTURE(row.name);
    Rig rig;
    rig.computer.iommu = row.iommu;
    rig.control = std::make_unique<SimulatedControl>(rig.computer, [&rig] { return rig.now; });
    rig.new_daemon();
    if (row.refuses)
        rig.control->fail(Rig::Call::take_devices, {Code::dma_unconfined, Rig::drive, "the group is shared"});
    Rig::Spec spec;
    spec.extra = std::string{"isolation: {dma: "} + row.dma + "}\n";
    rig.define({spec});
    const auto job = rig.start();
    CHECK(rig.outcome(job) == row.outcome);
    CHECK(rig.status().dma == row.held);
    CHECK(rig.status().findings.empty() != row.noted);
    rig.pass(1s);
}
