// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

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

private:
    std::optional<CpuSet> choose_list(const Manifest& manifest, Complaints& complaints) const;
    std::optional<CpuSet> choose_count(const Manifest& manifest, std::span<const unsigned> near,
                                       const CoreTree::NodeFilter& has_memory, Complaints& complaints) const;
    void check_existence(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const;
    void check_holders(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const;
    void check_whole_cores(const Manifest& manifest, const CpuSet& list, Complaints& complaints) const;
    bool check_count(const Manifest& manifest, unsigned count, Complaints& complaints) const;
    void complain_too_few(const Manifest& manifest, unsigned count, Complaints& complaints) const;
    std::string holders(std::optional<unsigned> on_node) const; // of any of the CPUs

    const Machine& machine_;
    CpuSet known_;  // all that belong to a core
    CpuSet usable_; // online, or held by a partition
    CpuSet boot_core_;
    CpuSet free_;
    std::vector<std::string_view> holder_; // by CPU; empty: free
    std::vector<unsigned> node_;           // by CPU
    CoreTree tree_;
};

} // namespace parker
