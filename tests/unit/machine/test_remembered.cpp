// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "machine/remembered.h"
#include "sysroot.h"

#include "base/error.h"

using namespace parker;

namespace {

std::string to_text(const std::vector<Machine::Core>& cores)
{
    std::string text;
    for (const auto& core : cores)
        text += std::to_string(core.package) + "." + std::to_string(core.node) + "." + std::to_string(core.l3) + ":" +
                core.cpus.to_string() + " ";
    return text;
}

} // namespace

TEST_CASE("cores survive being written and read")
{
    const std::vector<Machine::Core> cores{{0, 0, 0, {0, 4}}, {1, 2, 3, {1, 5, 300}}};
    const auto read = parse_cores(write_cores(cores));
    REQUIRE(read);
    CHECK(to_text(*read) == to_text(cores));
}

TEST_CASE("a file of cores that is not ours is refused")
{
    const auto [name, text] = GENERATE(table<const char*, const char*>({
        {"empty", ""},
        {"no JSON", "cores"},
        {"cut off", R"({"version":1,"cores":[{"package":0,)"},
        {"another version", R"({"version":2,"cores":[]})"},
        {"no version", R"({"cores":[]})"},
        {"no cores", R"({"version":1})"},
        {"a list", "[]"},
        {"cores are no list", R"({"version":1,"cores":{}})"},
        {"a core is no object", R"({"version":1,"cores":[1]})"},
        {"a number is missing", R"({"version":1,"cores":[{"package":0,"node":0,"cpus":"1"}]})"},
        {"a number is negative", R"({"version":1,"cores":[{"package":-1,"node":0,"l3":0,"cpus":"1"}]})"},
        {"a number is huge", R"({"version":1,"cores":[{"package":65536,"node":0,"l3":0,"cpus":"1"}]})"},
        {"a number is text", R"({"version":1,"cores":[{"package":"0","node":0,"l3":0,"cpus":"1"}]})"},
        {"no CPU", R"({"version":1,"cores":[{"package":0,"node":0,"l3":0,"cpus":""}]})"},
        {"CPU too large", R"({"version":1,"cores":[{"package":0,"node":0,"l3":0,"cpus":"8192"}]})"},
        {"CPUs are a number", R"({"version":1,"cores":[{"package":0,"node":0,"l3":0,"cpus":1}]})"},
        {"a CPU in two cores",
         R"({"version":1,"cores":[{"package":0,"node":0,"l3":0,"cpus":"1-2"},{"package":0,"node":0,"l3":0,"cpus":"2"}]})"},
    }));
    CAPTURE(name);
    CHECK_FALSE(parse_cores(text));
}

TEST_CASE("a file of cores has a limit")
{
    CHECK_FALSE(parse_cores(R"({"version":1,"cores":[]})" + std::string(remembered_limit, ' ')));
}

TEST_CASE("what was seen once completes what is seen now")
{
    using Cores = std::vector<Machine::Core>;
    struct Row {
        const char* name;
        Cores now, before;
        CpuSet offline;
        const char* expected;
    };
    const auto row = GENERATE(values<Row>({
        {"nothing is offline", {{0, 0, 0, {0, 1}}}, {{0, 0, 0, {0, 1}}}, {}, "0.0.0:0-1 "},
        {"a sibling is offline", {{0, 0, 0, {0}}}, {{0, 0, 0, {0, 1}}}, {1}, "0.0.0:0-1 "},
        {"a core is offline", {{0, 0, 0, {0, 1}}}, {{1, 2, 3, {2, 3}}}, {2, 3}, "0.0.0:0-1 1.2.3:2-3 "},
        {"a core is put where its number belongs",
         {{0, 0, 0, {0}}, {0, 0, 0, {2}}},
         {{0, 0, 0, {1}}},
         {1},
         "0.0.0:0 0.0.0:1 0.0.0:2 "},
        {"a CPU that is gone stays gone", {{0, 0, 0, {0}}}, {{0, 0, 0, {0, 1}}}, {}, "0.0.0:0 "},
        {"one core became two", {{0, 0, 0, {0}}, {0, 0, 0, {1}}}, {{0, 0, 0, {0, 1, 2}}}, {2}, "0.0.0:0 0.0.0:1 "},
        {"two cores became one", {{0, 0, 0, {0, 1}}}, {{0, 0, 0, {0, 2}}}, {2}, "0.0.0:0-1 "},
        {"seen in a core already", {{0, 0, 0, {0, 1}}}, {{0, 0, 0, {1}}}, {1}, "0.0.0:0-1 "},
    }));
    CAPTURE(row.name);
    auto cores = row.now;
    merge_cores(cores, row.before, row.offline);
    CHECK(to_text(cores) == row.expected);
}

TEST_CASE("a file is replaced whole, or stays as it was")
{
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "topology.json";
    replace_file(path, "one");
    replace_file(path, "two");
    std::string content;
    std::ifstream{path} >> content;
    CHECK(content == "two");
    const auto entries = [&folder] {
        return std::distance(std::filesystem::directory_iterator{folder.path()}, std::filesystem::directory_iterator{});
    };
    CHECK(entries() == 1);

    std::filesystem::create_directory(folder.path() / "taken");
    CHECK_THROWS_AS(replace_file(folder.path() / "taken", "three"), Error);
    CHECK_THROWS_AS(replace_file(folder.path() / "missing/file", "three"), Error);
    CHECK(entries() == 2);
}
