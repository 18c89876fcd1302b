// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/cpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
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

CoreTree::Wish wish_of(const Manifest& manifest)
{
    return {manifest.cpus.count.value_or(0), may_split(manifest)};
}

} // namespace

CpuRoom::CpuRoom(const Machine& machine, const CpuSet& held)
    : machine_{machine}, usable_{machine.online | held}, holder_(CpuSet::max_cpus),
      node_(CpuSet::max_cpus), tree_{machine, usable_}
{
    for (const auto& core : machine.cores) {
        known_ |= core.cpus;
        of_node_[core.node] |= core.cpus;
        for (const auto cpu : core.cpus.to_vector())
            node_[cpu] = core.node;
        if (!(core.cpus & usable_).empty())
            cpu_nodes_.push_back(core.node);
        if (core.cpus.contains(machine.boot_cpu))
            boot_core_ = core.cpus;
    }
    for (const auto& node : machine.nodes)
        of_node_[node.id] |= node.cpus; // which it may share with another node
    std::ranges::sort(cpu_nodes_);
    cpu_nodes_.erase(std::unique(cpu_nodes_.begin(), cpu_nodes_.end()), cpu_nodes_.end());
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
    if (!check_node(manifest, complaints))
        return std::nullopt;
    return manifest.cpus.list ? choose_list(manifest, complaints)
                              : choose_count(manifest, near, has_memory, complaints);
}

bool CpuRoom::check_node(const Manifest& manifest, Complaints& complaints) const
{
    const auto& node = manifest.cpus.node;
    if (!node)
        return true;
    if (machine_.node(node->value) == nullptr) {
        CpuSet known; // a set of numbers, whatever of
        for (const auto each : cpu_nodes_)
            known.add(each);
        complaints.error(Code::no_such_node, node->at, fmt::format("this machine has no NUMA node {}", node->value),
                         known.empty()       ? ""
                         : known.size() == 1 ? fmt::format("the only node with CPUs is {}", known.to_string())
                                             : fmt::format("nodes with CPUs are {}", known.to_string()));
        return false;
    }
    if (!cpus_of(node->value).empty())
        return true;
    const auto near = homes(node->value);
    complaints.error(Code::no_such_node, node->at,
                     fmt::format("NUMA node {} has no CPU that is online: it is memory only", node->value),
                     near.empty() ? "" : fmt::format("`node: {}`, whose CPUs are near to that memory", near.front()));
    return false;
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

const CpuSet& CpuRoom::cpus_of(unsigned node) const
{
    static const CpuSet none;
    const auto found = of_node_.find(node);
    return found == of_node_.end() ? none : found->second;
}

std::vector<unsigned> CpuRoom::homes(unsigned node) const
{
    if (const auto own = cpus_of(node) & known_ & usable_; !own.empty())
        return nodes_of(own);
    const auto places = by_distance(node, {});
    return places.empty() ? Nodes{} : places.front();
}

// The nodes with CPUs, from near to far; those that are equally far are one place.
std::vector<CpuRoom::Nodes> CpuRoom::by_distance(unsigned node, const Nodes& without) const
{
    const auto* from = machine_.node(node);
    std::map<unsigned, Nodes> places;
    for (const auto each : cpu_nodes_)
        if (std::ranges::find(without, each) == without.end()) {
            const auto* to = machine_.node(each);
            const bool known = from != nullptr && to != nullptr;
            places[known ? machine_.distance(*from, *to) : std::numeric_limits<unsigned>::max()].push_back(each);
        }
    std::vector<Nodes> ordered;
    for (auto& [distance, nodes] : places)
        ordered.push_back(std::move(nodes));
    return ordered;
}

std::optional<CpuSet> CpuRoom::choose_list(const Manifest& manifest, Complaints& complaints) const
{
    const auto& list = *manifest.cpus.list;
    if (list.empty()) {
        complaints.error(Code::bad_value, manifest.cpus.at, "the list of CPUs is empty",
                         list_suggestion(takeable(manifest, free_)));
        return std::nullopt;
    }
    check_existence(manifest, list, complaints);
    check_holders(manifest, list, complaints);
    check_whole_cores(manifest, list, complaints);
    check_place(manifest, list, complaints);
    return complaints.has_errors() ? std::nullopt : std::optional{list};
}

void CpuRoom::check_existence(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const
{
    const auto offline_now = machine_.possible - machine_.online;
    const auto missing = list - known_ - offline_now;
    if (!missing.empty())
        complaints.error(
            Code::no_such_cpu, manifest.cpus.at,
            fmt::format("this machine has no {}; it has {}", cpus_text(missing), cpus_text(known_ | offline_now)),
            list_suggestion(takeable(manifest, list)));
    const auto offline = list - missing - usable_;
    if (offline.empty())
        return;
    const auto more = offline.size() > 1 ? ", and so on" : "";
    complaints.error(Code::cpu_busy, manifest.cpus.at, fmt::format("offline: {}", cpus_text(offline)),
                     machine_.smt_off
                         ? "write on to /sys/devices/system/cpu/smt/control, or boot without `nosmt`"
                         : fmt::format("write 1 to /sys/devices/system/cpu/cpu{}/online{}", *offline.first(), more),
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
            list_suggestion(takeable(manifest, list)), std::string{boot_kernel});

    std::map<std::string_view, CpuSet> held;
    for (const auto cpu : (list - boot_core_).to_vector())
        if (!holder_[cpu].empty())
            held[holder_[cpu]].add(cpu);
    const auto free = takeable(manifest, free_);
    for (const auto& [holder, cpus] : held)
        complaints.error(Code::cpu_busy, manifest.cpus.at, fmt::format("taken already: {}", cpus_text(cpus)),
                         free.empty() ? "" : fmt::format("free are {}", free.to_string()), holder_text(holder));
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
    const bool all_free = (list - free_).empty(); // as single threads, at least
    complaints.error(Code::bad_value, manifest.cpus.at,
                     fmt::format("the list splits cores: {} missing", cpus_text(missing)),
                     takeable(manifest, whole) == whole ? list_suggestion(whole)
                     : all_free                         ? "`sharing: threads`"
                                                        : list_suggestion(takeable(manifest, whole)));
}

void CpuRoom::check_place(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const
{
    const auto& node = manifest.cpus.node;
    if (!node)
        return;
    const auto elsewhere = (list & known_) - cpus_of(node->value);
    if (!elsewhere.empty())
        complaints.error(Code::bad_value, node->at,
                         fmt::format("{} of the list {} not on node {}", cpus_text(elsewhere),
                                     elsewhere.size() == 1 ? "is" : "are", node->value),
                         "leave out `node`: the list says it all");
}

CpuSet CpuRoom::takeable(const Manifest& manifest, const CpuSet& cpus) const
{
    auto good = cpus & free_;
    if (const auto& node = manifest.cpus.node)
        good = good & cpus_of(node->value);
    if (may_split(manifest))
        return good;
    CpuSet whole;
    for (const auto cpu : good.to_vector())
        if ((tree_.core_of(cpu) - good).empty())
            whole.add(cpu);
    return whole;
}

std::optional<CpuSet> CpuRoom::choose_count(const Manifest& manifest, std::span<const unsigned> near,
                                            const CoreTree::NodeFilter& has_memory, Complaints& complaints) const
{
    const auto wish = wish_of(manifest);
    if (const auto& node = manifest.cpus.node) {
        const auto there = tree_.only(cpus_of(node->value));
        if (!check_count(manifest, there, complaints))
            return std::nullopt;
        auto chosen = there.choose(wish);
        if (!chosen)
            complain_too_few(manifest, there, complaints);
        return chosen;
    }
    if (!check_count(manifest, tree_, complaints))
        return std::nullopt;
    auto chosen = choose_near(wish, near, has_memory);
    if (!chosen)
        chosen = tree_.choose(wish);
    if (!chosen)
        complain_too_few(manifest, tree_, complaints);
    return chosen;
}

// On one node: of the ones to prefer, else of those that are near to the first of them. On several of them, if one has
// too few.
std::optional<CpuSet> CpuRoom::choose_near(const CoreTree::Wish& wish, std::span<const unsigned> near,
                                           const CoreTree::NodeFilter& has_memory) const
{
    if (near.empty())
        return tree_.choose_on_node(wish, has_memory);
    std::vector<Nodes> places;
    Nodes seen;
    for (const auto preferred : near) {
        Nodes fresh;
        for (const auto home : homes(preferred))
            if (std::ranges::find(seen, home) == seen.end())
                fresh.push_back(home);
        seen.insert(seen.end(), fresh.begin(), fresh.end());
        if (!fresh.empty())
            places.push_back(std::move(fresh));
    }
    const auto preferred = places.size();
    std::ranges::move(by_distance(near.front(), seen), std::back_inserter(places));

    const auto in = [](const Nodes& place) {
        return [&place](unsigned node) { return std::ranges::find(place, node) != place.end(); };
    };
    for (std::size_t i = 0; i < preferred; ++i)
        if (auto chosen = tree_.choose_on_node(wish, in(places[i])))
            return chosen;
    for (const bool with_memory : {true, false})
        for (auto i = preferred; i < places.size(); ++i)
            if (auto chosen =
                    tree_.choose_on_node(wish, [&is_in = places[i], &has_memory, with_memory, &in](unsigned node) {
                        return in(is_in)(node) && (!with_memory || has_memory(node));
                    }))
                return chosen;
    return choose_across(wish, places);
}

// All of the nearest, and the rest of the next ones.
std::optional<CpuSet> CpuRoom::choose_across(const CoreTree::Wish& wish, const std::vector<Nodes>& places) const
{
    auto left = tree_;
    CpuSet chosen;
    auto missing = wish.cpus;
    const auto take = [&left, &chosen, &missing, &wish](unsigned cpus, const CoreTree::NodeFilter& where) {
        const auto taken = left.choose_on_node({cpus, wish.may_split}, where);
        if (!taken)
            return false;
        left.take(*taken);
        chosen |= *taken;
        missing -= cpus;
        return true;
    };
    for (auto place : places) {
        const auto free = [&left, &wish](unsigned node) { return left.free_cpus_on(node, wish.may_split); };
        std::ranges::stable_sort(place, std::greater{}, free);
        for (const auto node : place) {
            const auto is_here = [node](unsigned each) { return each == node; };
            const auto is_in_place = [&place](unsigned each) { return std::ranges::find(place, each) != place.end(); };
            if (take(missing, is_in_place))
                return chosen;
            if (const auto all = free(node); all > 0 && all < missing)
                (void)take(all, is_here);
        }
    }
    return std::nullopt;
}

bool CpuRoom::check_count(const Manifest& manifest, const CoreTree& tree, Complaints& complaints) const
{
    const auto wish = wish_of(manifest);
    if (wish.cpus == 0) {
        const auto least = tree.more(wish);
        complaints.error(Code::bad_value, manifest.cpus.at, "a partition needs a CPU at least",
                         least ? fmt::format("`count: {}` or more", *least) : "");
        return false;
    }
    const auto& sizes = tree.core_sizes();
    const auto divides = [&sizes](unsigned size) { return size % sizes.back() == 0; };
    if (wish.may_split || sizes.empty() || !std::ranges::all_of(sizes, divides) || wish.cpus % sizes.back() == 0)
        return true;
    std::vector<std::string> better;
    for (const auto& count : {tree.fewer(wish), tree.more(wish)})
        if (count)
            better.push_back(fmt::format("`count: {}`", *count));
    if (tree.fits({wish.cpus, true}))
        better.emplace_back("`sharing: threads`");
    complaints.error(Code::bad_value, manifest.cpus.at,
                     fmt::format("{} {} no whole number of cores: a core of this machine has {}",
                                 cpu_count_text(wish.cpus), wish.cpus == 1 ? "is" : "are", sizes.back()),
                     alternatives_text(better));
    return false;
}

// What is advised has been tried.
void CpuRoom::complain_too_few(const Manifest& manifest, const CoreTree& tree, Complaints& complaints) const
{
    const auto wish = wish_of(manifest);
    const auto free = tree.free_cpus(wish.may_split);
    const auto& node = manifest.cpus.node;
    const auto fewer = tree.fewer(wish);
    std::vector<std::string> better;
    if (node && tree_.fits(wish))
        better.emplace_back("leave out `node`");
    std::string message;
    if (free < wish.cpus) { // else there are enough, but of other cores
        message = fmt::format("wants {}{}; ", cpu_count_text(wish.cpus), wish.may_split ? "" : " in whole cores");
        message += node ? fmt::format("{} free on node {}", count_is_text(free), node->value)
                        : fmt::format("{} of {} {} free", free, known_.size(), free == 1 ? "is" : "are");
        if (const auto on_one = tree.largest_on_one_node(wish.may_split); !node && on_one.cpus > 0)
            message += on_one.cpus == free
                           ? fmt::format(", on node {}", on_one.node)
                           : fmt::format(", at most {} of them on one node: node {}", on_one.cpus, on_one.node);
        if (fewer && better.empty())
            better.push_back(fmt::format("ask for {} at most", *fewer));
    } else {
        message = fmt::format("{} cannot be made up of whole cores that are free{}: there are {}, in cores of {}",
                              cpu_count_text(wish.cpus), node ? fmt::format(" on node {}", node->value) : "",
                              cpu_count_text(free), fmt::join(tree.free_core_sizes(), " or "));
        for (const auto& count : {fewer, tree.more(wish)})
            if (count)
                better.push_back(fmt::format("`count: {}`", *count));
    }
    if (!wish.may_split && tree.fits({wish.cpus, true}))
        better.emplace_back("`sharing: threads`");
    complaints.error(Code::not_enough_cpus, manifest.cpus.at, std::move(message), alternatives_text(better),
                     holders(manifest));
}

std::string CpuRoom::holders(const Manifest& manifest) const
{
    std::vector<std::string_view> found;
    const auto& node = manifest.cpus.node;
    const auto could_have = node ? known_ & cpus_of(node->value) : known_;
    for (const auto cpu : could_have.to_vector())
        if (const auto holder = holder_[cpu]; !holder.empty() && (found.empty() || found.back() != holder))
            found.push_back(holder); // they come in runs
    return holders_text(std::move(found));
}

} // namespace parker
