// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>

#include "machines.h"

using namespace parker;
using namespace parker::test;

namespace {

using Amounts = std::map<unsigned, std::uint64_t>;

Holding held(std::uint64_t bytes, unsigned node)
{
    return {"x", {}, {{4 * GiB, 4 * GiB + bytes, node}}, {}};
}

} // namespace

TEST_CASE("memory comes from the CPUs' node if it fits there")
{
    struct Row {
        const char* name;
        std::vector<Holding> held;
        Manifest wish;
        Amounts expected;
        const char* findings;
    };
    const auto row = GENERATE(values<Row>({
        {"its node", {}, manifest("a").list("2-3"), {{0, 512 * MiB}}, ""},
        {"its node, to the last page", {}, manifest("a").list("10-11").memory(8 * GiB), {{1, 8 * GiB}}, ""},
        {"the rest from the nearest",
         {held(6 * GiB, 1)},
         manifest("a").list("10-11").memory(4 * GiB),
         {{0, 2 * GiB}, {1, 2 * GiB}},
         "3: warning not-enough-memory | 2GiB of 4GiB comes from node 0: no more is left where the CPUs are |  | less "
         "memory, or CPUs of node 0, which has as much\n"},
        {"the nearest is not the lowest number",
         {held(8 * GiB, 2)},
         manifest("a").list("18-19"),
         {{1, 512 * MiB}},
         "3: warning not-enough-memory | 512MiB of 512MiB comes from node 1: no more is left where the CPUs are |  | "
         "less memory, or CPUs of node 0, which has as much\n"},
        {"both nodes of its CPUs",
         {},
         manifest("a").list("6-7,10-11").memory(12 * GiB),
         {{0, 8 * GiB}, {1, 4 * GiB}},
         ""},
        {"nodes as they are asked for",
         {},
         manifest("a").list("2-3").memory({{0, GiB}, {2, 2 * GiB}}),
         {{0, GiB}, {2, 2 * GiB}},
         ""},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(make_machine({3, 4, 2}), std::vector{row.wish}, row.held);
    CHECK(text(plan.findings) == row.findings);
    REQUIRE(find(plan, "a"));
    CHECK(find(plan, "a")->memory_bytes == row.expected);
}

TEST_CASE("who names the nodes is served before who leaves the choice")
{
    const auto plan =
        make_plan(make_machine({2, 4, 2}),
                  std::vector<Manifest>{manifest("a").memory(4 * GiB), manifest("z").memory({{0, 8 * GiB}})}, {});
    REQUIRE(plan.placements.size() == 2);
    CHECK(find(plan, "a")->memory_bytes == Amounts{{1, 4 * GiB}});
}

TEST_CASE("memory that cannot be had is told with numbers")
{
    struct Row {
        const char* name;
        Manifest wish;
        const char* expected;
    };
    const auto row = GENERATE(values<Row>({
        {"more than there is", manifest("a").memory(64 * GiB),
         "3: not-enough-memory | wants 64GiB of memory; 13GiB of 16GiB can be had, at most 8GiB of one node, node 0: "
         "partitions have "
         "2GiB, "
         "the boot kernel keeps 1GiB | partition x | 13GiB at most\n"},
        {"what the boot kernel keeps", manifest("a").memory(13 * GiB + 2 * MiB),
         "3: not-enough-memory | wants 13314MiB of memory; 13GiB of 16GiB can be had, at most 8GiB of one node, node "
         "0: "
         "partitions have "
         "2GiB, "
         "the boot kernel keeps 1GiB | partition x | 13GiB at most\n"},
        {"more than a node has", manifest("a").memory({{1, 7 * GiB}}),
         "3: not-enough-memory | wants 7GiB of memory of node 1; 6GiB of its 8GiB is left | partition x | 6GiB at "
         "most of node 1, or `size: 7GiB`, which takes memory of any node\n"},
        {"no such node", manifest("a").memory({{5, GiB}}),
         "3: no-such-node | this machine has no NUMA node 5 |  | nodes with memory are 0-1\n"},
        {"not in large pages", manifest("a").memory(513 * MiB),
         "3: bad-value | 513MiB is no multiple of 2MiB |  | 514MiB\n"},
        {"too little", manifest("a").memory(62 * MiB),
         "3: bad-value | 62MiB is too little to start a kernel |  | 64MiB or more\n"},
        {"none", manifest("a").memory(0), "3: bad-value | 0B is too little to start a kernel |  | 64MiB or more\n"},
        {"beyond all addresses", manifest("a").memory({{0, ~std::uint64_t{0}}, {1, 2 * MiB}}),
         "3: not-enough-memory | wants 18446744073709551615B of memory; 13GiB of 16GiB can be had, at most 8GiB of one "
         "node, "
         "node 0: "
         "partitions "
         "have "
         "2GiB, the boot kernel keeps 1GiB | partition x | 13GiB at most\n"},
    }));
    CAPTURE(row.name);
    const std::vector<Holding> holdings{held(2 * GiB, 1)};
    const auto plan = make_plan(make_machine({2, 4, 2}), std::vector{row.wish}, holdings, {1 * GiB});
    CHECK(plan.placements.empty());
    CHECK(text(plan.findings) == row.expected);
}

TEST_CASE("memory that the boot kernel uses at the moment is worth a warning")
{
    auto machine = make_machine({1, 4, 2});
    machine.nodes[0].free_bytes = 700 * MiB;
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a"), manifest("b")}, {});
    CHECK(plan.placements.size() == 2);
    CHECK(
        text(plan.findings) ==
        "3: warning memory-busy | node 0 has 188MiB free at this moment, 512MiB is wanted: the boot kernel would have "
        "to make room |  | end what uses memory there, or start it early after boot\n");
}

TEST_CASE("what is advised of memory is exact, and can be had")
{
    struct Row {
        const char* name;
        std::uint64_t node_bytes; // of two
        std::uint64_t floor;
        Manifest wish;
        const char* suggestion;
    };
    const auto row = GENERATE(values<Row>({
        {"no rounding", 8 * GiB, 1 * GiB + 6 * MiB, manifest("a").memory(20 * GiB), "15354MiB at most"},
        {"pieces that are too small do not count", GiB + 4 * KiB, 0, manifest("a").memory(20 * GiB), "2GiB at most"},
        {"of a node", 8 * GiB, 1 * GiB, manifest("a").memory({{1, 9 * GiB}}),
         "8GiB at most of node 1, or `size: 9GiB`, which takes memory of any node"},
        {"of a node, beside another's", 8 * GiB, 1 * GiB, manifest("a").memory({{0, 8 * GiB}, {1, 9 * GiB}}),
         "7GiB at most of node 1"},
        {"up to the next large page", 8 * GiB, 0, manifest("a").memory(GiB + 1 * MiB), "1026MiB"},
        {"up, where there is room", 1 * GiB, 0, manifest("a").memory({{0, GiB - 1 * MiB}}), "1GiB"},
        {"else down", 1 * GiB + 4 * KiB, 0, manifest("a").memory({{0, GiB + 1 * MiB}}), "1GiB"},
        {"nothing of what is not there", 24 * MiB, 0, manifest("a").memory(GiB), ""},
        {"not even the least", 16 * MiB, 0, manifest("a").memory(2 * MiB), ""},
        {"all that there is", 512 * MiB, 2 * GiB, manifest("a").memory(GiB), ""},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(make_machine({2, 4, 2, row.node_bytes}), std::vector{row.wish}, {}, {row.floor});
    REQUIRE(plan.findings.size() == 1);
    CHECK(plan.findings[0].suggestion == row.suggestion);
    CHECK(plan.findings[0].message.find("at most 0") == std::string::npos);
}

TEST_CASE("only nodes that exist, with memory, are named")
{
    auto machine = make_machine({3, 4, 2});
    machine.nodes[1].total_bytes = machine.nodes[1].free_bytes = 0;
    machine.nodes[2].id = 4;
    const auto findings = [&machine](unsigned node) {
        return text(make_plan(machine, std::vector<Manifest>{manifest("a").memory({{node, GiB}})}, {}).findings);
    };
    CHECK(findings(2) == "3: no-such-node | this machine has no NUMA node 2 |  | nodes with memory are 0,4\n");
    CHECK(findings(1) == "3: no-such-node | NUMA node 1 has no memory |  | leave it out\n");
    machine.nodes.resize(1);
    CHECK(findings(2) == "3: no-such-node | this machine has no NUMA node 2 |  | the only node with memory is 0\n");
}
