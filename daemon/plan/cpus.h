// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/complaints.h"
#include "plan/core_tree.h"

namespace parker {

// The machine's CPUs, who holds them, and which ones a manifest shall have.
class CpuRoom {
public:
    // What partitions hold is offline to the boot kernel, and usable all the same.
    CpuRoom(const Machine& machine, const CpuSet& held);

    void take(const CpuSet& cpus, std::string_view holder); // `holder` outlives this
    // `near`: nodes to prefer, the best first. `has_memory`: nodes where the partition's memory fits too.
    std::optional<CpuSet> choose(const Manifest& manifest, std::span<const unsigned> near,
                                 const CoreTree::NodeFilter& has_memory, Complaints& complaints) const;
    std::vector<unsigned> nodes_of(const CpuSet& cpus) const; // the one with most of them first
    // The nodes whose CPUs are near to this one's memory: its own, as a rule. Of memory only, the nearest.
    std::vector<unsigned> homes(unsigned node) const;

private:
    using Nodes = std::vector<unsigned>;

    std::optional<CpuSet> choose_list(const Manifest& manifest, Complaints& complaints) const;
    std::optional<CpuSet> choose_count(const Manifest& manifest, std::span<const unsigned> near,
                                       const CoreTree::NodeFilter& has_memory, Complaints& complaints) const;
    std::optional<CpuSet> choose_near(const CoreTree::Wish& wish, std::span<const unsigned> near,
                                      const CoreTree::NodeFilter& has_memory) const;
    std::optional<CpuSet> choose_across(const CoreTree::Wish& wish, const std::vector<Nodes>& places) const;
    std::vector<Nodes> by_distance(unsigned node, const Nodes& without) const;
    bool check_node(const Manifest& manifest, Complaints& complaints) const;
    void check_existence(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const;
    void check_holders(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const;
    void check_whole_cores(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const;
    void check_place(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const;
    bool check_count(const Manifest& manifest, const CoreTree& tree, Complaints& complaints) const;
    void complain_too_few(const Manifest& manifest, const CoreTree& tree, Complaints& complaints) const;
    const CpuSet& cpus_of(unsigned node) const;
    CpuSet takeable(const Manifest& manifest, const CpuSet& cpus) const; // those of them that the manifest could list
    std::string holders(const Manifest& manifest) const;                 // of any CPU that it could have

    const Machine& machine_;
    CpuSet known_;  // all that belong to a core
    CpuSet usable_; // online, or held by a partition
    CpuSet boot_core_;
    CpuSet free_;
    std::vector<std::string_view> holder_; // by CPU; empty: free
    std::vector<unsigned> node_;           // by CPU
    std::map<unsigned, CpuSet> of_node_;   // what is near to its memory
    Nodes cpu_nodes_;                      // those with usable CPUs, ascending
    CoreTree tree_;
};

} // namespace parker
