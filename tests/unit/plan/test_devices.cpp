// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>

#include "machines.h"

using namespace parker;
using namespace parker::test;

namespace {

// 01: one function; 02: two; 03 and 04: one each, node 1; 05: no MSI
Machine make()
{
    auto machine = make_machine({2, 8, 2});
    add_bus(machine, 1, 1, 0U);
    add_bus(machine, 2, 2, 0U);
    add_bus(machine, 3, 1, 1U);
    add_bus(machine, 4, 1, 1U);
    add_bus(machine, 5, 1, 0U);
    auto& last = machine.functions.back();
    last.device = 0x1111;
    last.has_msi = false;
    last.driver.clear();
    last.device_name = "Old Thing";
    Machine::PciFunction on_root;
    on_root.bdf = bdf("00:1f.0");
    on_root.has_msi = true;
    machine.functions.push_back(on_root);
    std::ranges::sort(machine.functions, {}, &Machine::PciFunction::bdf);
    return machine;
}

std::string devices_of(const Plan& plan, const std::string& name)
{
    const auto* placement = find(plan, name);
    if (placement == nullptr)
        return text(plan.findings);
    std::string all;
    for (const auto& device : placement->devices)
        all += device.to_string().substr(5) + " ";
    return all;
}

Holding held(const char* device)
{
    return {"x", {}, {}, {bdf(device)}};
}

} // namespace

TEST_CASE("devices are found by address and by kind")
{
    struct Row {
        const char* name;
        std::vector<Holding> held;
        Manifest wish;
        const char* expected;
    };
    const auto row = GENERATE(values<Row>({
        {"an address", {}, manifest("a").device("03:00.0"), "03:00.0 "},
        {"the whole bus", {}, manifest("a").device("02:00.1").device("02:00.0"), "02:00.0 02:00.1 "},
        {"a kind: the lowest address", {}, manifest("a").match(), "01:00.0 "},
        {"a kind on a node", {}, manifest("a").match(1), "03:00.0 "},
        {"a kind near the CPUs", {}, manifest("a").node(1).match(), "03:00.0 "},
        {"a kind near the memory", {}, manifest("a").memory({{1, GiB}}).match(), "03:00.0 "},
        {"a kind that is not held", {held("01:00.0")}, manifest("a").match(), "03:00.0 "},
        {"two of a kind fill a bus", {held("01:00.0")}, manifest("a").match(0).match(0), "02:00.0 02:00.1 "},
        {"a bus that is begun is finished", {}, manifest("a").match().device("02:00.1"), "02:00.0 02:00.1 "},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(make(), std::vector{row.wish}, row.held);
    CHECK(devices_of(plan, "a") == row.expected);
    CHECK(plan.findings.empty());
}

TEST_CASE("what one names by address, others do not get by kind while there is a choice")
{
    const auto plan =
        make_plan(make(), std::vector<Manifest>{manifest("a").match(), manifest("z").device("01:00.0").match()}, {});
    CHECK(devices_of(plan, "a") == "03:00.0 ");
    CHECK(devices_of(plan, "z") == "01:00.0 04:00.0 ");
}

TEST_CASE("who names the only one by address has it, whatever the names")
{
    auto machine = make_machine({});
    add_bus(machine, 1);
    const auto plan =
        make_plan(machine, std::vector<Manifest>{manifest("a").match(), manifest("z").device("01:00.0")}, {});
    CHECK(find(plan, "a") == nullptr);
    CHECK(devices_of(plan, "z") == "01:00.0 ");
    CHECK(plan.findings.at(0).holder == "partition z");
}

TEST_CASE("devices that cannot be assigned are told with the reason")
{
    struct Row {
        const char* name;
        std::vector<Holding> held;
        Manifest wish;
        const char* expected;
    };
    const auto row = GENERATE(values<Row>({
        {"no such function",
         {},
         manifest("a").device("09:00.0"),
         "10: no-such-device | there is no PCI function 0000:09:00.0 |  | `parkerctl host` lists those that there "
         "are\n"},
        {"a root bus",
         {},
         manifest("a").device("00:1f.0"),
         "10: root-bus | 0000:00:1f.0 is on a root bus, which it shares with the machine's own devices | the boot "
         "kernel "
         "| a device in a slot, behind a root port\n"},
        {"a bridge",
         {},
         manifest("a").device("00:01.0"),
         "10: bridge | 0000:00:01.0 is a bridge, which stays with the boot kernel | the boot kernel | name the devices "
         "behind it\n"},
        {"half a bus",
         {},
         manifest("a").device("01:00.0").device("02:00.0"),
         "11: shared-bus | 0000:02:00.0 shares its bus with 0000:02:00.1 (driver nvme) | the boot kernel | list all "
         "functions of the bus, or none\n"},
        {"half a bus, the other half held",
         {held("02:00.1")},
         manifest("a").device("02:00.0"),
         "10: shared-bus | 0000:02:00.0 shares its bus with 0000:02:00.1 (driver nvme) | partition x | list all "
         "functions of the bus, or none\n"},
        {"held",
         {held("01:00.0")},
         manifest("a").device("01:00.0"),
         "10: device-busy | 0000:01:00.0 (driver nvme) is taken already | partition x | take it out of one of the two "
         "manifests\n"},
        {"no MSI",
         {},
         manifest("a").device("05:00.0"),
         "10: no-msi | 0000:05:00.0 (Old Thing) has neither MSI nor MSI-X, and other interrupts cannot reach a "
         "partition "
         "|  | a device that has\n"},
        {"twice",
         {},
         manifest("a").device("01:00.0").device("01:00.0"),
         "11: bad-value | 0000:01:00.0 is listed twice |  | leave out one of them\n"},
        {"several at once",
         {},
         manifest("a").device("09:00.0").device("00:1f.0").count(3),
         "10: no-such-device | there is no PCI function 0000:09:00.0 |  | `parkerctl host` lists those that there are\n"
         "11: root-bus | 0000:00:1f.0 is on a root bus, which it shares with the machine's own devices | the boot "
         "kernel "
         "| a device in a slot, behind a root port\n"
         "2: bad-value | 3 CPUs are no whole number of cores: a core of this machine has 2 |  | `count: 2`, `count: "
         "4`, or "
         "`sharing: threads`\n"},
        {"a kind on a node without",
         {},
         manifest("a").match(7),
         "10: no-such-device | there is no PCI function 144d:a80a on node 7 |  | leave out `node`\n"},
        {"all of a kind held or on shared buses",
         {held("01:00.0")},
         manifest("a").match(0),
         "10: device-busy | no PCI function 144d:a80a on node 0 is to be had: 2 shared-bus, 1 device-busy | partition "
         "x "
         "| name one by its address to hear more\n"},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(make(), std::vector{row.wish}, row.held);
    CHECK(plan.placements.empty());
    CHECK(text(plan.findings) == row.expected);
}

TEST_CASE("devices need interrupts that are not remapped")
{
    auto machine = make();
    machine.interrupt_remapping = true;
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").device("01:00.0"), manifest("b")}, {});
    CHECK(find(plan, "a") == nullptr);
    CHECK(find(plan, "b") != nullptr);
    CHECK(
        text(plan.findings) ==
        "10: interrupt-remapping | the boot kernel remaps interrupts, and those of a partition's devices would be lost "
        "| the boot kernel | boot with `intremap=off`\n");
}

TEST_CASE("`dma: required` needs an IOMMU and a group of its own")
{
    auto machine = make();
    const std::vector<Manifest> wish{manifest("a").device("01:00.0").dma(Manifest::Dma::required)};
    const std::string unconfined = "10: dma-unconfined | no IOMMU confines 0000:01:00.0 (driver nvme), and `dma: "
                                   "required` insists on one |  | boot "
                                   "with `intel_iommu=on`, or `dma: auto`\n";
    CHECK(text(make_plan(machine, wish, {}).findings) == unconfined);
    machine.iommu = true;
    CHECK(text(make_plan(machine, wish, {}).findings) == unconfined);

    for (auto& function : machine.functions)
        if (function.bdf == bdf("01:00.0") || function.bdf == bdf("00:01.0"))
            function.iommu_group = 7;
    CHECK(text(make_plan(machine, wish, {}).findings).empty());
    for (auto& function : machine.functions)
        if (function.bdf == bdf("03:00.0"))
            function.iommu_group = 7;
    CHECK(text(make_plan(machine, wish, {}).findings) ==
          "10: dma-unconfined | 0000:03:00.0 (driver nvme) can reach all that 0000:01:00.0 can: they are in one IOMMU "
          "group, 7 | the boot kernel | list all functions of the group\n");
    CHECK(make_plan(machine, std::vector<Manifest>{manifest("a").device("01:00.0")}, {}).findings.empty());
}
