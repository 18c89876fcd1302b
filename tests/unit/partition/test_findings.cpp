// SPDX-License-Identifier: LGPL-2.1-or-later
// Whose finding is it: what becomes of a partition that no valid manifest speaks of any more, and who is told what.
#include <catch2/catch.hpp>

#include <algorithm>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Log = std::vector<std::string>;

namespace {

Finding finding(Severity severity, const std::string& partition, const std::string& file)
{
    Finding result;
    result.severity = severity;
    result.code = Code::unknown_key;
    result.at = {file, 3, 1};
    result.partition = partition;
    result.message = "unknown key";
    return result;
}

void define(Rig& rig, const std::vector<Rig::Spec>& specs, const Findings& findings)
{
    auto all = rig.manifests(specs);
    all.findings = findings;
    rig.fleet->define(all);
}

Rig::Spec always_held(const char* memory = "{size: 512MiB}")
{
    Rig::Spec spec;
    spec.memory = memory;
    spec.extra = "reserve: always\n";
    return spec;
}

} // namespace

TEST_CASE("only an error that may be about it keeps a partition whose manifest is gone")
{
    struct Row {
        const char* name;
        Severity severity;
        const char* partition;
        const char* file;
        bool stays;
    };
    const auto row = GENERATE(values<Row>({
        {"its own", Severity::error, "db", "/etc/parker.d/db.yaml", true},
        {"its own, in another file now", Severity::error, "db", "/run/parker.d/db.yaml", true},
        {"one in its file that cannot be read", Severity::error, "", "/etc/parker.d/db.yaml", true},
        {"another one in its file", Severity::error, "web", "/etc/parker.d/db.yaml", false},
        {"a warning about it", Severity::warning, "db", "/etc/parker.d/db.yaml", false},
        {"a warning in its file", Severity::warning, "", "/etc/parker.d/db.yaml", false},
        {"one in another file", Severity::error, "", "/etc/parker.d/web.yaml", false},
    }));
    CAPTURE(row.name);
    Rig rig;
    rig.define({{}});
    define(rig, {}, {finding(row.severity, row.partition, row.file)});
    rig.drain();
    CHECK(rig.fleet->names().size() == (row.stays ? 1U : 0U));
    CHECK(rig.fleet->findings().size() == 1);
    if (row.stays) {
        CHECK(rig.status().need_reload);
        CHECK(rig.status().findings.size() == 1);
    }
}

TEST_CASE("a partition has its own findings, and a change of them alone is told")
{
    Rig rig;
    const auto own = finding(Severity::warning, "db", "/etc/parker.d/db.yaml");
    const auto other = finding(Severity::warning, "web", "/etc/parker.d/db.yaml");
    define(rig, {{}}, {own, other});
    REQUIRE(rig.status().findings.size() == 1);
    CHECK(rig.status().findings.front().partition == "db");
    rig.log.clear();
    define(rig, {{}}, {own});
    CHECK(rig.log.empty());
    auto changed = own;
    changed.message = "another one";
    define(rig, {{}}, {changed});
    CHECK(rig.log == Log{"changed db"});
    define(rig, {{}}, {});
    CHECK(rig.log == Log{"changed db", "changed db"});
    CHECK(rig.status().findings.empty());
}

TEST_CASE("another error of a broken manifest is told")
{
    Rig rig;
    rig.define({{}});
    define(rig, {}, {finding(Severity::error, "db", "/etc/parker.d/db.yaml")});
    rig.log.clear();
    auto other = finding(Severity::error, "db", "/etc/parker.d/db.yaml");
    other.message = "wrong type";
    define(rig, {}, {other});
    CHECK(rig.log == Log{"changed db"});
}

TEST_CASE("while its manifest is broken nothing is reserved anew for it")
{
    Rig rig;
    rig.define({always_held()});
    rig.drain();
    rig.start();
    rig.define({always_held("{size: 256MiB}")});
    rig.define_broken("db", "/etc/parker.d/db.yaml");
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    CHECK(rig.status().memory.front().bytes() == 512 * MiB);
    rig.define({always_held("{size: 256MiB}")});
    rig.drain();
    CHECK(rig.status().memory.front().bytes() == 256 * MiB);
}

TEST_CASE("a reservation that was given back by hand comes again with the next change")
{
    Rig rig;
    rig.define({always_held()});
    rig.drain();
    rig.fleet->begin(Verb::release, "db");
    rig.drain();
    REQUIRE(rig.phase() == "inactive/dead");
    rig.define({always_held()});
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
}

TEST_CASE("the plan is over all manifests")
{
    Rig rig;
    Rig::Spec web;
    web.name = "web";
    web.cpus = "{count: 2}";
    web.devices = "";
    rig.define({{}, web});
    const auto planned = [&rig] {
        std::optional<Preview> plan;
        rig.fleet->plan([&plan](const std::optional<Error>& error, const Preview& made) {
            CHECK_FALSE(error);
            plan = made;
        });
        CHECK_FALSE(plan); // reading the machine is the executor's work
        rig.drain();
        REQUIRE(plan);
        return *plan;
    };
    auto plan = planned();
    CHECK(plan.changes.size() == 2);
    CHECK(plan.findings.empty());

    SECTION("and says what a restart would be for")
    {
        rig.start();
        CHECK_FALSE(planned().changes.at(0).needs_restart);
        define(rig, {{.extra = "description: another one\n"}, web}, {});
        plan = planned();
        CHECK(plan.changes.at(0).needs_restart);
        CHECK_FALSE(plan.changes.at(1).needs_restart);
    }
    SECTION("with what was found in them first, and then what stands in its own way")
    {
        rig.control->mount(*Bdf::parse(Rig::drive));
        define(rig, {{}, web}, {finding(Severity::warning, "web", "/etc/parker.d/db.yaml")});
        plan = planned();
        REQUIRE(plan.findings.size() == 2);
        CHECK(plan.findings[0].code == Code::unknown_key);
        CHECK(plan.findings[1].code == Code::device_busy);
        CHECK(plan.findings[1].severity == Severity::warning);
    }
    SECTION("but not over one that is gone, and only stops")
    {
        rig.start();
        define(rig, {web}, {});
        plan = planned();
        const auto db = std::ranges::find(plan.changes, "db", &Change::name);
        REQUIRE(db != plan.changes.end());
        CHECK(db->action() == Change::Action::give);
    }
    SECTION("of which a broken one is planned as it was")
    {
        define(rig, {web}, {finding(Severity::error, "db", "/etc/parker.d/db.yaml")});
        CHECK(planned().changes.size() == 2);
    }
}

TEST_CASE("a plan that cannot be made says why")
{
    Rig rig;
    rig.define({{}});
    rig.machine_error = Error{Code::unreadable, "/sys", "cannot be read"};
    std::optional<Code> code;
    rig.fleet->plan([&code](const std::optional<Error>& error, const Preview&) {
        if (error)
            code = error->code();
    });
    rig.drain();
    CHECK(code == Code::unreadable);
}
