// SPDX-License-Identifier: LGPL-2.1-or-later
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "rig.h"

using namespace parker;
using namespace std::chrono_literals;
using Verb = Fleet::Verb;

namespace {

Fd temporary_file()
{
    std::string name = "/tmp/parker-test-XXXXXX";
    Fd file{::mkostemp(name.data(), O_CLOEXEC)};
    REQUIRE(file);
    ::unlink(name.c_str());
    return file;
}

Fleet::Dump dump_to(const Fd& file, bool live = true)
{
    return {Fd{::fcntl(file.get(), F_DUPFD_CLOEXEC, 3)}, live, false};
}

} // namespace

TEST_CASE("the memory of a partition that runs is written, and the partition does not notice")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto file = temporary_file();
    const auto phases = rig.phases.size();
    const auto job = rig.fleet->begin_dump("db", dump_to(file));
    REQUIRE(rig.fleet->jobs().size() == 1);
    CHECK(rig.fleet->jobs().front().verb == Verb::dump);
    const auto progress = rig.fleet->jobs().front().progress;
    REQUIRE(progress);
    rig.drain();
    CHECK(rig.outcome(job) == "done");
    CHECK(rig.fleet->jobs().empty());
    CHECK(rig.phases.size() == phases);

    Elf64_Ehdr header{};
    REQUIRE(::pread(file.get(), &header, sizeof header, 0) == sizeof header);
    CHECK(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0);
    Elf64_Phdr load{};
    REQUIRE(::pread(file.get(), &load, sizeof load, sizeof header + sizeof load) == sizeof load);
    CHECK(load.p_paddr == rig.status().memory.front().start);
    CHECK(load.p_filesz == 512 * MiB);
    char text[9] = {};
    REQUIRE(::pread(file.get(), text, 8, static_cast<off_t>(load.p_offset)) == 8);
    CHECK(std::string{text} == "firmware");
    CHECK(progress->bytes == progress->bytes_total);
    CHECK(progress->bytes_total == load.p_offset + load.p_filesz);
}

TEST_CASE("a dump asks for a kernel's memory, and for `live` while it runs")
{
    Rig rig;
    rig.define({{.extra = "reserve: always\n"}});
    const auto file = temporary_file();
    CHECK(code_of([&] { (void)rig.fleet->begin_dump("none", dump_to(file)); }) == Code::no_such_partition);
    CHECK(code_of([&] { (void)rig.fleet->begin_dump("db", dump_to(file)); }) == Code::wrong_state); // being taken
    rig.drain();
    rig.start();
    CHECK(code_of([&] { (void)rig.fleet->begin_dump("db", dump_to(file, false)); }) == Code::wrong_state);

    SECTION("a dead one's memory needs no `live`, as long as it is held")
    {
        rig.fleet->begin(Verb::kill, "db");
        rig.drain();
        CHECK(rig.phase() == "inactive/held");
        const auto job = rig.fleet->begin_dump("db", dump_to(file, false));
        rig.drain();
        CHECK(rig.outcome(job) == "done");
    }
    SECTION("only one is written at a time")
    {
        const auto job = rig.fleet->begin_dump("db", dump_to(file));
        const auto other = temporary_file();
        CHECK(code_of([&] { (void)rig.fleet->begin_dump("db", dump_to(other)); }) == Code::busy);
        rig.drain();
        CHECK(rig.outcome(job) == "done");
    }
}

TEST_CASE("whatever is to be done to the partition ends its dump, as does whoever asks for that")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto file = temporary_file();
    const auto job = rig.fleet->begin_dump("db", dump_to(file));
    SECTION("a stop")
    {
        rig.fleet->begin(Verb::stop, "db");
    }
    SECTION("a kill")
    {
        rig.fleet->begin(Verb::kill, "db");
    }
    SECTION("asked for")
    {
        rig.fleet->cancel(job);
    }
    SECTION("its manifest goes")
    {
        rig.define({});
    }
    rig.drain();
    CHECK(rig.outcome(job) == "cancelled");
}

TEST_CASE("a dump whose file does not answer is given up all the same, and the partition goes on at once")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Fd reader{ends[0]};
    const auto job = rig.fleet->begin_dump("db", {Fd{ends[1]}, true, false});
    // Once it is full, and whoever writes waits for it as long as it likes.
    std::thread stuck{[&] {
        std::this_thread::sleep_for(300ms);
        REQUIRE(::fcntl(ends[1], F_SETFL, O_WRONLY) == 0);
        std::this_thread::sleep_for(300ms);
        rig.fleet->begin(Verb::kill, "db");
    }};
    rig.step();
    stuck.join();
    CHECK(rig.outcome(job) == "cancelled");
    rig.drain();
    CHECK(rig.holds_nothing());
    std::vector<char> bytes(1 << 20);
    while (::read(reader.get(), bytes.data(), bytes.size()) > 0) // until it has ended, too
        ;
}

TEST_CASE("only a dump can be cancelled")
{
    Rig rig;
    rig.define({{}});
    const auto job = rig.fleet->begin(Verb::start, "db");
    CHECK(code_of([&] { rig.fleet->cancel(job); }) == Code::wrong_state);
    rig.fleet->cancel(4711); // has ended long ago
    rig.drain();
    CHECK(rig.outcome(job) == "under way");
}

TEST_CASE("a dump that cannot be written fails alone")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    const auto job = rig.fleet->begin_dump("db", {Fd{::open("/dev/full", O_WRONLY | O_CLOEXEC)}, true, false});
    rig.drain();
    CHECK(rig.outcome(job) == "invalid-argument");
    CHECK(rig.phase() == "active/running");
    CHECK(rig.status().error_code.empty());
}

TEST_CASE("a kill hurries the last look at a kernel that ended by itself")
{
    Rig rig;
    rig.define({{}});
    rig.start();
    rig.control->end("db", HeldPartition::Exit::panic);
    rig.fleet->on_module_event("db");
    CHECK(rig.phase() == "deactivating/returning");
    bool hurried = false;
    rig.between = [&] {
        rig.fleet->begin(Verb::kill, "db");
        hurried = rig.endings.back().hurry && *rig.endings.back().hurry;
    };
    rig.drain();
    CHECK(hurried);
}
