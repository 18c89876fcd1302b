// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "machine/machine.h"
#include "plan/complaints.h"

namespace parker {

inline constexpr std::uint64_t memory_unit =
    2 * MiB; // a large page: what the page tables map, and the kernel aligns to
inline constexpr std::uint64_t least_memory = 64 * MiB; // a distribution's kernel and its initrd do not start in less

// The machine's memory by node, and where a manifest's memory shall come from.
class MemoryRoom {
public:
    using Amounts = std::map<unsigned, std::uint64_t>; // node -> bytes

    MemoryRoom(const Machine& machine, std::uint64_t boot_bytes);

    // `holder` outlives this.
    void hold(unsigned node, std::uint64_t bytes, std::string_view holder); // was taken before
    void take(const Amounts& amounts, std::string_view holder);             // is to be taken
    bool fits_on(unsigned node, std::uint64_t bytes) const;
    // `cpu_nodes`: where the partition's CPUs are, the most important first.
    std::optional<Amounts> choose(const Manifest& manifest, std::span<const unsigned> cpu_nodes,
                                  Complaints& complaints) const;

private:
    struct Node {
        std::uint64_t left = 0;     // in units, of all that is there
        std::uint64_t free_now = 0; // what the boot kernel could give without effort
        std::uint64_t planned = 0;
        std::vector<std::string_view> holders;
    };

    bool check_sizes(const Manifest& manifest, Complaints& complaints) const;
    std::uint64_t left() const; // in all, without what the boot kernel keeps
    std::uint64_t most() const; // of that, in pieces that a partition can have
    std::uint64_t left_on(const Manifest& manifest, unsigned node) const; // beside what it wants of other nodes
    void complain_about_node(const Manifest& manifest, unsigned node, std::uint64_t wanted,
                             Complaints& complaints) const;
    void complain_about_grain(const Manifest& manifest, std::optional<unsigned> node, std::uint64_t bytes,
                              Complaints& complaints) const;
    std::optional<unsigned> other_node_with(std::uint64_t bytes, std::span<const unsigned> cpu_nodes) const;
    std::vector<unsigned> by_distance(std::span<const unsigned> cpu_nodes) const;
    std::optional<Amounts> choose_size(const Manifest& manifest, std::span<const unsigned> cpu_nodes,
                                       Complaints& complaints) const;
    std::optional<Amounts> choose_nodes(const Manifest& manifest, Complaints& complaints) const;
    void complain_too_little(const Manifest& manifest, std::uint64_t wanted, Complaints& complaints) const;
    void warn_if_not_free_now(const Manifest& manifest, const Amounts& amounts, Complaints& complaints) const;

    const Machine& machine_;
    std::uint64_t boot_bytes_;
    std::uint64_t total_ = 0;
    std::uint64_t taken_ = 0;
    std::map<unsigned, Node> nodes_;
};

} // namespace parker
