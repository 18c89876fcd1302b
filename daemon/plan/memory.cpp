// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/memory.h"

#include <fmt/format.h>

#include <algorithm>

namespace parker {

MemoryRoom::MemoryRoom(const Machine& machine, std::uint64_t boot_bytes) : machine_{machine}, boot_bytes_{boot_bytes}
{
    for (const auto& node : machine.nodes) {
        nodes_[node.id] = {node.total_bytes, node.free_bytes, 0, {}};
        total_ += node.total_bytes;
    }
}

void MemoryRoom::hold(unsigned node, std::uint64_t bytes, std::string_view holder)
{
    if (const auto found = nodes_.find(node); found != nodes_.end()) {
        const auto taken = std::min(bytes, found->second.left);
        found->second.left -= taken;
        found->second.holders.push_back(holder);
        taken_ += taken;
    }
}

void MemoryRoom::take(const Amounts& amounts, std::string_view holder)
{
    for (const auto& [node, bytes] : amounts) {
        hold(node, bytes, holder);
        nodes_[node].planned += bytes;
    }
}

bool MemoryRoom::fits_on(unsigned node, std::uint64_t bytes) const
{
    const auto found = nodes_.find(node);
    return found != nodes_.end() && bytes <= found->second.left && bytes <= left();
}

std::uint64_t MemoryRoom::left() const
{
    const auto free = total_ - taken_;
    return free > boot_bytes_ ? align_down(free - boot_bytes_, memory_unit) : 0;
}

std::optional<MemoryRoom::Amounts> MemoryRoom::choose(const Manifest& manifest, std::span<const unsigned> cpu_nodes,
                                                      Complaints& complaints) const
{
    if (!check_sizes(manifest, complaints))
        return std::nullopt;
    auto amounts =
        manifest.memory.size_bytes ? choose_size(manifest, cpu_nodes, complaints) : choose_nodes(manifest, complaints);
    if (amounts)
        warn_if_not_free_now(manifest, *amounts, complaints);
    return amounts;
}

std::uint64_t MemoryRoom::most() const
{
    std::uint64_t pieces = 0;
    for (const auto& [id, node] : nodes_)
        pieces += align_down(node.left, memory_unit);
    return std::min(left(), pieces);
}

std::uint64_t MemoryRoom::left_on(const Manifest& manifest, unsigned node) const
{
    std::uint64_t elsewhere = 0;
    for (const auto& [other, bytes] : manifest.memory.nodes_bytes)
        elsewhere += other == node ? 0 : bytes;
    const auto all = left();
    const auto found = nodes_.find(node);
    return found == nodes_.end() || elsewhere >= all
               ? 0
               : align_down(std::min(found->second.left, all - elsewhere), memory_unit);
}

bool MemoryRoom::check_sizes(const Manifest& manifest, Complaints& complaints) const
{
    const auto& memory = manifest.memory;
    std::vector<std::pair<std::optional<unsigned>, std::uint64_t>> sizes; // of a node, or any
    if (memory.size_bytes)
        sizes.emplace_back(std::nullopt, *memory.size_bytes);
    for (const auto& [node, bytes] : memory.nodes_bytes)
        sizes.emplace_back(node, bytes);

    bool good = true;
    std::uint64_t sum = 0;
    for (const auto& [node, bytes] : sizes) {
        if (bytes > std::uint64_t{1} << 52) { // no address reaches that far: keeps all sums from overflowing
            complain_too_little(manifest, bytes, complaints);
            return false;
        }
        sum += bytes;
        if (bytes % memory_unit == 0)
            continue;
        complain_about_grain(manifest, node, bytes, complaints);
        good = false;
    }
    if (good && sum < least_memory) {
        complaints.error(Code::bad_value, memory.at,
                         fmt::format("{} is too little to start a kernel", exact_bytes(sum)),
                         most() >= least_memory ? exact_bytes(least_memory) + " or more" : "");
        good = false;
    }
    return good;
}

void MemoryRoom::complain_about_grain(const Manifest& manifest, std::optional<unsigned> node, std::uint64_t bytes,
                                      Complaints& complaints) const
{
    const auto least = node ? memory_unit : least_memory;
    const auto largest = node ? left_on(manifest, *node) : most();
    const auto up = std::max(align_up(bytes, memory_unit), least);
    const auto down = align_down(bytes, memory_unit);
    complaints.error(Code::bad_value, manifest.memory.at,
                     fmt::format("{} is no multiple of {}", exact_bytes(bytes), format_bytes(memory_unit)),
                     up <= largest                      ? exact_bytes(up)
                     : down >= least && down <= largest ? exact_bytes(down)
                                                        : "");
}

std::optional<MemoryRoom::Amounts>
MemoryRoom::choose_size(const Manifest& manifest, std::span<const unsigned> cpu_nodes, Complaints& complaints) const
{
    const auto wanted = *manifest.memory.size_bytes;
    if (wanted > most()) {
        complain_too_little(manifest, wanted, complaints);
        return std::nullopt;
    }
    for (const auto node : cpu_nodes)
        if (fits_on(node, wanted))
            return Amounts{{node, wanted}};

    CpuSet near;
    for (const auto node : cpu_nodes)
        if (const auto* home = machine_.node(node))
            near |= home->cpus;
    Amounts amounts;
    Amounts far;
    auto missing = wanted;
    for (const auto node : by_distance(cpu_nodes)) {
        const auto bytes = std::min(missing, align_down(nodes_.at(node).left, memory_unit));
        if (bytes == 0)
            continue;
        amounts[node] = bytes;
        if (!cpu_nodes.empty() && std::ranges::find(cpu_nodes, node) == cpu_nodes.end() &&
            (machine_.node(node)->cpus & near).empty()) // several nodes may share their CPUs
            far[node] = bytes;
        missing -= bytes;
    }
    if (far.empty())
        return amounts;
    const auto other = other_node_with(wanted, cpu_nodes);
    for (const auto& [node, bytes] : far)
        complaints.warning(Code::not_enough_memory, manifest.memory.at,
                           fmt::format("{} of {} comes from node {}: no more is left where the CPUs are",
                                       exact_bytes(bytes), exact_bytes(wanted), node),
                           other ? fmt::format("less memory, or CPUs of node {}, which has as much", *other)
                                 : "less memory");
    return amounts;
}

std::optional<unsigned> MemoryRoom::other_node_with(std::uint64_t bytes, std::span<const unsigned> cpu_nodes) const
{
    for (const auto& node : machine_.nodes)
        if (!node.cpus.empty() && std::ranges::find(cpu_nodes, node.id) == cpu_nodes.end() && fits_on(node.id, bytes))
            return node.id;
    return std::nullopt;
}

// The CPUs' own nodes, then the others from near to far.
std::vector<unsigned> MemoryRoom::by_distance(std::span<const unsigned> cpu_nodes) const
{
    std::vector<unsigned> order{cpu_nodes.begin(), cpu_nodes.end()};
    std::erase_if(order, [this](unsigned node) { return !nodes_.contains(node); });
    std::vector<std::pair<unsigned, unsigned>> others; // distance, node
    const auto* home = order.empty() ? nullptr : machine_.node(order.front());
    for (const auto& node : machine_.nodes)
        if (std::ranges::find(order, node.id) == order.end())
            others.emplace_back(home != nullptr ? machine_.distance(*home, node) : 0, node.id);
    std::ranges::sort(others);
    for (const auto& [distance, node] : others)
        order.push_back(node);
    return order;
}

std::optional<MemoryRoom::Amounts> MemoryRoom::choose_nodes(const Manifest& manifest, Complaints& complaints) const
{
    Amounts amounts;
    std::uint64_t sum = 0;
    for (const auto& [id, bytes] : manifest.memory.nodes_bytes) {
        const auto node = nodes_.find(id);
        if (node == nodes_.end() || bytes > node->second.left) {
            complain_about_node(manifest, id, bytes, complaints);
        } else if (bytes > 0) {
            amounts[id] = bytes;
            sum += bytes;
        }
    }
    if (complaints.has_errors())
        return std::nullopt;
    if (sum > left()) {
        complain_too_little(manifest, sum, complaints);
        return std::nullopt;
    }
    return amounts;
}

void MemoryRoom::complain_about_node(const Manifest& manifest, unsigned id, std::uint64_t wanted,
                                     Complaints& complaints) const
{
    const auto* described = machine_.node(id);
    if (described == nullptr) {
        CpuSet with_memory; // a set of numbers, whatever of
        for (const auto& node : machine_.nodes)
            if (node.total_bytes > 0)
                with_memory.add(node.id);
        complaints.error(Code::no_such_node, manifest.memory.at, fmt::format("this machine has no NUMA node {}", id),
                         with_memory.empty() ? ""
                         : with_memory.size() == 1
                             ? fmt::format("the only node with memory is {}", with_memory.to_string())
                             : fmt::format("nodes with memory are {}", with_memory.to_string()));
        return;
    }
    if (described->total_bytes == 0) {
        complaints.error(Code::no_such_node, manifest.memory.at, fmt::format("NUMA node {} has no memory", id),
                         "leave it out");
        return;
    }
    const auto& node = nodes_.at(id);
    std::uint64_t all = 0;
    for (const auto& [each, bytes] : manifest.memory.nodes_bytes)
        all += bytes;
    const auto here = left_on(manifest, id);
    std::vector<std::string> better;
    if (here >= memory_unit && all - wanted + here >= least_memory)
        better.push_back(fmt::format("{} at most of node {}", exact_bytes(here), id));
    if (all <= most())
        better.push_back(fmt::format("`size: {}`, which takes memory of any node", exact_bytes(all)));
    complaints.error(Code::not_enough_memory, manifest.memory.at,
                     fmt::format("wants {} of memory of node {}; {} of its {} is left", exact_bytes(wanted), id,
                                 exact_bytes(align_down(node.left, memory_unit)), format_bytes(described->total_bytes)),
                     alternatives_text(better), holders_text(node.holders));
}

void MemoryRoom::complain_too_little(const Manifest& manifest, std::uint64_t wanted, Complaints& complaints) const
{
    std::pair<std::uint64_t, unsigned> largest; // and its node
    std::vector<std::string_view> holders;
    for (const auto& [id, node] : nodes_) {
        if (const auto here = std::min(align_down(node.left, memory_unit), most()); here > largest.first)
            largest = {here, id};
        holders.insert(holders.end(), node.holders.begin(), node.holders.end());
    }
    const auto of_one = largest.first == 0 ? std::string{}
                                           : fmt::format(", at most {} of one node, node {}",
                                                         exact_bytes(largest.first), largest.second);
    complaints.error(
        Code::not_enough_memory, manifest.memory.at,
        fmt::format("wants {} of memory; {} of {} can be had{}: partitions have {}, the boot kernel keeps {}",
                    exact_bytes(wanted), exact_bytes(most()), format_bytes(total_), of_one, format_bytes(taken_),
                    format_bytes(std::min(boot_bytes_, total_ - taken_))),
        most() >= least_memory ? exact_bytes(most()) + " at most" : "", holders_text(std::move(holders)));
}

void MemoryRoom::warn_if_not_free_now(const Manifest& manifest, const Amounts& amounts, Complaints& complaints) const
{
    for (const auto& [id, bytes] : amounts) {
        const auto& node = nodes_.at(id);
        const auto free = node.free_now > node.planned ? node.free_now - node.planned : 0;
        if (bytes > free)
            complaints.warning(Code::memory_busy, manifest.memory.at,
                               fmt::format("node {} has {} free at this moment, {} is wanted: the boot kernel would "
                                           "have to make room",
                                           id, format_bytes(free), format_bytes(bytes)),
                               "end what uses memory there, or start it early after boot");
    }
}

} // namespace parker
