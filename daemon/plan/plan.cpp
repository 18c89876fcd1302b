// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "base/error.h"
#include "plan/complaints.h"
#include "plan/cpus.h"
#include "plan/devices.h"
#include "plan/memory.h"

namespace parker {
namespace {

CpuSet held_cpus(std::span<const Holding> held)
{
    CpuSet cpus;
    for (const auto& holding : held)
        cpus |= holding.cpus;
    return cpus;
}

bool is_warning(const Finding& finding)
{
    return finding.severity == Severity::warning;
}

// What is free, and how one manifest after the other gets its part.
class Planner {
public:
    Planner(const Machine& machine, std::span<const Holding> held, const PlanOptions& options)
        : machine_{machine}, cpus_{machine, held_cpus(held)}, memory_{machine, options.boot_memory_bytes},
          devices_{machine, options.in_use}, slices_{options.slices}, in_slices_{held.size()}
    {
        // Only the boot kernel can use them. What a partition holds all the same is taken below.
        cpus_.take(machine.far_cpus & machine.online, boot_kernel);
        for (const auto& holding : held) {
            cpus_.take(holding.cpus, holding.name);
            devices_.take(holding.devices, holding.name);
            for (const auto& range : holding.memory)
                memory_.hold(range.node, range.bytes(), holding.name);
        }
    }

    void speak_for_devices(const Manifest& manifest) { devices_.speak_for(manifest); }

    // All that the manifest asks for, or nothing and errors.
    std::optional<Placement> place(const Manifest& manifest, Findings& findings)
    {
        // One kind after the other, but each is looked at, so that all that is wrong is told at once.
        const auto before = findings.size();
        Complaints about_machine{manifest, findings};
        check_machine(manifest, about_machine);

        Complaints about_devices{manifest, findings};
        const auto devices = devices_.choose(manifest, wanted_nodes(manifest), about_devices);

        Complaints about_cpus{manifest, findings};
        const auto cpus = are_near(manifest, about_cpus) ? cpus_.choose(manifest, near_nodes(manifest, devices),
                                                                        memory_filter(manifest), about_cpus)
                                                         : std::nullopt;

        Complaints about_memory{manifest, findings};
        const auto memory = memory_.choose(manifest, cpus_.nodes_of(cpus.value_or(CpuSet{})), about_memory);
        Complaints about_slices{manifest, findings};
        const bool has_slice = check_slices(manifest, about_slices);
        if (about_machine.has_errors() || !devices || !cpus || !memory || !has_slice) {
            // What might be awkward about a place that it does not get is of no interest.
            const auto mine = findings.begin() + static_cast<std::ptrdiff_t>(before);
            findings.erase(std::remove_if(mine, findings.end(), is_warning), findings.end());
            return std::nullopt;
        }

        cpus_.take(*cpus, manifest.name.value);
        devices_.take(*devices, manifest.name.value);
        memory_.take(*memory, manifest.name.value);
        ++in_slices_;
        return Placement{manifest.name.value, *cpus, *memory, *devices};
    }

private:
    // What keeps this machine from having any partition.
    void check_machine(const Manifest& manifest, Complaints& complaints) const
    {
        if (machine_.interrupt_broadcast)
            complaints.error(Code::interrupt_broadcast, manifest.cpus.at,
                             "the boot kernel sends interrupts to all CPUs at once, also to those of partitions",
                             "boot with `no_ipi_broadcast=1`", std::string{boot_kernel});
        if (machine_.x2apic_locked)
            complaints.error(Code::apic_id, manifest.cpus.at,
                             "firmware locks the CPUs into x2APIC mode, which an application kernel would turn off",
                             "switch that off in the firmware's setup", std::string{boot_kernel});
        if (!machine_.memory_encryption.empty())
            complaints.error(Code::memory_encrypted, manifest.memory.at,
                             fmt::format("{} encrypts the boot kernel's memory, and no partition has the key",
                                         machine_.memory_encryption),
                             machine_.memory_encryption == "SME" ? "boot without `mem_encrypt=on`" : "",
                             std::string{boot_kernel});
    }

    bool are_near(const Manifest& manifest, Complaints& complaints) const
    {
        const auto far = manifest.cpus.list.value_or(CpuSet{}) & machine_.far_cpus;
        if (far.empty())
            return true;
        complaints.error(
            Code::apic_id, manifest.cpus.at,
            fmt::format("a partition's interrupts do not reach {}: the APIC ID is above 254", cpus_text(far)),
            "`count`, which takes none of those");
        return false;
    }

    bool check_slices(const Manifest& manifest, Complaints& complaints) const
    {
        if (!slices_ || in_slices_ < *slices_)
            return true;
        complaints.error(Code::no_low_slice, manifest.name.at,
                         fmt::format("no slice of the memory below 1 MiB is left: this machine has {}, and each "
                                     "partition that runs or is reserved needs one",
                                     *slices_),
                         *slices_ > 0 ? "have fewer partitions at a time" : "");
        return false;
    }

    // The nodes that the manifest itself speaks of, those with most of its memory first.
    static std::vector<unsigned> memory_nodes(const Manifest& manifest)
    {
        const auto& bytes = manifest.memory.nodes_bytes;
        std::vector<unsigned> nodes;
        for (const auto& [node, unused] : bytes)
            nodes.push_back(node);
        std::ranges::stable_sort(nodes, std::greater{}, [&bytes](unsigned node) { return bytes.at(node); });
        return nodes;
    }

    std::vector<unsigned> wanted_nodes(const Manifest& manifest) const
    {
        if (manifest.cpus.list)
            return cpus_.nodes_of(*manifest.cpus.list);
        std::vector<unsigned> nodes;
        for (const auto node : manifest.cpus.node ? std::vector{manifest.cpus.node->value} : memory_nodes(manifest)) {
            nodes.push_back(node);
            std::ranges::copy(cpus_.homes(node), std::back_inserter(nodes)); // devices are near to CPUs
        }
        return nodes;
    }

    std::vector<unsigned> near_nodes(const Manifest& manifest, const std::optional<std::vector<Bdf>>& devices) const
    {
        auto nodes = devices ? devices_.nodes_of(*devices) : std::vector<unsigned>{};
        std::ranges::copy(memory_nodes(manifest), std::back_inserter(nodes));
        return nodes;
    }

    CoreTree::NodeFilter memory_filter(const Manifest& manifest) const
    {
        return [this, wanted = manifest.memory.size_bytes.value_or(0)](unsigned node) {
            return memory_.fits_on(node, wanted);
        };
    }

    const Machine& machine_;
    CpuRoom cpus_;
    MemoryRoom memory_;
    DeviceRoom devices_;
    std::optional<unsigned> slices_;
    std::size_t in_slices_; // partitions that have one
};

// What can be met in one way only goes before what leaves a choice; then by name, whatever the files' order.
std::vector<const Manifest*> in_order(std::span<const Manifest> manifests)
{
    std::vector<const Manifest*> order;
    for (const auto& manifest : manifests)
        order.push_back(&manifest);
    std::ranges::stable_sort(order, {}, [](const Manifest* manifest) {
        const auto& at = manifest->name.at;
        const bool leaves_device_open = std::ranges::any_of(manifest->devices, [](const Manifest::Device& device) {
            return std::holds_alternative<Manifest::DeviceMatch>(device.pci);
        });
        return std::tuple{!manifest->cpus.list,      manifest->memory.nodes_bytes.empty(),
                          leaves_device_open,        std::string_view{manifest->name.value},
                          std::string_view{at.file}, at.line};
    });
    return order;
}

} // namespace

Placement to_placement(const Holding& holding)
{
    Placement placement{holding.name, holding.cpus, {}, holding.devices};
    for (const auto& range : holding.memory)
        placement.memory_bytes[range.node] += range.bytes();
    std::ranges::sort(placement.devices);
    return placement;
}

std::uint64_t memory_floor(const std::string& text)
{
    if (const auto bytes = parse_bytes(text))
        return *bytes;
    throw Error{Code::usage, "--memory-floor", "'" + text + "' is no size", "a number with its unit: 4GiB"};
}

Plan make_plan(const Machine& machine, std::span<const Manifest> manifests, std::span<const Holding> held,
               const PlanOptions& options)
{
    std::map<std::string_view, const Holding*> holding_of;
    for (const auto& holding : held)
        holding_of.emplace(holding.name, &holding);

    Planner planner{machine, held, options};
    for (const auto& manifest : manifests)
        if (!holding_of.contains(manifest.name.value))
            planner.speak_for_devices(manifest);

    Plan plan;
    std::set<std::string_view> seen;
    for (const auto* manifest : in_order(manifests)) {
        if (!seen.insert(manifest->name.value).second) {
            Complaints{*manifest, plan.findings}.error(Code::duplicate_name, manifest->name.at,
                                                       "another partition has this name", "another name");
        } else if (const auto holding = holding_of.find(manifest->name.value); holding != holding_of.end()) {
            plan.placements.push_back(to_placement(*holding->second));
        } else if (auto placement = planner.place(*manifest, plan.findings)) {
            plan.placements.push_back(std::move(*placement));
        }
    }
    std::ranges::sort(plan.placements, {}, &Placement::name);
    std::ranges::stable_sort(plan.findings, {}, &Finding::partition);
    return plan;
}

} // namespace parker
