// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/core_tree.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace parker {
namespace {

// Faster kinds have higher numbers; 0: not known.
std::size_t kind_of(const Machine& machine, const Machine::Core& core)
{
    for (auto kind = machine.kinds.size(); kind > 0; --kind)
        if (!(machine.kinds[kind - 1].cpus & core.cpus).empty())
            return kind;
    return 0;
}

} // namespace

CoreTree::CoreTree(const Machine& machine, const CpuSet& usable) : core_of_cpu_(CpuSet::max_cpus, none)
{
    std::vector<const Machine::Core*> cores;
    std::map<unsigned, unsigned> package_of_node;
    std::set<std::pair<unsigned, std::size_t>, std::greater<>> classes; // large and fast ones first
    bool node_in_package = true;
    for (const auto& core : machine.cores) {
        const auto threads = core.cpus & usable;
        if (threads.empty())
            continue;
        cores.push_back(&core);
        classes.emplace(threads.size(), kind_of(machine, core));
        free_ |= threads;
        node_in_package =
            package_of_node.try_emplace(core.node, core.package).first->second == core.package && node_in_package;
    }
    for (const auto& [size, kind] : classes) {
        sizes_.push_back(size);
        kinds_.push_back(kind);
    }
    build(machine, cores, node_in_package);
}

// Sorted by place, the cores of each place are neighbours.
void CoreTree::build(const Machine& machine, std::vector<const Machine::Core*> cores, bool node_in_package)
{
    node_level_ = node_in_package ? Level::inner : Level::outer;
    const auto place = [node_in_package](const Machine::Core* core) {
        return node_in_package ? std::tuple{core->package, core->node, core->l3}
                               : std::tuple{core->node, core->package, core->l3};
    };
    std::ranges::stable_sort(cores, {}, place);

    const auto root = add_vertex(Level::machine, none, 0);
    std::array<std::size_t, 4> path{root, root, root, root};
    for (std::size_t i = 0; i < cores.size(); ++i) {
        const auto here = place(cores[i]);
        const auto before = i > 0 ? place(cores[i - 1]) : here;
        const bool new_outer = i == 0 || std::get<0>(here) != std::get<0>(before);
        const bool new_inner = new_outer || std::get<1>(here) != std::get<1>(before);
        const bool new_cache = new_inner || std::get<2>(here) != std::get<2>(before);
        if (new_outer)
            path[1] = add_vertex(Level::outer, path[0], i);
        if (new_inner)
            path[2] = add_vertex(Level::inner, path[1], i);
        if (new_cache)
            path[3] = add_vertex(Level::cache, path[2], i);
        add_core((cores[i]->cpus & free_).to_vector(), kind_of(machine, *cores[i]), cores[i]->node, path);
    }
}

std::size_t CoreTree::add_vertex(Level level, std::size_t parent, std::size_t first_core)
{
    Vertex vertex;
    vertex.level = level;
    vertex.parent = parent;
    vertex.first_core = first_core;
    vertex.last_core = first_core;
    vertex.whole.resize(sizes_.size());
    vertices_.push_back(std::move(vertex));
    const auto index = vertices_.size() - 1;
    places_[static_cast<std::size_t>(level)].push_back(index);
    if (parent != none)
        vertices_[parent].children.push_back(index);
    return index;
}

void CoreTree::add_core(std::vector<unsigned> threads, std::size_t kind, unsigned node,
                        std::span<const std::size_t> path)
{
    const auto size = static_cast<unsigned>(threads.size());
    std::size_t size_class = 0;
    while (sizes_[size_class] != size || kinds_[size_class] != kind)
        ++size_class;
    for (const auto index : path) {
        auto& vertex = vertices_[index];
        ++vertex.last_core;
        ++vertex.whole[size_class];
        vertex.highest_cpu = std::max(vertex.highest_cpu, threads.back());
    }
    for (const auto cpu : threads)
        core_of_cpu_[cpu] = cores_.size();
    cores_.push_back({std::move(threads), node, size_class, size, path.back()});
}

void CoreTree::take(const CpuSet& cpus)
{
    for (const auto cpu : (cpus & free_).to_vector()) {
        auto& core = cores_[core_of_cpu_[cpu]];
        const bool was_whole = core.free == core.threads.size();
        --core.free;
        for (auto index = core.place; index != none; index = vertices_[index].parent) {
            auto& vertex = vertices_[index];
            if (was_whole) {
                --vertex.whole[core.size_class];
                vertex.loose += core.free;
            } else {
                --vertex.loose;
            }
        }
    }
    free_ -= cpus;
}

CoreTree CoreTree::only(const CpuSet& cpus) const
{
    auto some = *this;
    some.take(free_ - cpus);
    return some;
}

std::optional<unsigned> CoreTree::fewer(const Wish& wish) const
{
    for (auto cpus = std::min(wish.cpus, free_cpus(wish.may_split) + 1); cpus-- > 1;)
        if (fits({cpus, wish.may_split}))
            return cpus;
    return std::nullopt;
}

std::optional<unsigned> CoreTree::more(const Wish& wish) const
{
    for (auto cpus = wish.cpus + 1; cpus <= free_cpus(wish.may_split); ++cpus)
        if (fits({cpus, wish.may_split}))
            return cpus;
    return std::nullopt;
}

std::vector<unsigned> CoreTree::free_core_sizes() const
{
    std::vector<unsigned> sizes;
    for (std::size_t i = 0; i < sizes_.size(); ++i)
        if (vertices_.front().whole[i] > 0 && (sizes.empty() || sizes.back() != sizes_[i]))
            sizes.push_back(sizes_[i]);
    return sizes;
}

std::optional<CpuSet> CoreTree::choose_on_node(const Wish& wish, const NodeFilter& is_wanted) const
{
    for (const auto level : {Level::cache, node_level_})
        if (const auto* vertex = tightest(level, wish, is_wanted))
            return pick(*vertex, wish);
    return std::nullopt;
}

std::optional<CpuSet> CoreTree::choose(const Wish& wish) const
{
    for (const auto level : {Level::cache, Level::inner, Level::outer, Level::machine})
        if (const auto* vertex = tightest(level, wish, nullptr))
            return pick(*vertex, wish);
    return std::nullopt;
}

unsigned CoreTree::free_cpus_on(unsigned node, bool may_split) const
{
    for (const auto index : places(node_level_))
        if (node_of(vertices_[index]) == node)
            return free_cpus(vertices_[index], may_split);
    return 0;
}

CoreTree::Largest CoreTree::largest_on_one_node(bool may_split) const
{
    Largest largest;
    for (const auto index : places(node_level_))
        if (const auto cpus = free_cpus(vertices_[index], may_split); cpus > largest.cpus)
            largest = {cpus, node_of(vertices_[index])};
    return largest;
}

CpuSet CoreTree::core_of(unsigned cpu) const
{
    CpuSet threads;
    if (cpu < core_of_cpu_.size() && core_of_cpu_[cpu] != none)
        for (const auto thread : cores_[core_of_cpu_[cpu]].threads)
            threads.add(thread);
    return threads;
}

unsigned CoreTree::free_cpus(const Vertex& vertex, bool may_split) const
{
    return std::transform_reduce(sizes_.begin(), sizes_.end(), vertex.whole.begin(), may_split ? vertex.loose : 0U);
}

// Large cores first: each size on the market divides the next larger one, so this finds an exact fit if there is one.
unsigned CoreTree::left_of(const Vertex& vertex, unsigned cpus, std::size_t first_class) const
{
    for (auto i = first_class; i < sizes_.size(); ++i)
        cpus -= std::min(vertex.whole[i], cpus / sizes_[i]) * sizes_[i];
    return cpus;
}

// Of cores that have lost a thread, sizes divide each other no more: then it may be the large ones that spoil the fit.
std::size_t CoreTree::best_class(const Vertex& vertex, unsigned cpus) const
{
    std::size_t best = 0;
    auto least = left_of(vertex, cpus, 0);
    for (std::size_t i = 1; i < sizes_.size() && least > 0; ++i)
        if (const auto left = left_of(vertex, cpus, i); left < least) {
            best = i;
            least = left;
        }
    return best;
}

unsigned CoreTree::left_of(const Vertex& vertex, unsigned cpus) const
{
    return left_of(vertex, cpus, best_class(vertex, cpus));
}

bool CoreTree::fits(const Vertex& vertex, const Wish& wish) const
{
    if (free_cpus(vertex, wish.may_split) < wish.cpus)
        return false;
    return wish.may_split || left_of(vertex, wish.cpus) == 0;
}

const CoreTree::Vertex* CoreTree::tightest(Level level, const Wish& wish, const NodeFilter& is_wanted) const
{
    // Split no core without need, leave the least over, here and around, and take high numbers first.
    const auto cost = [this, &wish](const Vertex& vertex) {
        const auto around = vertex.parent == none ? 0U : free_cpus(vertices_[vertex.parent], wish.may_split);
        return std::tuple{left_of(vertex, wish.cpus) > vertex.loose, free_cpus(vertex, wish.may_split), around,
                          CpuSet::max_cpus - vertex.highest_cpu};
    };
    const Vertex* best = nullptr;
    auto best_cost = cost(vertices_.front());
    for (const auto index : places(level)) {
        const auto& vertex = vertices_[index];
        if (!fits(vertex, wish) || (is_wanted && !is_wanted(node_of(vertex))))
            continue;
        const auto its_cost = cost(vertex);
        if (best != nullptr && best_cost <= its_cost)
            continue;
        best = &vertex;
        best_cost = its_cost;
    }
    return best;
}

CpuSet CoreTree::pick(const Vertex& vertex, const Wish& wish) const
{
    CpuSet picked;
    // Cores of one kind, if one has enough: hybrid machines have cores of different sizes.
    for (std::size_t i = 0; i < sizes_.size(); ++i)
        if (const auto cores = wish.cpus / sizes_[i]; wish.cpus % sizes_[i] == 0 && cores <= vertex.whole[i]) {
            pick_whole(vertex, i, cores, picked);
            return picked;
        }
    auto rest = wish.cpus;
    for (auto i = best_class(vertex, wish.cpus); i < sizes_.size(); ++i) {
        const auto cores = std::min(vertex.whole[i], rest / sizes_[i]);
        pick_whole(vertex, i, cores, picked);
        rest -= cores * sizes_[i];
    }
    pick_threads(vertex, rest, picked);
    return picked;
}

void CoreTree::pick_whole(const Vertex& vertex, std::size_t size_class, unsigned cores, CpuSet& picked) const
{
    if (vertex.level == Level::cache) {
        for (auto i = vertex.last_core; i-- > vertex.first_core && cores > 0;) {
            const auto& core = cores_[i];
            if (core.size_class != size_class || core.free != core.threads.size())
                continue;
            for (const auto cpu : core.threads)
                picked.add(cpu);
            --cores;
        }
        return;
    }

    // Whole places while none is enough, then the tightest for the rest; high numbers first.
    const auto cost = [this, size_class, &cores](std::size_t place) {
        const auto free = static_cast<int>(vertices_[place].whole[size_class]);
        const bool enough = free >= static_cast<int>(cores);
        return std::tuple{!enough, enough ? free : -free, CpuSet::max_cpus - vertices_[place].highest_cpu};
    };
    auto places = vertex.children;
    while (cores > 0) {
        const auto best = std::ranges::min_element(places, {}, cost);
        const auto taken = std::min(cores, vertices_[*best].whole[size_class]);
        pick_whole(vertices_[*best], size_class, taken, picked);
        cores -= taken;
        places.erase(best);
    }
}

void CoreTree::pick_threads(const Vertex& vertex, unsigned threads, CpuSet& picked) const
{
    for (const bool may_split_whole : {false, true})
        for (auto i = vertex.last_core; i-- > vertex.first_core && threads > 0;) {
            const auto& core = cores_[i];
            if (core.free == 0 || picked.contains(core.threads.front()) ||
                (core.free == core.threads.size()) != may_split_whole)
                continue;
            for (auto cpu = core.threads.rbegin(); cpu != core.threads.rend() && threads > 0; ++cpu)
                if (free_.contains(*cpu)) {
                    picked.add(*cpu);
                    --threads;
                }
        }
}

} // namespace parker
