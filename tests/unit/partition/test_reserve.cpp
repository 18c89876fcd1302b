// SPDX-License-Identifier: LGPL-2.1-or-later
// What is taken for a partition, and what is not.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;

namespace {

Rig::Spec counted(const std::string& name, const char* cpus, const char* devices = "")
{
    Rig::Spec spec;
    spec.name = name;
    spec.cpus = cpus;
    spec.devices = devices;
    return spec;
}

bool has_call(const Rig& rig, std::string_view beginning)
{
    return std::ranges::any_of(rig.control->history(),
                               [beginning](const std::string& call) { return call.starts_with(beginning); });
}

} // namespace

TEST_CASE("a partition gets a place in which none that is defined stands in its way later")
{
    Rig alone;
    alone.define({counted("db", "{count: 2}")});
    alone.start();
    const auto likes = alone.status().cpus;
    REQUIRE(likes.size() == 2);

    Rig rig;
    rig.define({counted("db", "{count: 2}"), counted("web", ("{list: \"" + likes.to_string() + "\"}").c_str())});
    rig.start();
    CHECK((rig.status().cpus & likes).empty());
    CHECK(rig.outcome(rig.start("web")) == "done");
}

TEST_CASE("who asks for no device takes none")
{
    Rig rig;
    rig.define({counted("db", "{count: 2}")});
    rig.start();
    CHECK_FALSE(has_call(rig, "take_devices"));
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK_FALSE(has_call(rig, "give_devices"));
}

TEST_CASE("only an IOMMU that cannot confine is done without, and only where that is allowed")
{
    Rig rig;
    rig.computer.iommu = true;
    rig.control = std::make_unique<SimulatedControl>(rig.computer, [&rig] { return rig.now; });
    rig.new_daemon();
    SECTION("another reason is a reason")
    {
        rig.define({{}});
        rig.control->fail(Rig::Call::take_devices, {Code::device_busy, Rig::drive, "somebody has it"});
        const auto job = rig.start();
        CHECK(rig.outcome(job) == "device-busy");
        CHECK_FALSE(has_call(rig, "take_devices"));
    }
    SECTION("where it must be confined")
    {
        rig.define({{.extra = "isolation: {dma: required}\n"}});
        rig.control->fail(Rig::Call::take_devices, {Code::dma_unconfined, Rig::drive, "the group is shared"});
        const auto job = rig.start();
        CHECK(rig.outcome(job) == "dma-unconfined");
        CHECK_FALSE(has_call(rig, "take_devices"));
    }
    SECTION("what is found says why, and where")
    {
        rig.define({{}});
        rig.control->fail(Rig::Call::take_devices, {Code::dma_unconfined, Rig::drive, "the group is shared"});
        CHECK(rig.outcome(rig.start()) == "done");
        REQUIRE(rig.status().findings.size() == 1);
        const auto finding = rig.status().findings.front();
        CHECK(finding.severity == Severity::warning);
        CHECK_THAT(finding.message, Catch::EndsWith("the group is shared"));
        CHECK(finding.at.line == 5);
        CHECK(finding.partition == "db");
    }
}

TEST_CASE("a reservation alone needs no kernel; a start does, and without one leaves the reservation as it is")
{
    Rig rig;
    std::filesystem::remove(rig.directory / "vmlinuz");
    rig.define({{.extra = "reserve: always\n"}});
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    rig.control->forget_history();
    const auto start = rig.fleet->begin(Verb::start, "db");
    if (GENERATE(false, true)) {
        rig.drain();
        CHECK(rig.outcome(start) == "unreadable");
        CHECK(rig.phase() == "failed/held");
    } else {
        const auto kill = rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        CHECK(rig.outcome(kill) == "done");
        CHECK(rig.phase() == "inactive/held");
    }
    CHECK(rig.control->history().empty());
    CHECK_FALSE(rig.fleet->next_deadline());
    std::ofstream{rig.directory / "vmlinuz"} << "a kernel";
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("what a rebooting partition held goes back at once when it cannot be started again")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", HeldPartition::Exit::reboot);
    rig.fleet->on_module_event("db");
    rig.drain();
    std::filesystem::remove(rig.directory / "vmlinuz");
    const auto start = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(start) == "unreadable");
    CHECK(rig.phase() == "failed/dead");
    CHECK(rig.holds_nothing());
}

TEST_CASE("findings of the last start are gone with the next one")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    REQUIRE(rig.status().findings.size() == 1); // no IOMMU
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.status().findings.size() == 1);
    rig.fleet->begin(Verb::start, "db");
    CHECK(rig.status().findings.empty());
}

TEST_CASE("a partition that ran after a reboot gives back what it has like any other")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", HeldPartition::Exit::reboot);
    rig.fleet->on_module_event("db");
    rig.drain();
    CHECK(rig.outcome(rig.start()) == "done");
    rig.control->hang("db");
    rig.pass(60s);
    CHECK(rig.phase() == "failed/hung");
    CHECK(rig.holds_nothing());
}

TEST_CASE("with `reserve: always`, a reboot that nobody follows up changes nothing of what is held")
{
    Rig rig;
    rig.define({{.extra = "reserve: always\n"}});
    rig.drain();
    rig.start();
    rig.control->end("db", HeldPartition::Exit::reboot);
    rig.fleet->on_module_event("db");
    rig.drain();
    rig.control->forget_history();
    rig.pass(120s);
    CHECK(rig.phase() == "inactive/held");
    CHECK(rig.control->history().empty());
    CHECK_FALSE(rig.fleet->next_deadline());
}

TEST_CASE("what another definition took is given back before the machine is looked at for this one")
{
    Rig rig;
    rig.define({{.cpus = "{list: \"1-7\"}", .extra = "reserve: always\n"}});
    rig.drain();
    REQUIRE(rig.status().cpus.size() == 7);
    rig.define({{.cpus = "{list: \"2-5\"}", .extra = "reserve: always\n"}});
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    CHECK(rig.status().cpus == CpuSet{2, 3, 4, 5});
}
