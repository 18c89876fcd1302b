// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/reserve.h"

#include <algorithm>

#include "base/undo.h"
#include "partition/give_back.h"
#include "partition/satisfies.h"

namespace parker {
namespace {

const Manifest& definition(const Reservation& reservation)
{
    const auto found = std::ranges::find(*reservation.definitions, reservation.name,
                                         [](const Manifest& manifest) { return manifest.name.value; });
    if (found == reservation.definitions->end())
        throw Error{Code::no_such_partition, "partition " + reservation.name, "no manifest speaks of it"};
    return *found;
}

Error from_findings(const std::string& name, const Findings& findings)
{
    const auto found = std::ranges::find(findings, Severity::error, &Finding::severity);
    if (found == findings.end())
        return Error{Code::failed, "partition " + name, "has no place, and nobody says why"};
    auto reason = found->message;
    if (!found->holder.empty())
        reason += " (held by " + found->holder + ')';
    return Error{found->code, "partition " + name, reason, found->suggestion};
}

// What the partition, which holds nothing now, is to have: its place beside all that are defined, so that they do not
// need to move when they start. Where there is none, whatever those have left that hold something: who is merely
// defined keeps nobody from starting. Leaves the planner's findings about it in `reserved`.
Placement place(Control& control, const Reservation& reservation, const Manifest& manifest, Reserved& reserved)
{
    const auto held = holdings(control.list());
    const auto is_here = [&reservation](const Plan& plan) {
        return std::ranges::find(plan.placements, reservation.name, &Placement::name);
    };
    const auto options = complete(reservation.options, control);
    auto plan = make_plan(reserved.machine, *reservation.definitions, held, options);
    if (is_here(plan) == plan.placements.end())
        plan = make_plan(reserved.machine, {&manifest, 1}, held, options);
    std::ranges::copy_if(plan.findings, std::back_inserter(reserved.findings),
                         [&reservation](const Finding& finding) { return finding.partition == reservation.name; });
    const auto found = is_here(plan);
    if (found == plan.placements.end())
        throw from_findings(reservation.name, reserved.findings);
    return *found;
}

CpuSet others(Control& control, const std::string& name)
{
    CpuSet cpus;
    for (const auto& held : control.list())
        if (held.name != name)
            cpus |= held.cpus;
    return cpus;
}

void take_devices(Control& control, const Manifest& manifest, const std::vector<Bdf>& devices, Reserved& reserved)
{
    if (devices.empty())
        return;
    const auto& name = manifest.name.value;
    if (manifest.dma != Manifest::Dma::automatic) {
        control.take_devices(name, devices, manifest.dma == Manifest::Dma::required);
        return;
    }
    std::string reason = "the IOMMU is off";
    if (reserved.machine.iommu) {
        try {
            control.take_devices(name, devices, true);
            return;
        } catch (const Error& error) {
            if (error.code() != Code::dma_unconfined)
                throw;
            reason = error.what();
        }
    }
    control.take_devices(name, devices, false);
    reserved.findings.push_back({Severity::warning,
                                 Code::dma_unconfined,
                                 manifest.devices.front().at,
                                 name,
                                 "its devices can reach all memory: " + reason,
                                 {},
                                 {},
                                 "boot with intel_iommu=on or amd_iommu=on; `isolation: {dma: required}` refuses "
                                 "to start like this"});
}

} // namespace

Holding to_holding(const HeldPartition& held)
{
    return {held.name, held.cpus, held.memory, held.devices, held.state == HeldPartition::State::running};
}

std::vector<Holding> holdings(std::span<const HeldPartition> held)
{
    std::vector<Holding> result;
    std::ranges::transform(held, std::back_inserter(result), to_holding);
    return result;
}

PlanOptions complete(PlanOptions options, Control& control)
{
    options.in_use = [&control](const Bdf& device) { return control.in_use(device); };
    try {
        options.slices = control.info().slices;
    } catch (const Error&) {
        options.slices.reset(); // without the module, nobody can tell
    }
    return options;
}

void reserve(Control& control, const Reservation& reservation, Reserved& reserved)
{
    const auto info = control.info(); // without the module, nothing else is worth a word
    const auto& name = reservation.name;
    const auto& manifest = definition(reservation);
    const auto held = control.find(name);
    if (held && !reservation.ours) {
        reserved.foreign = true;
        throw Error{Code::wrong_state, "partition " + name,
                    "the name is taken: the kernel module has a partition "
                    "called so that parkerd did not make",
                    "rename one of the two, or end the other"};
    }
    reserved.machine = reservation.machine();
    if (held) {
        if (satisfies(*held, manifest, reserved.machine, others(control, name)))
            return;
        if (const auto left = give_back(control, name)) // taken for another definition, or not all of it
            throw Error{*left};
        reserved.machine = reservation.machine(); // which has more now
    }
    // Linux on bare metal keeps x2APIC without interrupt remapping only where it cannot be turned off.
    reserved.machine.x2apic_locked = info.x2apic_stays && !reserved.machine.in_virtual_machine;
    const auto placement = place(control, reservation, manifest, reserved);

    Undo undo;
    control.create(name);
    undo.add([&control, &name] { give_back(control, name); }); // what stays is held, for all to see
    control.take_cpus(name, placement.cpus);
    for (const auto& [node, bytes] : placement.memory_bytes)
        control.take_memory(name, node, bytes);
    take_devices(control, manifest, placement.devices, reserved);
    undo.keep();
    reserved.fresh = true;
}

} // namespace parker
