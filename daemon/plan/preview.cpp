// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/preview.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "plan/satisfies.h"

namespace parker {
namespace {

bool is_nothing(const Placement& placement)
{
    return placement.cpus.empty() && placement.memory_bytes.empty() && placement.devices.empty();
}

// The machine once this is given back.
void release(Machine& machine, const Holding& holding)
{
    machine.online |= holding.cpus;
    for (const auto& range : holding.memory) {
        const auto node = std::ranges::find(machine.nodes, range.node, &Machine::Node::id);
        if (node != machine.nodes.end())
            node->free_bytes += range.bytes();
    }
}

const Manifest* find(std::span<const Manifest> manifests, std::string_view name)
{
    const auto found = std::ranges::find(
        manifests, name, [](const Manifest& manifest) { return std::string_view{manifest.name.value}; });
    return found == manifests.end() ? nullptr : &*found;
}

// What is planned if `moving` is given back first. What does not fit then stays where it is, and the rest is planned
// around it: each turn leaves fewer to move.
Plan plan_around(const Machine& machine, std::span<const Manifest> manifests, std::vector<Holding> staying,
                 std::vector<Holding> moving, const PlanOptions& options)
{
    Findings blocked;
    for (;;) {
        auto freed = machine;
        for (const auto& holding : moving)
            release(freed, holding);
        auto plan = make_plan(freed, manifests, staying, options);
        std::set<std::string_view> placed;
        for (const auto& placement : plan.placements)
            placed.insert(placement.name);
        const auto stuck = std::partition(moving.begin(), moving.end(),
                                          [&placed](const Holding& holding) { return placed.contains(holding.name); });
        if (stuck == moving.end()) {
            plan.findings.insert(plan.findings.end(), blocked.begin(), blocked.end());
            std::ranges::stable_sort(plan.findings, {}, &Finding::partition);
            return plan;
        }
        for (auto holding = stuck; holding != moving.end(); ++holding) {
            std::ranges::copy_if(plan.findings, std::back_inserter(blocked),
                                 [holding](const Finding& finding) { return finding.partition == holding->name; });
            staying.push_back(std::move(*holding));
        }
        moving.erase(stuck, moving.end());
    }
}

std::string joined(const std::vector<Bdf>& devices)
{
    std::string text;
    for (const auto& device : devices)
        text += (text.empty() ? "" : " ") + device.to_string();
    return text;
}

void add_gives(const Change& change, std::vector<Step>& steps)
{
    using Verb = Step::Verb;
    if (change.needs_restart || (change.running && change.action() == Change::Action::give))
        steps.push_back({Verb::stop, change.name, {}});
    if (change.action() != Change::Action::change && change.action() != Change::Action::give)
        return;
    const auto& held = change.held;
    if (!held.devices.empty())
        steps.push_back({Verb::give_devices, change.name, joined(held.devices)});
    for (const auto& [node, bytes] : held.memory_bytes)
        steps.push_back({Verb::give_memory, change.name, format_bytes(bytes) + " of node " + std::to_string(node)});
    if (!held.cpus.empty())
        steps.push_back({Verb::give_cpus, change.name, held.cpus.to_string()});
}

void add_takes(const Change& change, std::vector<Step>& steps)
{
    using Verb = Step::Verb;
    if (change.action() == Change::Action::take || change.action() == Change::Action::change) {
        const auto& planned = change.planned;
        steps.push_back({Verb::take_cpus, change.name, planned.cpus.to_string()});
        for (const auto& [node, bytes] : planned.memory_bytes)
            steps.push_back({Verb::take_memory, change.name, format_bytes(bytes) + " of node " + std::to_string(node)});
        if (!planned.devices.empty())
            steps.push_back({Verb::take_devices, change.name, joined(planned.devices)});
    }
    if (change.needs_restart)
        steps.push_back({Verb::start, change.name, {}});
}

} // namespace

Change::Action Change::action() const
{
    if (is_nothing(held))
        return Action::take;
    if (is_nothing(planned))
        return Action::give;
    return held == planned ? Action::keep : Action::change;
}

Preview make_preview(const Machine& machine, std::span<const Manifest> manifests, std::span<const Holding> held,
                     const PlanOptions& options)
{
    CpuSet all;
    for (const auto& holding : held)
        all |= holding.cpus;
    std::vector<Holding> staying;
    std::vector<Holding> moving;
    for (const auto& holding : held) {
        const auto* manifest = find(manifests, holding.name);
        const bool moves = manifest != nullptr && !satisfies(holding, *manifest, machine, all - holding.cpus);
        (moves ? moving : staying).push_back(holding);
    }
    auto plan = plan_around(machine, manifests, std::move(staying), std::move(moving), options);

    std::map<std::string_view, Change> changes;
    for (const auto& holding : held) {
        changes[holding.name].held = to_placement(holding);
        changes[holding.name].running = holding.running;
    }
    for (const auto& placement : plan.placements)
        changes[placement.name].planned = placement;
    Preview preview;
    for (auto& [name, change] : changes) {
        change.name = name;
        change.needs_restart = change.running && change.action() == Change::Action::change;
        if (!is_nothing(change.held) || !is_nothing(change.planned))
            preview.changes.push_back(std::move(change));
    }
    preview.findings = std::move(plan.findings);
    return preview;
}

std::vector<Step> steps(const Preview& preview)
{
    std::vector<Step> all;
    for (const auto& change : preview.changes)
        add_gives(change, all);
    for (const auto& change : preview.changes)
        add_takes(change, all);
    return all;
}

void keep_only(Preview& preview, std::span<const std::string> names)
{
    if (names.empty())
        return;
    const auto is_unwanted = [names](const std::string& name) { return std::ranges::find(names, name) == names.end(); };
    std::erase_if(preview.changes, [&is_unwanted](const Change& change) { return is_unwanted(change.name); });
    std::erase_if(preview.findings, [&is_unwanted](const Finding& finding) {
        return !finding.partition.empty() && is_unwanted(finding.partition);
    });
}

std::string_view to_string(Change::Action action)
{
    constexpr std::array<std::string_view, 4> names{"keep", "take", "change", "give"};
    return names.at(static_cast<std::size_t>(action));
}

std::string_view to_string(Step::Verb verb)
{
    constexpr std::array<std::string_view, 8> names{"stop",      "give-devices", "give-memory",  "give-cpus",
                                                    "take-cpus", "take-memory",  "take-devices", "start"};
    return names.at(static_cast<std::size_t>(verb));
}

} // namespace parker
