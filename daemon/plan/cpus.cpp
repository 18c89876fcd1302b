// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/cpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace parker {
namespace {

bool may_split(const Manifest& manifest)
{
    return manifest.cpus.sharing == Manifest::Sharing::threads;
}

std::string list_suggestion(const CpuSet& cpus)
{
    return cpus.empty() ? std::string{} : fmt::format("`list: \"{}\"`", cpus.to_string());
}

} // namespace

CpuRoom::CpuRoom(const Machine& machine, const CpuSet& held)
    : machine_{machine}, usable_{machine.online | held}, holder_(CpuSet::max_cpus),
      node_(CpuSet::max_cpus), tree_{machine, usable_}
{
    for (const auto& core : machine.cores) {
        known_ |= core.cpus;
        for (const auto cpu : core.cpus.to_vector())
            node_[cpu] = core.node;
        if (core.cpus.contains(machine.boot_cpu))
            boot_core_ = core.cpus;
    }
    boot_core_.add(machine.boot_cpu);
    free_ = known_ & usable_;
    take(boot_core_, boot_kernel);
}

void CpuRoom::take(const CpuSet& cpus, std::string_view holder)
{
    for (const auto cpu : cpus.to_vector())
        holder_[cpu] = holder;
    free_ -= cpus;
    tree_.take(cpus);
}

std::optional<CpuSet> CpuRoom::choose(const Manifest& manifest, std::span<const unsigned> near,
                                      const CoreTree::NodeFilter& has_memory, Complaints& complaints) const
{
    if (const auto& node = manifest.cpus.node; node && machine_.node(node->value) == nullptr) {
        complaints.error(Code::no_such_node, node->at, fmt::format("this machine has no NUMA node {}", node->value),
                         fmt::format("one of 0 to {}", machine_.nodes.empty() ? 0 : machine_.nodes.back().id));
        return std::nullopt;
    }
    return manifest.cpus.list ? choose_list(manifest, complaints)
                              : choose_count(manifest, near, has_memory, complaints);
}

std::vector<unsigned> CpuRoom::nodes_of(const CpuSet& cpus) const
{
    std::map<unsigned, unsigned> count;
    for (const auto cpu : cpus.to_vector())
        ++count[node_[cpu]];
    std::vector<unsigned> nodes;
    for (const auto& [node, unused] : count)
        nodes.push_back(node);
    std::ranges::stable_sort(nodes, std::greater{}, [&count](unsigned node) { return count.at(node); });
    return nodes;
}

std::optional<CpuSet> CpuRoom::choose_list(const Manifest& manifest, Complaints& complaints) const
{
    const auto& list = *manifest.cpus.list;
    if (list.empty()) {
        complaints.error(Code::bad_value, manifest.cpus.at, "the list of CPUs is empty", list_suggestion(free_));
        return std::nullopt;
    }
    check_existence(manifest, list, complaints);
    check_holders(manifest, list, complaints);
    check_whole_cores(manifest, list, complaints);
    if (const auto& node = manifest.cpus.node) {
        CpuSet elsewhere;
        for (const auto cpu : (list & known_).to_vector())
            if (node_[cpu] != node->value)
                elsewhere.add(cpu);
        if (!elsewhere.empty())
            complaints.error(Code::bad_value, node->at,
                             fmt::format("{} of the list are not on node {}", cpus_text(elsewhere), node->value),
                             "leave out `node`: the list says it all");
    }
    return complaints.has_errors() ? std::nullopt : std::optional{list};
}

void CpuRoom::check_existence(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const
{
    const auto missing = list - known_ - (machine_.possible - machine_.online);
    if (!missing.empty())
        complaints.error(Code::no_such_cpu, manifest.cpus.at,
                         fmt::format("this machine has no {}; it has {}", cpus_text(missing), cpus_text(known_)),
                         list_suggestion(list & free_));
    const auto offline = list - missing - usable_;
    if (!offline.empty())
        complaints.error(Code::cpu_busy, manifest.cpus.at, fmt::format("offline: {}", cpus_text(offline)),
                         fmt::format("write 1 to /sys/devices/system/cpu/cpu{}/online", *offline.first()),
                         std::string{boot_kernel});
}

void CpuRoom::check_holders(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const
{
    if (const auto boot = list & boot_core_; !boot.empty())
        complaints.error(
            Code::boot_cpu, manifest.cpus.at,
            boot.contains(machine_.boot_cpu)
                ? fmt::format("the machine was booted on CPU {}, which no partition can have", machine_.boot_cpu)
                : fmt::format("same core as CPU {}, on which the machine was booted: {}", machine_.boot_cpu,
                              cpus_text(boot)),
            list_suggestion(list & free_), std::string{boot_kernel});

    std::map<std::string_view, CpuSet> held;
    for (const auto cpu : (list - boot_core_).to_vector())
        if (!holder_[cpu].empty())
            held[holder_[cpu]].add(cpu);
    for (const auto& [holder, cpus] : held)
        complaints.error(Code::cpu_busy, manifest.cpus.at, fmt::format("taken already: {}", cpus_text(cpus)),
                         free_.empty() ? "" : fmt::format("free are {}", free_.to_string()), holder_text(holder));
}

void CpuRoom::check_whole_cores(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const
{
    if (may_split(manifest))
        return;
    CpuSet missing;
    for (const auto cpu : (list - boot_core_).to_vector())
        missing |= tree_.core_of(cpu) - list;
    if (missing.empty())
        return;
    const auto whole = list | missing;
    complaints.error(Code::bad_value, manifest.cpus.at,
                     fmt::format("the list splits cores: {} missing", cpus_text(missing)),
                     (whole - free_).empty() ? list_suggestion(whole) : "`sharing: threads`");
}

std::optional<CpuSet> CpuRoom::choose_count(const Manifest& manifest, std::span<const unsigned> near,
                                            const CoreTree::NodeFilter& has_memory, Complaints& complaints) const
{
    const CoreTree::Wish wish{manifest.cpus.count.value_or(0), may_split(manifest)};
    if (!check_count(manifest, wish.cpus, complaints))
        return std::nullopt;

    std::optional<CpuSet> chosen;
    if (const auto& node = manifest.cpus.node) {
        chosen = tree_.choose_on_node(wish, [node](unsigned each) { return each == node->value; });
    } else {
        for (auto preferred = near.begin(); preferred != near.end() && !chosen; ++preferred)
            chosen = tree_.choose_on_node(wish, [preferred](unsigned each) { return each == *preferred; });
        if (!chosen)
            chosen = tree_.choose_on_node(wish, has_memory);
        if (!chosen)
            chosen = tree_.choose(wish);
    }
    if (!chosen)
        complain_too_few(manifest, wish.cpus, complaints);
    return chosen;
}

bool CpuRoom::check_count(const Manifest& manifest, unsigned count, Complaints& complaints) const
{
    const auto& sizes = tree_.core_sizes();
    if (count == 0) {
        complaints.error(Code::bad_value, manifest.cpus.at, "a partition needs a CPU at least", "`count: 1` or more");
        return false;
    }
    if (may_split(manifest) || sizes.empty() || count % sizes.back() == 0)
        return true;
    const auto below = count - count % sizes.back();
    const auto above = below + sizes.back();
    complaints.error(
        Code::bad_value, manifest.cpus.at,
        fmt::format("{} CPUs are no whole number of cores: a core of this machine has {}", count, sizes.back()),
        (below > 0 ? fmt::format("`count: {}`, ", below) : "") +
            fmt::format("`count: {}`, or `sharing: threads`", above));
    return false;
}

void CpuRoom::complain_too_few(const Manifest& manifest, unsigned count, Complaints& complaints) const
{
    const bool split = may_split(manifest);
    const auto free = tree_.free_cpus(split);
    const auto on_one = tree_.largest_on_one_node(split);
    const auto unit = split ? "CPUs" : "CPUs in whole cores";
    if (const auto& node = manifest.cpus.node) {
        const auto here = tree_.free_cpus_on(node->value, split);
        complaints.error(Code::not_enough_cpus, manifest.cpus.at,
                         fmt::format("wants {} {}; {} are free on node {}", count, unit, here, node->value),
                         tree_.fits({count, split}) ? "leave out `node`" : fmt::format("ask for {} at most", here),
                         holders(node->value));
        return;
    }
    const auto most =
        free == 0 ? std::string{} : fmt::format(", at most {} of them on one node: node {}", on_one.cpus, on_one.node);
    complaints.error(Code::not_enough_cpus, manifest.cpus.at,
                     fmt::format("wants {} {}; {} of {} are free{}", count, unit, free, known_.size(), most),
                     free > 0 ? fmt::format("ask for {} at most", free) : "", holders(std::nullopt));
}

std::string CpuRoom::holders(std::optional<unsigned> on_node) const
{
    std::vector<std::string_view> found;
    for (const auto cpu : known_.to_vector())
        if (const auto holder = holder_[cpu]; !holder.empty() && (!on_node || node_[cpu] == *on_node) &&
                                              (found.empty() || found.back() != holder)) // they come in runs
            found.push_back(holder);
    return holders_text(std::move(found));
}

} // namespace parker
