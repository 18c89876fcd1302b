// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "control/held.h"
#include "folder.h"

using namespace parker;

namespace {

void write_partition(const Folder& folder, const std::string& name)
{
    folder.write(name + "/state", "running\n");
    folder.write(name + "/exit_reason", "none\n");
    folder.write(name + "/cpus", "2-3\n");
    folder.write(name + "/memory", "0x140000000-0x160000000 node 1\n0x100000000-0x120000000 node 0\n");
    folder.write(name + "/slice", "0x10000\n");
    folder.write(name + "/devices", "0000:02:00.0\n0000:01:00.0 lost\n");
    folder.write(name + "/heartbeat", "42\n");
    folder.write(name + "/dma", "lost\n");
}

} // namespace

TEST_CASE("what is held is read as the module writes it")
{
    const Folder folder;
    write_partition(folder, "db");
    const auto held = read_held(folder / "", "db");
    REQUIRE(held);
    CHECK(held->name == "db");
    CHECK(held->state == HeldPartition::State::running);
    CHECK(held->exit == HeldPartition::Exit::none);
    CHECK(held->cpus == CpuSet{2, 3});
    CHECK(held->memory == std::vector<MemoryRange>{{0x100000000, 0x120000000, 0}, {0x140000000, 0x160000000, 1}});
    CHECK(held->slice == 0x10000);
    CHECK(held->devices == std::vector{*Bdf::parse("01:00.0"), *Bdf::parse("02:00.0")});
    CHECK(held->lost == std::vector{*Bdf::parse("01:00.0")});
    CHECK(held->heartbeat == 42);
    CHECK(read_heartbeat(folder / "", "db") == 42U);
    CHECK(held->dma == HeldPartition::Dma::lost);
}

TEST_CASE("a partition that holds nothing yet")
{
    const Folder folder;
    write_partition(folder, "db");
    folder.write("db/cpus", "\n");
    folder.write("db/memory", "");
    folder.write("db/devices", "");
    const auto held = read_held(folder / "", "db");
    REQUIRE(held);
    CHECK(held->cpus.empty());
    CHECK(held->memory.empty());
    CHECK(held->devices.empty());
}

TEST_CASE("anything that the module does not write is refused")
{
    struct Row {
        const char* attribute;
        const char* text;
    };
    const auto row = GENERATE(values<Row>({
        {"state", "Running\n"},
        {"state", "running\n\n"},
        {"state", ""},
        {"exit_reason", "bored\n"},
        {"cpus", "2-\n"},
        {"cpus", "99999\n"},
        {"memory", "0x1000-0x2000\n"},
        {"memory", "0x1000-0x2000 node -1\n"},
        {"memory", "0x1000-0x2000 node 99999\n"},
        {"memory", "0x2000-0x1000 node 0\n"},
        {"memory", "0x1000-0x1000 node 0\n"},
        {"memory", "0x1001-0x2000 node 0\n"},
        {"memory", "1000-2000 node 0\n"},
        {"memory", "0x1000-0x3000 node 0\n0x2000-0x4000 node 0\n"},
        {"memory", "0x1000-0x2000 node 0\n\n"},
        {"memory", "0x10000000000000000-0x2000 node 0\n"},
        {"slice", "10000\n"},
        {"slice", "0x10001\n"},
        {"slice", "0x100000\n"},
        {"devices", "0000:01:00.0 gone\n"},
        {"devices", "0000:01:00.0\n0000:01:00.0\n"},
        {"devices", "../../..\n"},
        {"heartbeat", "-1\n"},
        {"heartbeat", "99999999999999999999\n"},
        {"dma", "maybe\n"},
    }));
    CAPTURE(row.attribute, row.text);
    const Folder folder;
    write_partition(folder, "db");
    folder.write(std::filesystem::path{"db"} / row.attribute, row.text);
    CHECK_THROWS_AS(read_held(folder / "", "db"), Error);
}

TEST_CASE("an attribute beyond any page is refused before it is read")
{
    const Folder folder;
    write_partition(folder, "db");
    folder.write("db/devices", std::string(100'000, 'x'));
    CHECK_THROWS_AS(read_held(folder / "", "db"), Error);
}

TEST_CASE("a partition that is not there, or is just going, is none")
{
    const Folder folder;
    CHECK_FALSE(read_held(folder / "", "db"));
    write_partition(folder, "db");
    std::filesystem::remove(folder / "db/dma");
    CHECK_FALSE(read_held(folder / "", "db"));
    CHECK_FALSE(read_held(folder / "", "../db"));
    CHECK_FALSE(read_held(folder / "", ""));
}

TEST_CASE("all partitions, ordered by name")
{
    const Folder folder;
    CHECK(read_all_held(folder / "missing").empty());
    for (const auto* name : {"web", "db", "a-1"})
        write_partition(folder, name);
    const auto all = read_all_held(folder / "");
    REQUIRE(all.size() == 3);
    CHECK(all[0].name == "a-1");
    CHECK(all[1].name == "db");
    CHECK(all[2].name == "web");
}
