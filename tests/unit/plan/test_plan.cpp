// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>

#include "machines.h"
#include "plan/preview.h"

using namespace parker;
using namespace parker::test;

namespace {

constexpr std::uint64_t floor_bytes = 1 * GiB;

// Wishes of all sorts, many of which cannot be met.
class Wishes {
public:
    Wishes(unsigned seed, const Machine& machine) : random_{seed}, machine_{machine} {}

    std::vector<Manifest> make(unsigned count)
    {
        std::vector<Manifest> manifests;
        for (unsigned i = 0; i < count; ++i)
            manifests.push_back(one("p" + std::to_string(i)));
        return manifests;
    }
    unsigned below(unsigned limit) { return std::uniform_int_distribution<unsigned>{0, limit - 1}(random_); }

private:
    Manifest one(const std::string& name)
    {
        auto wish = manifest(name).memory(64 * MiB * (1 + below(30)));
        const auto threads = machine_.cores.back().cpus.size();
        wish.count(threads * (1 + below(4)));
        if (below(4) == 0)
            wish.threads().count(1 + below(5));
        if (below(6) == 0)
            wish.list(machine_.cores[below(static_cast<unsigned>(machine_.cores.size()))].cpus.to_string().c_str());
        if (below(5) == 0)
            wish.node(below(static_cast<unsigned>(machine_.nodes.size())));
        if (below(5) == 0)
            wish.memory({{below(static_cast<unsigned>(machine_.nodes.size())), 256 * MiB}, {0, 128 * MiB}});
        for (auto devices = below(3); devices > 0; --devices)
            if (below(2) == 0)
                wish.match();
            else
                wish.device(machine_.functions[below(static_cast<unsigned>(machine_.functions.size()))]
                                .bdf.to_string()
                                .c_str());
        return wish;
    }

    std::mt19937 random_;
    const Machine& machine_;
};

Machine random_machine(unsigned seed)
{
    std::mt19937 random{seed};
    const auto pick = [&random](unsigned low, unsigned high) {
        return std::uniform_int_distribution<unsigned>{low, high}(random);
    };
    auto machine = make_machine({pick(1, 4), pick(2, 12), pick(1, 2), pick(1, 4) * GiB + 4 * KiB, 1});
    for (std::uint8_t bus = 1; bus < 9; ++bus)
        add_bus(machine, bus, pick(1, 2), pick(0, 1) == 0 ? std::optional<unsigned>{} : pick(0, 3));
    return machine;
}

void check_invariants(const Machine& machine, const std::vector<Manifest>& manifests, const Plan& plan)
{
    CpuSet cpus;
    unsigned cpu_count = 0;
    std::set<Bdf> devices;
    std::size_t device_count = 0;
    std::map<unsigned, std::uint64_t> memory;
    std::uint64_t sum = 0;
    for (const auto& placement : plan.placements) {
        cpus |= placement.cpus;
        cpu_count += placement.cpus.size();
        devices.insert(placement.devices.begin(), placement.devices.end());
        device_count += placement.devices.size();
        for (const auto& [node, bytes] : placement.memory_bytes) {
            memory[node] += bytes;
            sum += bytes;
            REQUIRE(bytes % (2 * MiB) == 0);
        }
        const auto wish = std::ranges::find_if(
            manifests, [&placement](const Manifest& each) { return each.name.value == placement.name; });
        REQUIRE(wish != manifests.end());
        REQUIRE(placement.cpus.size() == (wish->cpus.list ? wish->cpus.list->size() : *wish->cpus.count));
        REQUIRE(placement.devices.size() == wish->devices.size());
        if (wish->cpus.sharing == Manifest::Sharing::whole_cores)
            for (const auto cpu : placement.cpus.to_vector())
                REQUIRE((machine.core_of(cpu)->cpus - placement.cpus).empty());
        for (const auto& device : placement.devices)
            for (const auto& function : machine.functions)
                if (function.bdf.bus == device.bus)
                    REQUIRE(std::ranges::count(placement.devices, function.bdf) == 1);
    }
    REQUIRE(cpu_count == cpus.size());
    REQUIRE((cpus & machine.core_of(machine.boot_cpu)->cpus).empty());
    REQUIRE(device_count == devices.size());
    std::uint64_t total = 0;
    for (const auto& node : machine.nodes) {
        REQUIRE(memory[node.id] <= node.total_bytes);
        total += node.total_bytes;
    }
    REQUIRE(sum + floor_bytes <= total);
    for (const auto& wish : manifests)
        if (find(plan, wish.name.value) == nullptr)
            REQUIRE(std::ranges::any_of(plan.findings, [&wish](const Finding& finding) {
                return finding.partition == wish.name.value && finding.severity == Severity::error &&
                       finding.at.file == wish.name.value + ".yaml" && !finding.message.empty();
            }));
}

std::vector<Holding> hold(const Plan& plan)
{
    std::vector<Holding> held;
    for (const auto& placement : plan.placements)
        held.push_back(holding(placement));
    return held;
}

} // namespace

TEST_CASE("plans keep what they promise, whatever the wishes")
{
    std::size_t placed = 0;
    std::size_t refused = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        const auto machine = random_machine(seed);
        Wishes wishes{seed, machine};
        auto manifests = wishes.make(12);
        const auto plan = make_plan(machine, manifests, {}, {floor_bytes});
        check_invariants(machine, manifests, plan);
        placed += plan.placements.size();
        refused += manifests.size() - plan.placements.size();

        std::shuffle(manifests.begin(), manifests.end(), std::mt19937{seed});
        const auto shuffled = make_plan(machine, manifests, {}, {floor_bytes});
        REQUIRE(shuffled.placements == plan.placements);
        REQUIRE(text(shuffled.findings) == text(plan.findings));
    }
    CHECK(placed > 500); // both are put to the test
    CHECK(refused > 500);
}

TEST_CASE("a plan that was carried out and is made again changes nothing")
{
    for (unsigned seed = 0; seed < 100; ++seed) {
        CAPTURE(seed);
        const auto machine = random_machine(seed);
        Wishes wishes{seed, machine};
        auto manifests = wishes.make(10);
        const auto plan = make_plan(machine, manifests, {}, {floor_bytes});
        std::erase_if(manifests, [&plan](const Manifest& each) { return find(plan, each.name.value) == nullptr; });

        auto now = machine; // held CPUs are offline
        for (const auto& placement : plan.placements)
            now.online -= placement.cpus;
        const auto held = hold(plan);
        const auto again = make_plan(now, manifests, held, {floor_bytes});
        REQUIRE(again.placements == plan.placements);
        REQUIRE(again.findings.empty());
        REQUIRE(steps(make_preview(now, manifests, held, {floor_bytes})).empty());
    }
}

TEST_CASE("a change of the wishes that was carried out leaves nothing to do")
{
    std::size_t changed = 0;
    for (unsigned seed = 0; seed < 100; ++seed) {
        CAPTURE(seed);
        const auto machine = random_machine(seed);
        Wishes wishes{seed, machine};
        const auto before = make_plan(machine, wishes.make(8), {}, {floor_bytes});
        const auto manifests = wishes.make(8); // the same names
        auto held = hold(before);
        auto now = machine;
        for (const auto& holding : held)
            now.online -= holding.cpus;

        const auto preview = make_preview(now, manifests, held, {floor_bytes});
        held.clear();
        now = machine;
        for (const auto& change : preview.changes) {
            changed += change.action() == Change::Action::change;
            held.push_back(holding(change.planned));
            now.online -= change.planned.cpus;
        }
        for (std::size_t i = 0; i < held.size(); ++i) // no two in one place
            for (std::size_t j = 0; j < i; ++j)
                REQUIRE((held[i].cpus & held[j].cpus).empty());
        // What did not fit after a restart stayed, and may fit now that others have moved.
        const auto again = make_preview(now, manifests, held, {floor_bytes});
        for (const auto& change : again.changes)
            if (change.action() != Change::Action::keep)
                REQUIRE(std::ranges::find(preview.findings, change.name, &Finding::partition) !=
                        preview.findings.end());
    }
    CHECK(changed > 50);
}

TEST_CASE("removing a manifest moves no partition that is held, nor does adding one")
{
    for (unsigned seed = 0; seed < 100; ++seed) {
        CAPTURE(seed);
        const auto machine = random_machine(seed);
        Wishes wishes{seed, machine};
        auto manifests = wishes.make(10);
        const auto plan = make_plan(machine, manifests, {}, {floor_bytes});
        const auto held = hold(plan);
        const auto gone = manifests[wishes.below(10)].name.value;
        std::erase_if(manifests, [&gone](const Manifest& each) { return each.name.value == gone; });
        manifests.push_back(manifest("new").list("2-3"));
        const auto after = make_plan(machine, manifests, held, {floor_bytes});
        for (const auto& placement : after.placements)
            if (const auto* before = find(plan, placement.name))
                REQUIRE(placement == *before);
        REQUIRE(find(after, gone) == nullptr);
        if (const auto* added = find(after, "new"))
            for (const auto& before : plan.placements)
                REQUIRE((added->cpus & before.cpus).empty()); // the removed one still holds what it holds
    }
}

TEST_CASE("of two that want the same, the first by name has it")
{
    auto machine = make_machine({});
    add_bus(machine, 1);
    std::vector<Manifest> manifests{manifest("b").list("2-3").device("01:00.0"), manifest("a").list("2-3"),
                                    manifest("c").count(2).device("01:00.0")};
    manifests[1].name.at.file = "z.yaml"; // whatever its file is called
    const auto plan = make_plan(machine, manifests, {});
    CHECK(find(plan, "a") != nullptr);
    CHECK(find(plan, "b") == nullptr);
    CHECK(find(plan, "c") != nullptr); // one that does not fit takes nothing
    CHECK(text(plan.findings) == "2: cpu-busy | taken already: CPUs 2-3 | partition a | free are 4-7\n");
}

TEST_CASE("what is held is planned as it is, though the manifest says otherwise now")
{
    auto machine = make_machine({});
    const std::vector<Holding> held{{"a", {4}, {{0, 3 * MiB, 0}, {8 * MiB, 9 * MiB, 0}}, {bdf("09:00.0")}}};
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").count(6)}, held);
    REQUIRE(plan.placements.size() == 1);
    CHECK(plan.placements[0] == Placement{"a", {4}, {{0, 4 * MiB}}, {bdf("09:00.0")}});
    CHECK(plan.findings.empty());
}

TEST_CASE("a name that is used twice belongs to the first file")
{
    Manifest second = manifest("a").count(4);
    second.name.at.file = "z.yaml";
    for (const bool turned : {false, true}) {
        std::vector<Manifest> manifests{manifest("a"), second};
        if (turned)
            std::swap(manifests[0], manifests[1]);
        const auto plan = make_plan(make_machine({}), manifests, {});
        REQUIRE(plan.placements.size() == 1);
        CHECK(plan.placements[0].cpus.size() == 2);
        REQUIRE(plan.findings.size() == 1);
        CHECK(plan.findings[0].code == Code::duplicate_name);
        CHECK(plan.findings[0].at.file == "z.yaml");
    }
}

TEST_CASE("findings cite the line of the manifest")
{
    Manifest wish = manifest("a").count(3);
    wish.source = "---\nname: a\ncpus: {count: 3}\n";
    CHECK(make_plan(make_machine({}), std::vector{wish}, {}).findings.at(0).source_line.empty());
    wish.source_line = 7;
    wish.cpus.at.line = 9;
    CHECK(make_plan(make_machine({}), std::vector{wish}, {}).findings.at(0).source_line == "cpus: {count: 3}");
    wish.cpus.at.line = 99;
    CHECK(make_plan(make_machine({}), std::vector{wish}, {}).findings.at(0).source_line.empty());
}

TEST_CASE("an empty machine refuses everything and breaks nothing")
{
    const auto plan =
        make_plan(Machine{}, std::vector<Manifest>{manifest("a"), manifest("b").list("0-1").device("01:00.0")}, {});
    CHECK(plan.placements.empty());
    CHECK(plan.findings.size() >= 4);
}

TEST_CASE("no more partitions are planned than there are slices of low memory")
{
    const auto machine = make_machine({1, 16, 2});
    const std::vector<Manifest> wishes{manifest("a"), manifest("b"), manifest("c"), manifest("d")};
    const std::vector<Holding> held{{"b", {4, 5}, {{4 * GiB, 4 * GiB + 512 * MiB, 0}}, {}}};
    PlanOptions options;
    options.slices = 3;
    const auto plan = make_plan(machine, wishes, held, options);
    CHECK(plan.placements.size() == 3);
    CHECK(find(plan, "b") != nullptr); // it has its slice
    CHECK(find(plan, "d") == nullptr);
    CHECK(text(plan.findings) ==
          "1: no-low-slice | no slice of the memory below 1 MiB is left: this machine has 3, and "
          "each partition that runs or is reserved needs one |  | have fewer partitions at a "
          "time\n");
    options.slices.reset();
    CHECK(make_plan(machine, wishes, held, options).placements.size() == 4);
    options.slices = 0;
    CHECK(make_plan(machine, wishes, held, options).placements.size() == 1);

    // One that changes gives its slice back first.
    options.slices = 1;
    const auto change = make_preview(machine, std::vector<Manifest>{manifest("b").count(4)}, held, options);
    CHECK(change.findings.empty());
}

TEST_CASE("on a machine whose boot kernel sends interrupts to all CPUs, no partition has a place")
{
    auto machine = make_machine({});
    const std::vector<Manifest> wish{manifest("a"), manifest("b")};
    CHECK(make_plan(machine, wish, {}).placements.size() == 2);
    machine.interrupt_broadcast = true;
    const auto plan = make_plan(machine, wish, {});
    CHECK(plan.placements.empty());
    REQUIRE(plan.findings.size() == 2);
    CHECK(plan.findings.front().code == Code::interrupt_broadcast);
    CHECK(plan.findings.front().severity == Severity::error);
    CHECK(plan.findings.front().holder == "the boot kernel");
    CHECK(plan.findings.front().suggestion == "boot with `no_ipi_broadcast=1`");

    Holding held; // was there before
    held.name = "a";
    held.cpus = {2, 3};
    CHECK(make_plan(machine, wish, std::vector{held}).placements.size() == 1);
}

TEST_CASE("on a machine whose memory is encrypted, no partition has a place")
{
    auto machine = make_machine({});
    for (const auto* kind : {"SME", "TDX"}) {
        machine.memory_encryption = kind;
        const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a")}, {});
        CHECK(plan.placements.empty());
        REQUIRE(plan.findings.size() == 1);
        CHECK(plan.findings.front().code == Code::memory_encrypted);
        CHECK(plan.findings.front().suggestion.empty() == (kind == std::string_view{"TDX"}));
    }
}

TEST_CASE("CPUs that a partition's interrupts do not reach are no partition's")
{
    auto machine = make_machine({}); // 4 cores of 2
    machine.far_cpus = {2, 3, 4, 5};
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a").count(2)}, {});
    REQUIRE(plan.placements.size() == 1);
    CHECK(plan.placements.front().cpus == CpuSet{6, 7});

    const auto named = make_plan(machine, std::vector<Manifest>{manifest("a").list("4-7")}, {});
    CHECK(named.placements.empty());
    REQUIRE(named.findings.size() == 1);
    CHECK(named.findings.front().code == Code::apic_id);
    CHECK(named.findings.front().message == "a partition's interrupts do not reach CPUs 4-5: the APIC ID is above 254");
}

TEST_CASE("CPUs that firmware keeps in x2APIC mode start no other kernel")
{
    auto machine = make_machine({});
    machine.x2apic_locked = true;
    const auto plan = make_plan(machine, std::vector<Manifest>{manifest("a")}, {});
    CHECK(plan.placements.empty());
    REQUIRE(plan.findings.size() == 1);
    CHECK(plan.findings.front().code == Code::apic_id);
    CHECK(plan.findings.front().message.starts_with("firmware locks"));
}
