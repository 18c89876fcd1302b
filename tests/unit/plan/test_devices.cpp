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
         "10: shared-bus | 0000:02:00.0 shares its bus with 0000:02:00.1 (driver nvme) | partition x | a device that "
         "has a bus of its own\n"},
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
         "10: device-busy | no PCI function 144d:a80a on node 0 is to be had: 0000:01:00.0 (driver nvme) is taken "
         "already, by partition x; 0000:02:00.0 (driver nvme) shares its bus with functions that stay; 0000:02:00.1 "
         "(driver nvme) shares its bus with functions that stay | partition x | leave out `node`\n"},
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
    CHECK(
        text(make_plan(machine, wish, {}).findings) ==
        "10: dma-unconfined | no IOMMU confines 0000:01:00.0 (driver nvme), and `dma: required` insists on one |  | a "
        "device that the IOMMU knows, or `dma: auto`\n");

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

TEST_CASE("`dma: required` takes one of a kind that the IOMMU can confine")
{
    auto machine = make();
    machine.iommu = true;
    for (auto& function : machine.functions) // 01 shares its group with 05, the others have one each
        function.iommu_group = function.bdf.bus == 1 ? 5 : function.bdf.bus;
    CHECK(devices_of(make_plan(machine, std::vector<Manifest>{manifest("a").match()}, {}), "a") == "01:00.0 ");
    const std::vector<Manifest> wish{manifest("a").match().dma(Manifest::Dma::required)};
    CHECK(devices_of(make_plan(machine, wish, {}), "a") == "03:00.0 ");

    for (auto& function : machine.functions)
        function.iommu_group = 5;
    const auto plan = make_plan(machine, wish, {});
    CHECK(plan.placements.empty());
    CHECK(plan.findings.at(0).code == Code::dma_unconfined);
    CHECK(plan.findings.at(0).message.find("0000:04:00.0 (driver nvme) is in one IOMMU group with") !=
          std::string::npos);

    machine.iommu_known = false; // a snapshot that leaves it out
    CHECK(devices_of(make_plan(machine, wish, {}), "a") == "01:00.0 ");
    CHECK(make_plan(machine, wish, {}).findings.at(0).severity == Severity::warning);
}

namespace {

PlanOptions in_use(std::map<Bdf, bool> blocks)
{
    PlanOptions options;
    options.in_use = [blocks](const Bdf& bdf) -> std::optional<BootUse> {
        const auto found = blocks.find(bdf);
        if (found == blocks.end())
            return std::nullopt;
        return BootUse{Error{Code::device_busy, bdf.to_string(), "in use", "end that"}, found->second};
    };
    return options;
}

} // namespace

TEST_CASE("of a kind, what the boot kernel does not use is taken")
{
    struct Row {
        const char* name;
        std::map<Bdf, bool> used; // and whether that blocks
        Manifest wish;
        const char* expected;
        const char* findings;
    };
    const auto row = GENERATE(values<Row>({
        {"the first is mounted", {{bdf("01:00.0"), true}}, manifest("a").match(), "03:00.0 ", ""},
        {"the first is a link that is up", {{bdf("01:00.0"), false}}, manifest("a").match(), "03:00.0 ", ""},
        {"half of a bus is mounted",
         {{bdf("02:00.1"), true}, {bdf("01:00.0"), true}},
         manifest("a").match().match(),
         "03:00.0 04:00.0 ",
         ""},
        {"what is up, if nothing else is left",
         {{bdf("01:00.0"), true}, {bdf("03:00.0"), false}, {bdf("04:00.0"), true}},
         manifest("a").match(),
         "03:00.0 ",
         "10: warning device-busy | 0000:03:00.0: in use |  | end that\n"},
        {"named by its address, it is warned of",
         {{bdf("01:00.0"), true}},
         manifest("a").device("01:00.0"),
         "01:00.0 ",
         "10: warning device-busy | 0000:01:00.0: in use |  | end that\n"},
        {"all of the node in use: another node helps",
         {{bdf("01:00.0"), true}, {bdf("02:00.0"), true}, {bdf("02:00.1"), true}},
         manifest("a").match(0).match(0),
         "10: device-busy | no PCI function 144d:a80a on node 0 is to be had: 0000:01:00.0: in use; 0000:02:00.0: in "
         "use; 0000:02:00.1: in use |  | leave out `node`\n"
         "11: device-busy | no PCI function 144d:a80a on node 0 is to be had: 0000:01:00.0: in use; 0000:02:00.0 "
         "(driver nvme) shares its bus with functions that stay; 0000:02:00.1 (driver nvme) shares its bus with "
         "functions that stay |  | leave out `node`\n",
         nullptr},
        {"all in use, or in the way of each other",
         {{bdf("01:00.0"), true}, {bdf("03:00.0"), true}, {bdf("04:00.0"), true}},
         manifest("a").match(),
         "10: device-busy | no PCI function 144d:a80a is to be had: 0000:01:00.0: in use; 0000:03:00.0: in use; "
         "0000:04:00.0: in use; 0000:02:00.0 (driver nvme) shares its bus with functions that stay; 0000:02:00.1 "
         "(driver nvme) shares its bus with functions that stay |  | end that\n",
         nullptr},
        {"one more than there is",
         {{bdf("03:00.0"), true}, {bdf("04:00.0"), true}, {bdf("02:00.0"), true}},
         manifest("a").match().match(),
         "11: device-busy | no PCI function 144d:a80a is to be had: 0000:03:00.0: in use; 0000:04:00.0: in use; "
         "0000:01:00.0 (driver nvme) goes to this partition already; 0000:02:00.0 (driver nvme) shares its bus with "
         "functions that stay; 0000:02:00.1 (driver nvme) shares its bus with functions that stay |  | end that\n",
         nullptr},
    }));
    CAPTURE(row.name);
    const auto plan = make_plan(make(), std::vector{row.wish}, {}, in_use(row.used));
    CHECK(devices_of(plan, "a") == row.expected);
    if (row.findings != nullptr)
        CHECK(text(plan.findings) == row.findings);
}

TEST_CASE("a device that a partition holds already is not asked for")
{
    std::vector<Bdf> asked;
    PlanOptions options;
    options.in_use = [&asked](const Bdf& bdf) -> std::optional<BootUse> {
        asked.push_back(bdf);
        return std::nullopt;
    };
    const std::vector<Holding> holdings{{"a", {2, 3}, {}, {bdf("01:00.0")}}};
    (void)make_plan(make(), std::vector<Manifest>{manifest("a").device("01:00.0"), manifest("b").device("03:00.0")},
                    holdings, options);
    CHECK(asked == std::vector{bdf("03:00.0")});
}

TEST_CASE("a long list of candidates is cut")
{
    auto machine = make_machine({});
    for (std::uint8_t bus = 1; bus < 20; ++bus) {
        add_bus(machine, bus);
        for (auto& function : machine.functions)
            function.has_msi = false;
    }
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").match()}, {});
    CHECK(plan.findings.at(0).code == Code::no_msi);
    CHECK(plan.findings.at(0).message.ends_with("; and 11 more"));
    CHECK(plan.findings.at(0).message.size() < 1200);
}

TEST_CASE("virtual functions and those that have some are refused for that reason")
{
    auto machine = make_machine({});
    add_bus(machine, 1); // has two of its own bus's and another
    add_bus(machine, 2);
    add_bus(machine, 3); // could have some
    for (auto& function : machine.functions) {
        if (function.bdf == bdf("02:00.0")) {
            function.physical_function = bdf("01:00.0");
            function.has_msi = false;
            function.msi_known = false;
        }
        if (function.bdf == bdf("03:00.0") || function.bdf == bdf("01:00.0"))
            function.max_virtual = 8;
    }
    const auto findings = [&machine](const char* device) {
        return text(make_plan(machine, std::vector<Manifest>{manifest("a").device(device)}, {}).findings);
    };
    CHECK(findings("02:00.0") ==
          "10: sr-iov | 0000:02:00.0 (driver nvme) is a virtual function of 0000:01:00.0: a partition's kernel would "
          "not find it on its bus, and it goes when that function's driver does | the boot kernel | a function that is "
          "no virtual one\n");
    const std::string one = "10: sr-iov | 0000:01:00.0 (driver nvme) has 1 virtual function, which would go with it | "
                            "the boot kernel | write 0 to /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs first\n";
    CHECK(findings("01:00.0") == one); // though it does not say how many it has
    CHECK(findings("03:00.0").empty());
    for (auto& function : machine.functions)
        if (function.bdf == bdf("03:00.0"))
            function.virtual_functions = 2; // though none is to be seen
    CHECK(findings("03:00.0").find("has 2 virtual functions, which") != std::string::npos);

    const auto plan =
        make_plan(machine, std::vector<Manifest>{manifest("a").device("01:00.0"), manifest("b").device("02:00.0")}, {});
    CHECK(plan.placements.empty()); // never both
    CHECK(make_plan(machine, std::vector<Manifest>{manifest("a").match()}, {}).findings.at(0).code == Code::sr_iov);
}

TEST_CASE("a bus without memory-mapped configuration space is refused, if that is known")
{
    auto machine = make_machine({});
    add_bus(machine, 1);
    add_bus(machine, 0x81);
    const auto codes = [&machine] {
        std::string all;
        for (const auto* device : {"01:00.0", "81:00.0"}) {
            const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").device(device)}, {});
            all += plan.findings.empty() ? "- " : std::string{info(plan.findings[0].code).name} + " ";
        }
        return all;
    };
    CHECK(codes() == "- - "); // nobody knows
    machine.ecam_known = true;
    CHECK(codes() == "no-ecam no-ecam ");
    machine.ecam.push_back({0, 0, 0x7f, 0xe0000000});
    CHECK(codes() == "- no-ecam ");
    machine.ecam.push_back({1, 0, 0xff, 0xc0000000}); // of another domain
    CHECK(codes() == "- no-ecam ");
    machine.ecam.push_back({0, 0x80, 0xff, 0xd0000000});
    CHECK(codes() == "- - ");

    machine.ecam.clear();
    const std::vector<Manifest> wish{manifest("a").device("01:00.0")};
    machine.kernel_cmdline = "quiet pci=nommconf";
    CHECK(make_plan(machine, wish, {}).findings.at(0).suggestion == "boot without `pci=nommconf`");
}

TEST_CASE("drives behind VMD are there, and cannot be had")
{
    auto machine = make_machine({});
    add_bus(machine, 1);
    auto drive = machine.functions.back();
    drive.bdf = bdf("10000:01:00.0");
    drive.parent = bdf("10000:00:02.0");
    machine.functions.push_back(drive);
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").device("10000:01:00.0")}, {});
    CHECK(
        text(plan.findings) ==
        "10: no-ecam | 10000:01:00.0 (driver nvme) is in a domain that a driver made, as of the drives behind Intel "
        "VMD: its bus has no memory-mapped configuration space of the machine's | the boot kernel | switch VMD off in "
        "the firmware's setup; the drive then has another address\n");
    // Not even if somebody claims that domain's last 16 bits.
    machine.ecam_known = true;
    machine.ecam.push_back({0, 0, 0xff, 0xe0000000});
    CHECK(find(make_plan(machine, std::vector<Manifest>{manifest("a").device("10000:01:00.0")}, {}), "a") == nullptr);
    CHECK(devices_of(make_plan(machine, std::vector<Manifest>{manifest("a").match()}, {}), "a") == "01:00.0 ");
}

TEST_CASE("capabilities that nobody could read are no refusal")
{
    auto machine = make_machine({});
    add_bus(machine, 1);
    machine.functions.back().has_msi = false;
    machine.functions.back().msi_known = false;
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").device("01:00.0")}, {});
    CHECK(find(plan, "a") != nullptr);
    CHECK(
        text(plan.findings) ==
        "10: warning no-msi | whether 0000:01:00.0 (driver nvme) raises MSI or MSI-X cannot be told: its capabilities "
        "could not be read |  | root can read them: `lspci -vv -s 0000:01:00.0`\n");
}
