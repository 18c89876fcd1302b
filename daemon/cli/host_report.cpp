// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/host_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "machine/kernel_words.h"
#include "manifest/manifest.h"

namespace parker::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string hexadecimal(unsigned id)
{
    return fmt::format("{:04x}", id);
}

} // namespace

std::string describe(const Machine::PciFunction& function)
{
    return fmt::format("{} {}", function.vendor_name.empty() ? hexadecimal(function.vendor) : function.vendor_name,
                       function.device_name.empty() ? hexadecimal(function.device) : function.device_name);
}

namespace {

Json bars_json(const std::vector<Machine::Bar>& bars)
{
    auto list = Json::array();
    for (const auto& bar : bars)
        list.push_back(Json{{"number", bar.number},
                            {"start", bar.start},
                            {"bytes", bar.bytes},
                            {"ports", bar.is_ports},
                            {"64_bit", bar.is_64_bit},
                            {"prefetchable", bar.is_prefetchable}});
    return list;
}

// null: a description does not say.
Json known(const Machine& machine, Json value)
{
    return machine.described ? Json{} : std::move(value);
}

} // namespace

HostReport::HostReport(const Machine& machine, bool module)
    : machine_{machine}, module_{module}, room_{machine}, words_{relevant_words(machine.kernel_cmdline)}
{
}

// What planning the function would say, with all of its bus: each has its place among those as the finding's line.
Findings HostReport::plan(const Machine::PciFunction& function) const
{
    Manifest manifest;
    unsigned line = 0;
    for (const auto& other : machine_.functions_on_bus(function.bdf)) {
        ++line;
        if (function.parent || other.bdf == function.bdf)
            manifest.devices.push_back({.at = {.file = {}, .line = line, .column = 1}, .pci = other.bdf});
    }
    Findings findings;
    Complaints complaints{manifest, findings};
    (void)room_.choose(manifest, {}, complaints);
    return findings;
}

// Why a partition cannot have the function: for its own sake, or for that of another one on its bus.
HostReport::Verdict HostReport::verdict(const Machine::PciFunction& function)
{
    const auto bus = machine_.functions_on_bus(function.bdf);
    const auto line = static_cast<unsigned>(&function - bus.data()) + 1;
    const auto& of = function.parent ? bus.front().bdf : function.bdf;
    auto found = plans_.find(of);
    if (found == plans_.end())
        found = plans_.emplace(of, plan(function)).first;

    const Finding* error = nullptr;
    const Finding* doubt = nullptr;
    for (const auto& finding : found->second) {
        const bool is_own = finding.at.line == line;
        if (finding.severity == Severity::error && (error == nullptr || (is_own && error->at.line != line)))
            error = &finding;
        if (finding.code == Code::no_msi && (doubt == nullptr || is_own))
            doubt = &finding;
    }
    if (error != nullptr)
        return {false, std::string{info(error->code).name}, error->message};
    if (machine_.described)
        return {std::nullopt, "", "a description does not say whether the function raises MSI"};
    if (doubt != nullptr)
        return {std::nullopt, "", doubt->message};
    return {true, "", ""};
}

std::vector<std::string> HostReport::advice() const
{
    std::vector<std::string> lines;
    if (machine_.described)
        return lines;
    if (machine_.interrupt_broadcast)
        lines.emplace_back("boot with no_ipi_broadcast=1: interrupts to all CPUs at once would reach partitions, so "
                           "none is started");
    if (machine_.x2apic_locked)
        lines.emplace_back("switch off in the firmware's setup what locks CPUs into x2APIC mode: no partition can be "
                           "started with it");
    if (machine_.memory_encryption == "SME")
        lines.emplace_back("boot without mem_encrypt=on: partitions do not have the key, so none is started");
    else if (!machine_.memory_encryption.empty())
        lines.emplace_back("use another machine: in one with " + machine_.memory_encryption +
                           " no partition can be started");
    if (machine_.interrupt_remapping)
        lines.emplace_back("boot with intremap=off: with interrupt remapping on, devices of partitions have no "
                           "interrupts");
    if (machine_.iommu_known && !machine_.iommu)
        lines.emplace_back("boot with intel_iommu=on (Intel; on AMD it is on by default): without an IOMMU, a "
                           "partition's devices can write anywhere");
    if (machine_.late_microcode)
        lines.emplace_back("stop all partitions before you write to /sys/devices/system/cpu/microcode/reload: it would "
                           "change CPUs of theirs under them");
    if (!module_)
        lines.emplace_back("load the module: modprobe parker");
    return lines;
}

Json HostReport::cpus_json() const
{
    auto kinds = Json::array();
    for (const auto& kind : machine_.kinds)
        kinds.push_back(Json{{"cpus", kind.cpus.to_string()},
                             {"name", kind.name},
                             {"efficiency", kind.efficiency ? Json(*kind.efficiency) : Json{}},
                             {"max_mhz", kind.max_mhz}});
    return Json{{"count", machine_.online.size()},
                {"online", machine_.online.to_string()},
                {"offline", (machine_.possible - machine_.online).to_string()},
                {"possible", machine_.possible.to_string()},
                {"disallowed", machine_.disallowed.to_string()},
                {"isolated", machine_.isolated.to_string()},
                {"nohz_full", machine_.nohz_full.to_string()},
                {"far", machine_.far_cpus.to_string()},
                {"boot_cpu", machine_.boot_cpu},
                {"kinds", std::move(kinds)}};
}

Json HostReport::nodes_json() const
{
    auto nodes = Json::array();
    for (const auto& node : machine_.nodes)
        nodes.push_back(Json{{"id", node.id},
                             {"cpus", node.cpus.to_string()},
                             {"total_bytes", node.total_bytes},
                             {"free_bytes", known(machine_, node.free_bytes)},
                             {"distances", node.distances}});
    return nodes;
}

Json HostReport::function_json(const Machine::PciFunction& function)
{
    const auto may = verdict(function);
    const auto* port = machine_.root_port(function);
    Json entry{{"pci", function.bdf.to_string()},
               {"class", fmt::format("{:06x}", function.class_code)},
               {"vendor", hexadecimal(function.vendor)},
               {"device", hexadecimal(function.device)},
               {"name", describe(function)},
               {"driver", known(machine_, function.driver)},
               {"node", function.node ? Json(*function.node) : Json{}},
               {"iommu_group", function.iommu_group ? Json(*function.iommu_group) : Json{}},
               {"root_port", port != nullptr ? Json(port->bdf.to_string()) : Json{}},
               {"functions_on_bus", machine_.functions_on_bus(function.bdf).size()},
               {"bridge", function.is_bridge},
               {"msi", function.msi_known ? known(machine_, function.has_msi) : Json{}},
               {"bars", known(machine_, bars_json(function.bars))},
               {"assignable", may.assignable ? Json(*may.assignable) : Json{}}};
    if (function.max_virtual > 0)
        entry["sriov"] = Json{{"max", function.max_virtual}, {"now", function.virtual_functions}};
    if (function.physical_function)
        entry["physical_function"] = function.physical_function->to_string();
    if (!may.code.empty())
        entry["code"] = may.code;
    if (!may.why.empty())
        entry["why"] = may.why;
    return entry;
}

Json HostReport::to_json()
{
    std::set<unsigned> packages;
    auto cores = Json::array();
    for (const auto& core : machine_.cores) {
        packages.insert(core.package);
        cores.push_back(Json{{"cpus", core.cpus.to_string()},
                             {"package", core.package},
                             {"node", core.node},
                             {"l3", machine_.l3.empty() ? Json{} : Json(core.l3)}});
    }
    auto caches = Json::array();
    for (const auto& cache : machine_.l3)
        caches.push_back(Json{{"id", cache.id}, {"cpus", cache.cpus.to_string()}, {"bytes", cache.bytes}});
    auto vulnerabilities = Json::object();
    for (const auto& [name, state] : machine_.vulnerabilities)
        vulnerabilities[name] = state;
    auto functions = Json::array();
    for (const auto& function : machine_.functions)
        functions.push_back(function_json(function));
    return Json{{"described", machine_.described},
                {"vendor", machine_.vendor},
                {"product", machine_.product},
                {"cpus", cpus_json()},
                {"packages", packages.size()},
                {"cores", machine_.cores_known ? Json(machine_.cores.size()) : Json{}},
                {"core_list", std::move(cores)},
                {"l3", std::move(caches)},
                {"nodes", nodes_json()},
                {"kernel_release", machine_.kernel_release},
                {"kernel_cmdline", known(machine_, machine_.kernel_cmdline)},
                {"kernel_words", words_},
                {"vulnerabilities", std::move(vulnerabilities)},
                {"iommu", machine_.iommu_known ? known(machine_, machine_.iommu) : Json{}},
                {"interrupt_remapping",
                 machine_.interrupt_remapping_known ? known(machine_, machine_.interrupt_remapping) : Json{}},
                {"interrupt_broadcast", known(machine_, machine_.interrupt_broadcast)},
                {"x2apic_locked", known(machine_, machine_.x2apic_locked)},
                {"memory_encryption", known(machine_, machine_.memory_encryption)},
                {"virtual_machine", known(machine_, machine_.in_virtual_machine)},
                {"hardware_feedback", known(machine_, machine_.has_hfi)},
                {"microcode",
                 known(machine_, Json{{"revision", machine_.microcode}, {"late_reload", machine_.late_microcode}})},
                {"module_loaded", known(machine_, module_)},
                {"advice", advice()},
                {"functions", std::move(functions)}};
}

} // namespace parker::cli
