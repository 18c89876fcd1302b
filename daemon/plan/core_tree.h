// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/cpu_set.h"
#include "machine/machine.h"

namespace parker {

// Which cores are free, counted at each place that cores share: the machine, a package, a NUMA node, a last cache.
// Finding the tightest place costs a look at each place, not at each CPU.
class CoreTree {
public:
    struct Wish {
        unsigned cpus = 0;
        bool may_split = false; // take single threads of a core
    };
    using NodeFilter = std::function<bool(unsigned node)>;

    // CPUs that are not `usable` do not exist here.
    CoreTree(const Machine& machine, const CpuSet& usable);

    void take(const CpuSet& cpus);
    CoreTree only(const CpuSet& cpus) const; // as if all others were taken

    // On a single one of the nodes that `is_wanted`: the place that fits with the fewest CPUs left over.
    std::optional<CpuSet> choose_on_node(const Wish& wish, const NodeFilter& is_wanted) const;
    // Anywhere, on as few packages and nodes as can be.
    std::optional<CpuSet> choose(const Wish& wish) const;

    bool fits(const Wish& wish) const { return fits(vertices_.front(), wish); }
    // The next smaller, and the next larger number of CPUs that fits.
    std::optional<unsigned> fewer(const Wish& wish) const;
    std::optional<unsigned> more(const Wish& wish) const;
    std::vector<unsigned> free_core_sizes() const; // of whole cores, descending, each once
    unsigned free_cpus(bool may_split) const { return free_cpus(vertices_.front(), may_split); }
    unsigned free_cpus_on(unsigned node, bool may_split) const;
    struct Largest {
        unsigned cpus = 0;
        unsigned node = 0;
    };
    Largest largest_on_one_node(bool may_split) const;                 // the first of those that have as many
    const std::vector<unsigned>& core_sizes() const { return sizes_; } // descending, once for each kind
    // All usable threads of the core that this CPU belongs to; empty if there is no such core.
    CpuSet core_of(unsigned cpu) const;

private:
    enum class Level { machine, outer, inner, cache }; // outer and inner: package and node, the larger one first
    struct Core {
        std::vector<unsigned> threads; // ascending
        unsigned node = 0;
        std::size_t size_class = 0; // index into sizes_ and kinds_
        unsigned free = 0;          // threads
        std::size_t place = 0;      // its cache's vertex
    };
    struct Vertex {
        Level level = Level::machine;
        std::size_t parent = 0;
        std::vector<std::size_t> children;
        std::size_t first_core = 0; // its cores are [first_core, last_core)
        std::size_t last_core = 0;
        std::vector<unsigned> whole; // free whole cores, by size class
        unsigned loose = 0;          // free threads of cores that are not wholly free
        unsigned highest_cpu = 0;
    };

    void build(const Machine& machine, std::vector<const Machine::Core*> cores, bool node_in_package);
    std::size_t add_vertex(Level level, std::size_t parent, std::size_t first_core);
    void add_core(std::vector<unsigned> threads, std::size_t kind, unsigned node, std::span<const std::size_t> path);
    const std::vector<std::size_t>& places(Level level) const { return places_[static_cast<std::size_t>(level)]; }
    unsigned node_of(const Vertex& vertex) const { return cores_[vertex.first_core].node; }
    unsigned free_cpus(const Vertex& vertex, bool may_split) const;
    unsigned left_of(const Vertex& vertex, unsigned cpus) const; // what whole cores cannot make up
    unsigned left_of(const Vertex& vertex, unsigned cpus, std::size_t first_class) const;
    std::size_t best_class(const Vertex& vertex, unsigned cpus) const;
    bool fits(const Vertex& vertex, const Wish& wish) const;
    const Vertex* tightest(Level level, const Wish& wish, const NodeFilter& is_wanted) const;
    CpuSet pick(const Vertex& vertex, const Wish& wish) const;
    void pick_whole(const Vertex& vertex, std::size_t size_class, unsigned cores, CpuSet& picked) const;
    void pick_threads(const Vertex& vertex, unsigned threads, CpuSet& picked) const;

    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    Level node_level_ = Level::inner;
    std::vector<unsigned> sizes_; // of cores, in threads
    std::vector<std::size_t> kinds_;
    std::vector<Core> cores_; // in the order of the tree, by CPU number within a cache
    std::vector<std::size_t> core_of_cpu_;
    CpuSet free_;
    std::vector<Vertex> vertices_;                   // the machine first
    std::array<std::vector<std::size_t>, 4> places_; // vertices by level
};

} // namespace parker
