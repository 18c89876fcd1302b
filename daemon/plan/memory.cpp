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

bool MemoryRoom::check_sizes(const Manifest& manifest, Complaints& complaints) const
{
    const auto& memory = manifest.memory;
    std::vector<std::uint64_t> sizes;
    if (memory.size_bytes)
        sizes.push_back(*memory.size_bytes);
    for (const auto& [node, bytes] : memory.nodes_bytes)
        sizes.push_back(bytes);

    bool good = true;
    std::uint64_t sum = 0;
    for (const auto bytes : sizes) {
        if (bytes > std::uint64_t{1} << 52) { // no address reaches that far: keeps all sums from overflowing
            complain_too_little(manifest, bytes, complaints);
            return false;
        }
        sum += bytes;
        if (bytes % memory_unit == 0)
            continue;
        const auto rounded = align_up(bytes, memory_unit);
        complaints.error(Code::bad_value, memory.at,
                         fmt::format("{} is no multiple of {}", format_bytes(bytes), format_bytes(memory_unit)),
                         format_bytes(std::max(rounded, least_memory)));
        good = false;
    }
    if (good && sum < least_memory) {
        complaints.error(Code::bad_value, memory.at,
                         fmt::format("{} are too little to start a kernel", format_bytes(sum)),
                         format_bytes(least_memory) + " or more");
        good = false;
    }
    return good;
}

std::optional<MemoryRoom::Amounts>
MemoryRoom::choose_size(const Manifest& manifest, std::span<const unsigned> cpu_nodes, Complaints& complaints) const
{
    const auto wanted = *manifest.memory.size_bytes;
    if (wanted > left()) {
        complain_too_little(manifest, wanted, complaints);
        return std::nullopt;
    }
    for (const auto node : cpu_nodes)
        if (fits_on(node, wanted))
            return Amounts{{node, wanted}};

    Amounts amounts;
    Amounts far;
    auto missing = wanted;
    for (const auto node : by_distance(cpu_nodes)) {
        const auto bytes = std::min(missing, align_down(nodes_.at(node).left, memory_unit));
        if (bytes == 0)
            continue;
        amounts[node] = bytes;
        if (!cpu_nodes.empty() && std::ranges::find(cpu_nodes, node) == cpu_nodes.end())
            far[node] = bytes;
        missing -= bytes;
    }
    if (missing > 0) { // what is left is in pieces that are smaller than a unit
        complain_too_little(manifest, wanted, complaints);
        return std::nullopt;
    }
    for (const auto& [node, bytes] : far)
        complaints.warning(Code::not_enough_memory, manifest.memory.at,
                           fmt::format("{} of {} come from node {}: no more is left where the CPUs are",
                                       format_bytes(bytes), format_bytes(wanted), node),
                           "less memory, or CPUs of another node");
    return amounts;
}

// The CPUs' own nodes, then the others from near to far.
std::vector<unsigned> MemoryRoom::by_distance(std::span<const unsigned> cpu_nodes) const
{
    std::vector<unsigned> order{cpu_nodes.begin(), cpu_nodes.end()};
    std::erase_if(order, [this](unsigned node) { return !nodes_.contains(node); });
    std::vector<std::pair<unsigned, unsigned>> others; // distance, node
    const auto* home = order.empty() ? nullptr : machine_.node(order.front());
    for (std::size_t i = 0; i < machine_.nodes.size(); ++i) {
        const auto id = machine_.nodes[i].id;
        if (std::ranges::find(order, id) == order.end())
            others.emplace_back(home != nullptr && i < home->distances.size() ? home->distances[i] : 0, id);
    }
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
        if (node == nodes_.end()) {
            complaints.error(Code::no_such_node, manifest.memory.at,
                             fmt::format("this machine has no NUMA node {}", id),
                             fmt::format("one of 0 to {}", nodes_.empty() ? 0 : nodes_.rbegin()->first));
        } else if (bytes > node->second.left) {
            complaints.error(Code::not_enough_memory, manifest.memory.at,
                             fmt::format("wants {} of memory of node {}; {} of its {} are left", format_bytes(bytes),
                                         id, format_bytes(align_down(node->second.left, memory_unit)),
                                         format_bytes(machine_.node(id)->total_bytes)),
                             "`size`, which takes memory of any node", holders_text(node->second.holders));
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

void MemoryRoom::complain_too_little(const Manifest& manifest, std::uint64_t wanted, Complaints& complaints) const
{
    std::pair<std::uint64_t, unsigned> largest; // and its node
    std::vector<std::string_view> holders;
    for (const auto& [id, node] : nodes_) {
        if (node.left > largest.first)
            largest = {node.left, id};
        holders.insert(holders.end(), node.holders.begin(), node.holders.end());
    }
    complaints.error(
        Code::not_enough_memory, manifest.memory.at,
        fmt::format("wants {} of memory; {} of {} can be had, at most {} of one node, node {}: partitions have {}, the "
                    "boot kernel keeps {}",
                    format_bytes(wanted), format_bytes(left()), format_bytes(total_),
                    format_bytes(std::min(align_down(largest.first, memory_unit), left())), largest.second,
                    format_bytes(taken_), format_bytes(boot_bytes_)),
        left() >= least_memory ? format_bytes(left()) + " at most" : "", holders_text(std::move(holders)));
}

void MemoryRoom::warn_if_not_free_now(const Manifest& manifest, const Amounts& amounts, Complaints& complaints) const
{
    for (const auto& [id, bytes] : amounts) {
        const auto& node = nodes_.at(id);
        const auto free = node.free_now > node.planned ? node.free_now - node.planned : 0;
        if (bytes > free)
            complaints.warning(Code::memory_busy, manifest.memory.at,
                               fmt::format("node {} has {} free at this moment, {} are wanted: the boot kernel would "
                                           "have to make room",
                                           id, format_bytes(free), format_bytes(bytes)),
                               "end what uses memory there, or start it early after boot");
    }
}

} // namespace parker
