// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>

#include "machines.h"
#include "plan/preview.h"

using namespace parker;
using namespace parker::test;

namespace {

std::string cpus_of(const Plan& plan, const std::string& name)
{
    const auto* placement = find(plan, name);
    return placement != nullptr ? placement->cpus.to_string() : text(plan.findings);
}

Holding held(const char* name, const char* cpus)
{
    return {name, CpuSet::parse(cpus).value(), {}, {}};
}

} // namespace

TEST_CASE("a count takes whole cores from the tightest place")
{
    struct Row {
        const char* name;
        Shape shape;
        std::vector<Holding> held;
        Manifest wish;
        const char* expected;
    };
    const auto row = GENERATE(values<Row>({
        {"high numbers first", {}, {}, manifest("a").count(2), "6-7"},
        {"all but the core of the BSP", {}, {}, manifest("a").count(6), "2-7"},
        {"one thread a core", {1, 4, 1}, {}, manifest("a").count(3), "1-3"},
        {"four threads a core", {1, 4, 4}, {}, manifest("a").count(8), "8-15"},
        {"the node with the least left over", {2, 4, 2}, {held("x", "8-11")}, manifest("a").count(2), "14-15"},
        {"the node that fits it whole", {2, 4, 2}, {held("x", "8-9")}, manifest("a").count(6), "10-15"},
        {"the node that fits, not the fullest", {3, 4, 2}, {held("x", "16-19")}, manifest("a").count(8), "8-15"},
        {"two nodes if it must be, one of them whole", {2, 4, 2}, {}, manifest("a").count(10), "6-15"},
        {"the node asked for", {2, 4, 2}, {}, manifest("a").count(2).node(0), "6-7"},
        {"the node of its memory", {2, 4, 2}, {}, manifest("a").count(2).memory({{0, GiB}}), "6-7"},
        {"the tightest cache, of equal ones the highest",
         {1, 8, 2, 8 * GiB, 4},
         {held("x", "2-3,10-11,14-15")},
         manifest("a").count(2),
         "12-13"},
        {"whole caches", {1, 8, 2, 8 * GiB, 4}, {}, manifest("a").count(8), "8-15"},
        {"no split cache where a whole one is free",
         {1, 8, 2, 8 * GiB, 4},
         {held("x", "14-15")},
         manifest("a").count(4),
         "8-11"},
        {"no core that is used in part", {1, 4, 2}, {held("x", "7")}, manifest("a").count(2), "4-5"},
        {"threads: the other half of a core in use",
         {1, 4, 2},
         {held("x", "5")},
         manifest("a").count(1).threads(),
         "4"},
        {"threads: no core split without need", {1, 4, 2}, {}, manifest("a").count(2).threads(), "6-7"},
        {"threads: one split core at most", {1, 4, 2}, {}, manifest("a").count(3).threads(), "5-7"},
        {"threads: rather a core in use than a tighter place",
         {1, 4, 2, 8 * GiB, 2},
         {held("x", "7")},
         manifest("a").count(1).threads(),
         "6"},
        {"threads: all there are", {1, 4, 2}, {held("x", "5,7")}, manifest("a").count(4).threads(), "2-4,6"},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(make_machine(row.shape), std::vector{row.wish}, row.held);
    CHECK(cpus_of(plan, "a") == row.expected);
    CHECK(plan.findings.empty());
}

TEST_CASE("CPUs sit where the device and the memory are")
{
    auto machine = make_machine({3, 4, 2});
    add_bus(machine, 1, 1, 1U);
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").device("01:00.0")}, {}), "a") == "14-15");

    machine.nodes[2].total_bytes = machine.nodes[2].free_bytes = 512 * MiB;
    const std::vector<Holding> holdings{held("x", "16-19")}; // node 2 is the tightest, but for its memory
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a")}, holdings), "a") == "22-23");
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").memory(GiB)}, holdings), "a") == "6-7");
}

TEST_CASE("cores of different size fill up a count")
{
    auto machine = make_machine({1, 4, 2}); // 0-7, and four small cores
    for (unsigned cpu = 8; cpu < 12; ++cpu) {
        machine.cores.push_back({0, 0, 0, {cpu}});
        machine.online.add(cpu);
    }
    machine.possible = machine.online;
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").count(5), manifest("b").count(3)}, {});
    CHECK(cpus_of(plan, "a") == "4-7,11");
    CHECK(cpus_of(plan, "b") == "8-10"); // of one kind, now that there are enough
}

TEST_CASE("a place with enough CPUs but no whole cores to make up the count does not fit")
{
    auto machine = make_machine({1, 4, 2}); // 0-7 with one cache, 8 with another
    machine.cores.push_back({0, 0, 1, {8}});
    machine.online.add(8);
    machine.possible = machine.online;
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(3)}, {}), "a") == "6-8");

    const std::vector<Holding> holdings{held("x", "8")};
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").count(3)}, holdings);
    CHECK(plan.placements.empty());
    CHECK(plan.findings.at(0).code == Code::not_enough_cpus);
}

TEST_CASE("cores stay together by node where a node has several packages")
{
    auto machine = make_machine({4, 2, 1});
    for (auto& core : machine.cores)
        core.node = core.package / 2;
    machine.nodes.resize(2);
    for (const auto& wish : {manifest("a").count(4), manifest("a").count(4).node(1)})
        CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{wish}, {}), "a") == "4-7");
}

TEST_CASE("a list is followed exactly")
{
    const auto plan =
        make_plan(make_machine({2, 4, 2}),
                  std::vector<Manifest>{manifest("a").count(2), manifest("b").list("14-15,6-7"),
                                        manifest("c").list("4").threads(), manifest("d").count(1).threads()},
                  {});
    CHECK(cpus_of(plan, "b") == "6-7,14-15");
    CHECK(cpus_of(plan, "a") == "2-3"); // lists are served first
    CHECK(cpus_of(plan, "c") == "4");
    CHECK(cpus_of(plan, "d") == "5");
}

TEST_CASE("CPUs that cannot be had are told with holder and remedy")
{
    struct Row {
        const char* name;
        Manifest wish;
        const char* expected;
    };
    const auto row = GENERATE(values<Row>({
        {"the BSP", manifest("a").list("0-3"),
         "2: boot-cpu | the machine was booted on CPU 0, which no partition can have | the boot kernel | `list: "
         "\"2-3\"`\n"},
        {"the BSP's sibling", manifest("a").list("1-3"),
         "2: boot-cpu | same core as CPU 0, on which the machine was booted: CPU 1 | the boot kernel | `list: "
         "\"2-3\"`\n"},
        {"the BSP's sibling, sharing", manifest("a").list("1").threads(),
         "2: boot-cpu | same core as CPU 0, on which the machine was booted: CPU 1 | the boot kernel | \n"},
        {"no such CPU", manifest("a").list("2-3,16"),
         "2: no-such-cpu | this machine has no CPU 16; it has CPUs 0-15 |  | `list: \"2-3\"`\n"},
        {"offline", manifest("a").list("12-13"),
         "2: cpu-busy | offline: CPUs 12-13 | the boot kernel | write 1 to /sys/devices/system/cpu/cpu12/online, and "
         "so on\n"},
        {"taken", manifest("a").list("4-7"),
         "2: cpu-busy | taken already: CPUs 4-5 | partition x | free are 2-3,6-11\n"},
        {"a split core", manifest("a").list("2,6-7"),
         "2: bad-value | the list splits cores: CPU 3 missing |  | `list: \"2-3,6-7\"`\n"},
        {"a split core whose other half is taken", manifest("a").list("15"),
         "2: bad-value | the list splits cores: CPU 14 missing |  | `sharing: threads`\n"},
        {"empty", manifest("a").list(""), "2: bad-value | the list of CPUs is empty |  | `list: \"2-3,6-11\"`\n"},
        {"another node", manifest("a").list("2-3,8-9").node(1),
         "4: bad-value | CPUs 2-3 of the list are not on node 1 |  | leave out `node`: the list says it all\n"},
        {"no such node", manifest("a").node(2),
         "4: no-such-node | this machine has no NUMA node 2 |  | nodes with CPUs are 0-1\n"},
        {"none", manifest("a").count(0), "2: bad-value | a partition needs a CPU at least |  | `count: 2` or more\n"},
        {"half a core", manifest("a").count(3),
         "2: bad-value | 3 CPUs are no whole number of cores: a core of this machine has 2 |  | `count: 2`, `count: "
         "4`, or "
         "`sharing: threads`\n"},
        {"half of one core", manifest("a").count(1),
         "2: bad-value | 1 CPU is no whole number of cores: a core of this machine has 2 |  | `count: 2`, or "
         "`sharing: "
         "threads`\n"},
        {"too many", manifest("a").count(12),
         "2: not-enough-cpus | wants 12 CPUs in whole cores; 8 of 16 are free, at most 4 of them on one node: node 0 | "
         "partition x, partition y and the boot kernel | ask for 8 at most\n"},
        {"too many for the node", manifest("a").count(6).node(0),
         "2: not-enough-cpus | wants 6 CPUs in whole cores; 4 are free on node 0 | partition x and the boot kernel | "
         "leave out `node`\n"},
    }));
    CAPTURE(row.name);
    auto machine = make_machine({2, 4, 2});
    machine.online -= CpuSet{12, 13};
    const std::vector<Holding> holdings{held("x", "4-5"), held("y", "14")};
    const auto plan = make_plan(machine, std::vector{row.wish}, holdings);
    CHECK(plan.placements.empty());
    CHECK(text(plan.findings) == row.expected);
}

TEST_CASE("CPUs that partitions hold are offline to the boot kernel and in their place all the same")
{
    auto machine = make_machine({1, 4, 2});
    machine.online -= CpuSet{6, 7};
    const std::vector<Holding> holdings{held("x", "6-7")};
    const auto plan =
        make_plan(machine, std::vector<Manifest>{manifest("x").count(4), manifest("a").list("6-7")}, holdings);
    CHECK(cpus_of(plan, "x") == "6-7");
    CHECK(text(plan.findings) == "2: cpu-busy | taken already: CPUs 6-7 | partition x | free are 2-5\n");
}

TEST_CASE("cores of two kinds are not mixed while one kind has enough")
{
    auto machine = make_machine({1, 4, 2}); // 0-7 in cores of two threads, 8-13 in cores of one
    for (unsigned cpu = 8; cpu < 14; ++cpu) {
        machine.cores.push_back({0, 0, 0, {cpu}});
        machine.online.add(cpu);
    }
    machine.possible = machine.online;
    const auto row = GENERATE(values<std::pair<unsigned, const char*>>(
        {{4, "4-7"}, {6, "2-7"}, {3, "11-13"}, {8, "2-7,12-13"}, {12, "2-13"}}));
    CAPTURE(row.first);
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(row.first)}, {}), "a") == row.second);
    if (row.first == 4) {
        const std::vector<Holding> holdings{held("x", "4-7")};
        CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(4)}, holdings), "a") == "10-13");
    }
}

TEST_CASE("kinds of cores are not mixed though their cores are of one size")
{
    auto machine = make_machine({1, 8, 1});
    machine.kinds = {{{0, 1, 2, 7}, 0U, "small", 0}, {{3, 4, 5, 6}, 1U, "fast", 0}};
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(3)}, {}), "a") == "4-6");
    const std::vector<Holding> holdings{held("x", "6")};
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(3)}, holdings), "a") == "3-5");
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(5)}, {}), "a") == "3-7");
}

namespace {

// Two nodes of four cores of two threads, and the memory of nodes 2 and 4 near to the first and the second of them.
Machine with_memory_only_nodes()
{
    auto machine = make_machine({2, 4, 2});
    for (const unsigned id : {2U, 4U}) {
        Machine::Node node;
        node.id = id;
        node.total_bytes = node.free_bytes = 2 * GiB;
        machine.nodes.push_back(node);
    }
    machine.nodes[0].distances = {10, 21, 13, 23};
    machine.nodes[1].distances = {21, 10, 23, 13};
    machine.nodes[2].distances = {13, 23, 10, 25};
    machine.nodes[3].distances = {23, 13, 25, 10};
    return machine;
}

} // namespace

TEST_CASE("CPUs are near to memory that has none of its own")
{
    struct Row {
        const char* name;
        std::vector<Holding> held;
        Manifest wish;
        const char* expected;
    };
    const auto row = GENERATE(values<Row>({
        {"near to the first node", {}, manifest("a").memory({{2, GiB}}), "6-7"},
        {"near to the second", {}, manifest("a").memory({{4, GiB}}), "14-15"},
        {"near to most of it, whatever the order", {}, manifest("a").memory({{2, 64 * MiB}, {4, GiB}}), "14-15"},
        {"the same of nodes with CPUs", {}, manifest("a").memory({{0, 64 * MiB}, {1, GiB}}), "14-15"},
        {"all near ones before far ones", {}, manifest("a").count(10).memory({{2, GiB}}), "2-7,12-15"},
        {"the same the other way round", {}, manifest("a").count(10).memory({{4, GiB}}), "6-15"},
        {"few near ones free", {held("x", "2-5")}, manifest("a").count(6).memory({{2, GiB}}), "10-15"},
        {"the node says where", {}, manifest("a").node(1).memory({{2, GiB}}), "14-15"},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(with_memory_only_nodes(), std::vector{row.wish}, row.held);
    CHECK(cpus_of(plan, "a") == row.expected);
}

TEST_CASE("the nearest of many nodes is the next one to have CPUs of")
{
    auto machine = make_machine({3, 4, 2}); // in a row: 1 is nearer to 0 than 2 is
    const std::vector<Holding> holdings{held("x", "2-5")};
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(4).memory({{0, GiB}})}, holdings),
                  "a") == "12-15");
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(4).memory({{2, GiB}})},
                            std::vector{held("x", "16-21")}),
                  "a") == "12-15");
}

TEST_CASE("a node without CPUs is said to be that")
{
    const auto plan = make_plan(with_memory_only_nodes(), std::vector<Manifest>{manifest("a").node(4)}, {});
    CHECK(text(plan.findings) == "4: no-such-node | NUMA node 4 has no CPU that is online: it is memory only |  | "
                                 "`node: 1`, whose CPUs are near to that memory\n");
    CHECK(text(make_plan(with_memory_only_nodes(), std::vector<Manifest>{manifest("a").node(3)}, {}).findings) ==
          "4: no-such-node | this machine has no NUMA node 3 |  | nodes with CPUs are 0-1\n");
    CHECK(text(make_plan(make_machine({}), std::vector<Manifest>{manifest("a").node(3)}, {}).findings) ==
          "4: no-such-node | this machine has no NUMA node 3 |  | the only node with CPUs is 0\n");
}

TEST_CASE("nodes may share their CPUs")
{
    auto machine = make_machine({2, 4, 2}); // as hwloc describes HBM: node 4 has the CPUs of node 1
    Machine::Node node;
    node.id = 4;
    node.cpus = machine.nodes[1].cpus;
    node.total_bytes = node.free_bytes = 2 * GiB;
    machine.nodes.push_back(node);
    for (auto& each : machine.nodes)
        each.distances.clear();
    const auto plan_of = [&machine](const Manifest& wish) { return make_plan(machine, std::vector{wish}, {}); };
    CHECK(cpus_of(plan_of(manifest("a").node(4)), "a") == "14-15");
    CHECK(cpus_of(plan_of(manifest("a").memory({{4, GiB}})), "a") == "14-15");
    CHECK(cpus_of(plan_of(manifest("a").list("8-9").node(4)), "a") == "8-9");
    CHECK(plan_of(manifest("a").list("6-7").node(4)).findings.at(0).code == Code::bad_value);
    CHECK(text(plan_of(manifest("a").count(10).node(4)).findings) ==
          "2: not-enough-cpus | wants 10 CPUs in whole cores; 8 are free on node 4 |  | leave out `node`\n");

    const auto plan = plan_of(manifest("a").node(1).memory(9 * GiB));
    REQUIRE(find(plan, "a"));
    CHECK(find(plan, "a")->memory_bytes == std::map<unsigned, std::uint64_t>{{1, 8 * GiB}, {4, GiB}});
    CHECK(plan.findings.empty()); // it is where the CPUs are
    auto kept = holding(*find(plan, "a"));
    CHECK(make_plan(machine, std::vector<Manifest>{manifest("a").node(4)}, std::vector{kept}).findings.empty());
}

TEST_CASE("a count that free cores do not come to is told as that")
{
    auto machine = make_machine({1, 4, 2}); // 0-7, and a core of one
    machine.cores.push_back({0, 0, 0, {8}});
    machine.online.add(8);
    machine.nodes[0].cpus.add(8);
    machine.possible = machine.online;
    const std::vector<Holding> holdings{held("x", "8")};
    const auto findings = [&](const Manifest& wish) {
        return text(make_plan(machine, std::vector{wish}, holdings).findings);
    };
    CHECK(
        findings(manifest("a").count(3)) ==
        "2: not-enough-cpus | 3 CPUs cannot be made up of whole cores that are free: there are 6 CPUs, in cores of 2 | "
        "partition x and the boot kernel | `count: 2`, `count: 4`, or `sharing: threads`\n");
    CHECK(
        findings(manifest("a").count(1)) ==
        "2: not-enough-cpus | 1 CPU cannot be made up of whole cores that are free: there are 6 CPUs, in cores of 2 | "
        "partition x and the boot kernel | `count: 2`, or `sharing: threads`\n");
    CHECK(findings(manifest("a").count(5).node(0)) ==
          "2: not-enough-cpus | 5 CPUs cannot be made up of whole cores that are free on node 0: there are 6 CPUs, in "
          "cores of 2 | partition x and the boot kernel | `count: 4`, `count: 6`, or `sharing: threads`\n");
    CHECK(findings(manifest("a").count(7)) ==
          "2: not-enough-cpus | wants 7 CPUs in whole cores; 6 of 9 are free, on node 0 | "
          "partition x and the boot kernel | ask for 6 at most\n");
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(3).threads()}, holdings), "a") == "5-7");
}

TEST_CASE("cores that lost a thread make up what they can")
{
    auto machine = make_machine({1, 3, 4});
    machine.online -= CpuSet{7}; // cores of four, three and four
    const std::vector<Holding> holdings{held("x", "8-11")};
    CHECK(cpus_of(make_plan(machine, std::vector<Manifest>{manifest("a").count(3)}, holdings), "a") == "4-6");
    auto large = make_machine({1, 3, 3});
    large.online -= CpuSet{5}; // three, two, three
    large.cores.push_back({0, 0, 0, {9, 10}});
    large.online |= CpuSet{9, 10};
    large.possible |= CpuSet{9, 10};
    // Large cores first would leave one over.
    CHECK(cpus_of(make_plan(large, std::vector<Manifest>{manifest("a").count(4)}, {}), "a") == "3-4,9-10");
}

TEST_CASE("when nothing is free, nothing is advised")
{
    const std::vector<Holding> holdings{held("x", "2-7")};
    for (const Manifest& wish : std::vector<Manifest>{
             manifest("a"), manifest("a").count(1).threads(), manifest("a").node(0), manifest("a").count(0),
             manifest("a").list("2-3"), manifest("a").list(""), manifest("a").count(3)}) {
        const auto plan = make_plan(make_machine({1, 4, 2}), std::vector{wish}, holdings);
        REQUIRE_FALSE(plan.findings.empty());
        CHECK(plan.findings[0].suggestion.empty());
    }
}

TEST_CASE("what a list is advised to be can be had")
{
    struct Row {
        const char* name;
        Manifest wish;
        const char* suggestion;
    };
    const auto row = GENERATE(values<Row>({
        {"half a core is left of the list", manifest("a").list("2,16"), ""},
        {"of one thread, if that is allowed", manifest("a").list("2,16").threads(), "`list: \"2\"`"},
        {"none of another node", manifest("a").list("2-3,16").node(1), ""},
        {"the BSP's neighbours on the node", manifest("a").list("0-3").node(1), ""},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(make_machine({2, 4, 2}), std::vector{row.wish}, {});
    REQUIRE_FALSE(plan.findings.empty());
    CHECK(plan.findings[0].suggestion == row.suggestion);
}

TEST_CASE("threads that the boot kernel has switched off are switched on together")
{
    auto machine = make_machine({1, 4, 2});
    machine.online -= CpuSet{1, 3, 5, 7};
    for (auto& core : machine.cores) // the kernel forgets them
        core.cpus -= CpuSet{1, 3, 5, 7};
    const auto suggestion = [&machine] {
        return make_plan(machine, std::vector<Manifest>{manifest("a").list("2-3")}, {}).findings.at(0).suggestion;
    };
    CHECK(suggestion() == "write 1 to /sys/devices/system/cpu/cpu3/online");
    machine.smt_off = true;
    CHECK(suggestion() == "write on to /sys/devices/system/cpu/smt/control, or boot without `nosmt`");
}

TEST_CASE("a core whose other thread is offline is whole, and stays so")
{
    auto machine = make_machine({1, 4, 2});
    machine.online -= CpuSet{7};
    const std::vector<Manifest> wish{manifest("a").count(1)};
    const auto plan = make_plan(machine, wish, {});
    REQUIRE(find(plan, "a"));
    CHECK(cpus_of(plan, "a") == "6");
    const std::vector<Holding> holdings{holding(*find(plan, "a"))};
    auto now = machine;
    now.online -= CpuSet{6};
    CHECK(steps(make_preview(now, wish, holdings)).empty());
    // Not if another partition has that thread.
    const std::vector<Holding> both{holdings[0], {"x", {7}, {}, {}}};
    CHECK_FALSE(steps(make_preview(now, wish, both)).empty());
}
