// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of interfaces.md, "Reconciling", cell by cell.
#include <catch2/catch.hpp>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;
using Log = std::vector<std::string>;

namespace {

Rig::Spec smaller()
{
    Rig::Spec spec;
    spec.memory = "{size: 256MiB}";
    return spec;
}

Rig::Spec always(const char* memory = "{size: 512MiB}")
{
    Rig::Spec spec;
    spec.memory = memory;
    spec.extra = "reserve: always\n";
    return spec;
}

} // namespace

TEST_CASE("a manifest appears: listed, nothing taken")
{
    Rig rig;
    rig.define({{}});
    rig.drain();
    CHECK(rig.log == Log{"appeared db"});
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.holds_nothing());
    CHECK(rig.fleet->names() == std::vector<std::string>{"db"});
    rig.define({{}}); // the same again is no news
    CHECK(rig.log == Log{"appeared db"});
}

TEST_CASE("reserve: always that does not fit is failed, and tried again with the next change")
{
    Rig rig;
    rig.control->fail(Rig::Call::take_memory, {Code::memory_busy, "node 0", "no"});
    rig.define({always()});
    rig.drain();
    CHECK(rig.phase() == "failed/dead");
    CHECK(rig.status().message == "node 0: no");
    rig.define({always()});
    rig.drain();
    CHECK(rig.phase() == "inactive/held");
    rig.log.clear();
    rig.define({always()}); // and no more, once it is there
    rig.drain();
    CHECK(rig.log.empty());
}

TEST_CASE("a manifest changes while inactive: used at the next start")
{
    Rig rig;
    rig.define({{}});
    rig.log.clear();
    rig.define({smaller()});
    CHECK(rig.log == Log{"changed db"});
    CHECK_FALSE(rig.status().need_restart);
    rig.start();
    CHECK(rig.status().memory.front().bytes() == 256 * MiB);
}

TEST_CASE("a manifest changes while active: shown, never restarted")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.log.clear();
    rig.define({smaller()});
    rig.pass(5s);
    CHECK(rig.log == Log{"changed db"});
    CHECK(rig.status().need_restart);
    CHECK(rig.phase() == "active/running");
    CHECK(rig.status().memory.front().bytes() == 512 * MiB);

    SECTION("and changed back, all is well")
    {
        rig.define({{}});
        CHECK_FALSE(rig.status().need_restart);
    }
    SECTION("and restarted, it has the new definition")
    {
        rig.fleet->begin(Verb::stop, "db");
        rig.pass(5s);
        CHECK_FALSE(rig.status().need_restart);
        rig.start();
        CHECK(rig.status().memory.front().bytes() == 256 * MiB);
        CHECK_FALSE(rig.status().need_restart);
    }
}

TEST_CASE("a manifest changes while its partition starts: what was begun is finished, and shown to be old")
{
    const auto steps = GENERATE(0, 1, 2, 3);
    CAPTURE(steps);
    Rig rig;
    rig.define({{}});
    rig.fleet->begin(Verb::start, "db");
    for (int i = 0; i < steps; ++i)
        rig.step();
    rig.define({smaller()});
    rig.drain();
    rig.pass(1s);
    CHECK(rig.phase() == "active/running");
    CHECK(rig.status().memory.front().bytes() == 512 * MiB);
    CHECK(rig.status().need_restart);
}

TEST_CASE("a held partition follows its manifest")
{
    Rig rig;
    rig.define({always()});
    rig.drain();
    SECTION("to another size")
    {
        rig.define({always("{size: 256MiB}")});
        rig.drain();
        CHECK(rig.phase() == "inactive/held");
        CHECK(rig.status().memory.front().bytes() == 256 * MiB);
    }
    SECTION("to no reservation")
    {
        rig.define({{}});
        rig.drain();
        CHECK(rig.phase() == "inactive/dead");
        CHECK(rig.holds_nothing());
    }
    SECTION("to the same resources with another command line, for which nothing is taken anew")
    {
        rig.control->forget_history();
        auto spec = always();
        spec.extra += "description: other words\n";
        rig.define({spec});
        rig.drain();
        CHECK(rig.phase() == "inactive/held");
        CHECK(rig.status().description == "other words");
        CHECK(rig.control->history().empty());
    }
}

TEST_CASE("a manifest becomes invalid while inactive: the last good definition stays usable")
{
    Rig rig;
    rig.define({{}});
    rig.log.clear();
    rig.define_broken("db", "/etc/parker.d/db.yaml");
    CHECK(rig.log == Log{"changed db"});
    CHECK(rig.status().need_reload);
    REQUIRE(rig.status().findings.size() == 1);
    CHECK(rig.status().findings.front().code == Code::unknown_key);
    CHECK(rig.fleet->findings().size() == 1);
    rig.define_broken("db", "/etc/parker.d/db.yaml");
    CHECK(rig.log == Log{"changed db"});
    CHECK(rig.outcome(rig.start()) == "done");
    rig.log.clear();
    rig.define({{}});
    CHECK(rig.log == Log{"changed db"});
    CHECK_FALSE(rig.status().need_reload);
    CHECK(rig.fleet->findings().empty());
    for (const auto& finding : rig.status().findings)
        CHECK(finding.severity == Severity::warning); // of the start: no IOMMU here
}

TEST_CASE("a manifest becomes invalid while active: it keeps running")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.define_broken("", "/etc/parker.d/db.yaml"); // not even the name can be read
    rig.pass(5s);
    CHECK(rig.phase() == "active/running");
    CHECK(rig.status().need_reload);
}

TEST_CASE("an error in another file says nothing about this one")
{
    Rig rig;
    rig.define({{}});
    rig.define_broken("", "/etc/parker.d/other.yaml");
    CHECK(rig.fleet->names().empty()); // gone, as its own file is
}

TEST_CASE("a partition that never had a good manifest is not there, and a start says why")
{
    Rig rig;
    rig.define_broken("db", "/etc/parker.d/db.yaml");
    CHECK(rig.fleet->names().empty());
    try {
        rig.fleet->begin(Verb::start, "db");
        FAIL();
    } catch (const Error& error) {
        CHECK(error.code() == Code::invalid_manifest);
        CHECK(error.reason() == "/etc/parker.d/db.yaml: unknown key");
    }
}

TEST_CASE("a manifest disappears while inactive: gone")
{
    Rig rig;
    rig.define({{}});
    rig.log.clear();
    rig.define({});
    rig.drain();
    CHECK(rig.log.back() == "gone db");
    CHECK(rig.fleet->names().empty());
}

TEST_CASE("a manifest disappears while held: resources returned, then gone")
{
    Rig rig;
    rig.define({always()});
    rig.drain();
    rig.define({});
    CHECK(rig.phase() == "deactivating/returning");
    rig.drain();
    CHECK(rig.fleet->names().empty());
    CHECK(rig.holds_nothing());
}

TEST_CASE("a manifest disappears while active: stopped gracefully, returned, gone")
{
    Rig rig;
    rig.define({GENERATE(Rig::Spec{}, always())});
    rig.drain();
    rig.start();
    rig.define({});
    CHECK(rig.phase() == "deactivating/stopping");
    CHECK_THROWS_AS(rig.fleet->begin(Verb::start, "db"), Error);
    rig.pass(5s);
    CHECK(rig.fleet->names().empty());
    CHECK(rig.holds_nothing());
    CHECK(rig.log.back() == "gone db");
}

TEST_CASE("a manifest disappears while its partition starts or stops: that is finished first")
{
    Rig rig;
    rig.define({{}});
    SECTION("starts")
    {
        const auto job = rig.fleet->begin(Verb::start, "db");
        rig.step();
        rig.define({});
        rig.drain();
        rig.pass(1s);
        CHECK(rig.outcome(job) == "done");
        CHECK(rig.phase() == "deactivating/stopping");
    }
    SECTION("stops")
    {
        rig.start();
        rig.fleet->begin(Verb::stop, "db");
        rig.define({});
    }
    rig.pass(5s);
    CHECK(rig.fleet->names().empty());
    CHECK(rig.holds_nothing());
}

TEST_CASE("a manifest that disappears and comes back while its partition stops leaves it listed")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.define({});
    rig.drain();
    rig.log.clear();
    rig.define({{}});
    CHECK(rig.log == Log{"changed db"});
    rig.pass(5s);
    CHECK(rig.phase() == "inactive/dead");
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("a manifest disappears while something will not go back: gone once it is back")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->fail(Rig::Call::give_cpus, {Code::not_returned, "CPU 2", "no"});
    rig.fleet->begin(Verb::kill, "db");
    rig.drain();
    rig.define({});
    CHECK(rig.phase() == "inactive/partially-returned");
    rig.pass(10s);
    CHECK(rig.fleet->names().empty());
    CHECK(rig.holds_nothing());
}

TEST_CASE("a manifest that is not found, though nobody removed its file, keeps its last good definition")
{
    using State = ReadFile::State;
    struct Row {
        const char* what;
        std::vector<ReadFile> files;
        ManifestFolder folder;
    };
    const auto* const db = "/etc/parker.d/db.yaml";
    const auto row = GENERATE_COPY(values<Row>({
        {"emptied", {{db, State::empty, {}}}, Rig::etc()},
        {"beside one with an error", {{db, State::invalid, {"web"}}}, Rig::etc()},
        {"not read", {{db, State::unread, {}}}, Rig::etc()},
        {"masked by an empty one", {{"/run/parker.d/db.yaml", State::empty, {}}}, Rig::etc()},
        {"its folder is gone", {}, {"/etc/parker.d", false, {}}},
        {"its folder cannot be listed", {}, {"/etc/parker.d", false, {1, 2}}},
        {"where its folder was mounted is an empty one", {}, {"/etc/parker.d", true, {1, 3}}},
    }));
    CAPTURE(row.what);
    Rig rig;
    rig.define({{}}, {});
    SECTION("which runs on")
    {
        rig.start();
        rig.define({}, row.files, row.folder);
        rig.define({}, row.files, row.folder);
        rig.pass(10s);
        CHECK(rig.phase() == "active/running");
        CHECK(rig.status().need_reload);
        REQUIRE(rig.status().findings.size() == 2); // the other is of the start: no IOMMU here
        CHECK(rig.status().findings.front().code == Code::manifest_gone);
        CHECK(rig.status().findings.front().severity == Severity::error);
        REQUIRE(rig.fleet->findings().size() == 1);
        rig.define({{}}, {});
        CHECK_FALSE(rig.status().need_reload);
        CHECK_FALSE(rig.status().need_restart);
        CHECK(rig.fleet->findings().empty());
        CHECK(rig.phase() == "active/running");
        rig.define({}, {}); // and this is what removal is
        rig.pass(5s);
        CHECK(rig.fleet->names().empty());
    }
    SECTION("also under another daemon")
    {
        rig.start();
        rig.new_daemon();
        rig.define({}, row.files, row.folder);
        rig.pass(10s);
        CHECK(rig.phase() == "active/running");
        CHECK(rig.status().need_reload);
    }
    SECTION("and can be started")
    {
        rig.define({}, row.files, row.folder);
        CHECK(rig.status().need_reload);
        CHECK(rig.outcome(rig.start()) == "done");
        CHECK(rig.phase() == "active/running");
    }
    SECTION("and what is held stays held")
    {
        rig.define({always()}, {});
        rig.drain();
        rig.define({}, row.files, row.folder);
        rig.pass(5s);
        CHECK(rig.phase() == "inactive/held");
    }
}

TEST_CASE("a manifest that was removed while no daemon looked is gone")
{
    Rig rig;
    rig.define({{}}, {});
    rig.start();
    rig.new_daemon();
    rig.define({}, {{"/etc/parker.d/web.yaml", ReadFile::State::empty, {}}}); // says nothing of db
    rig.pass(5s);
    CHECK(rig.fleet->names().empty());
    CHECK(rig.holds_nothing());
}

TEST_CASE("a manifest that is taken out of its file is gone when its partition has been stopped")
{
    const std::vector<ReadFile> without{{"/etc/parker.d/db.yaml", ReadFile::State::valid, {"other"}}};
    Rig rig;
    SECTION("at once, if it does not run")
    {
        rig.define({GENERATE(Rig::Spec{}, always())}, {});
        rig.drain();
        rig.define({}, without);
        rig.drain();
        CHECK(rig.fleet->names().empty());
        CHECK(rig.holds_nothing());
    }
    SECTION("later, if it does")
    {
        rig.define({GENERATE(Rig::Spec{}, always())}, {});
        rig.drain();
        rig.start();
        rig.log.clear();
        rig.define({}, without);
        CHECK(rig.log == Log{"changed db"});
        rig.define({}, without);
        rig.pass(10s);
        CHECK(rig.log == Log{"changed db"});
        CHECK(rig.phase() == "active/running");
        CHECK(rig.status().need_reload);
        CHECK(rig.status().findings.front().code == Code::manifest_gone);
        CHECK(rig.status().findings.front().severity == Severity::warning);

        SECTION("by its button")
        {
            rig.fleet->begin(Verb::stop, "db");
            rig.pass(5s);
            CHECK(rig.fleet->names().empty());
            CHECK(rig.holds_nothing());
        }
        SECTION("not by a reboot")
        {
            rig.control->end("db", HeldPartition::Exit::reboot);
            rig.fleet->on_module_event("db");
            rig.drain();
            CHECK(rig.phase() == "inactive/held");
            rig.define({}, without);
            rig.drain();
            CHECK(rig.outcome(rig.start()) == "done");
            CHECK(rig.phase() == "active/running");
        }
        SECTION("not by a crash, after which its unit starts it again")
        {
            rig.control->end("db", HeldPartition::Exit::panic);
            rig.fleet->on_module_event("db");
            rig.drain();
            CHECK(rig.phase() == "failed/crashed");
            CHECK(rig.outcome(rig.start()) == "done");
        }
        SECTION("put back, it is as before")
        {
            rig.define({{}}, {});
            CHECK_FALSE(rig.status().need_reload);
            rig.fleet->begin(Verb::stop, "db");
            rig.pass(5s);
            CHECK(rig.fleet->names() == std::vector<std::string>{"db"});
        }
    }
}

TEST_CASE("a broken file that is called after a partition is named to who starts it")
{
    Rig rig;
    rig.define_broken("", "/etc/parker.d/db.yaml");
    CHECK(code_of([&rig] { rig.fleet->begin(Verb::start, "db"); }) == Code::invalid_manifest);
    CHECK(code_of([&rig] { rig.fleet->begin(Verb::start, "web"); }) == Code::no_such_partition);
    rig.define({}, {{"/etc/parker.d/db.yml", ReadFile::State::ignored, {}}});
    try {
        rig.fleet->begin(Verb::start, "db");
        FAIL();
    } catch (const Error& error) {
        CHECK(error.code() == Code::no_such_partition);
        CHECK(error.reason().find("/etc/parker.d/db.yml is not read") != std::string::npos);
        CHECK(error.suggestion() == "mv /etc/parker.d/db.yml /etc/parker.d/db.yaml");
    }
}

TEST_CASE("a manifest that moves to another file is the same")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.log.clear();
    Rig::Spec moved;
    moved.file = "/run/parker.d/db.yaml";
    rig.define({moved});
    CHECK(rig.log == Log{"changed db"});
    CHECK(rig.status().manifest_path == "/run/parker.d/db.yaml");
    CHECK_FALSE(rig.status().need_restart);
}
