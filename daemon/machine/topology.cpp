// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/topology.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "machine/text.h"

namespace parker {
namespace {

constexpr std::size_t max_nodes = 1024;                     // CONFIG_NODES_SHIFT of the largest distribution kernels
constexpr std::uint64_t max_bytes = std::uint64_t{1} << 52; // that x86-64 can address

CpuSet to_cpu_set(hwloc_const_bitmap_t bitmap)
{
    CpuSet set;
    if (bitmap == nullptr || hwloc_bitmap_weight(bitmap) < 0) // -1: without end
        return set;
    for (int cpu = hwloc_bitmap_first(bitmap); cpu >= 0; cpu = hwloc_bitmap_next(bitmap, cpu))
        if (static_cast<unsigned>(cpu) < CpuSet::max_cpus)
            set.add(static_cast<unsigned>(cpu));
    return set;
}

template <typename Visit>
void for_each(hwloc_topology_t topology, hwloc_obj_type_t type, Visit visit)
{
    for (auto* object = hwloc_get_next_obj_by_type(topology, type, nullptr); object != nullptr;
         object = hwloc_get_next_obj_by_type(topology, type, object))
        visit(*object);
}

Machine::Core to_core(hwloc_topology_t topology, hwloc_obj& object)
{
    Machine::Core core;
    core.cpus = to_cpu_set(object.cpuset);
    if (const auto* package = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, &object))
        core.package = package->os_index != HWLOC_UNKNOWN_INDEX ? package->os_index : package->logical_index;
    // Without an L3, all of a package counts as one; packages stay apart by their own number.
    if (const auto* l3 = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_L3CACHE, &object))
        core.l3 = l3->logical_index;
    if (const auto node = hwloc_bitmap_first(object.nodeset); node >= 0)
        core.node = static_cast<unsigned>(node); // a first guess
    return core;
}

Machine::Node to_node(const hwloc_obj& object)
{
    Machine::Node node;
    node.id = object.os_index;
    node.cpus = to_cpu_set(object.cpuset);
    node.total_bytes = std::min<std::uint64_t>(object.attr->numanode.local_memory, max_bytes);
    return node;
}

const char* info_of(const hwloc_info_s* infos, unsigned count, std::string_view name)
{
    const auto* end = infos + count;
    const auto* found = std::find_if(infos, end, [name](const hwloc_info_s& info) { return info.name == name; });
    return found != end ? found->value : "";
}

std::vector<Machine::CoreKind> read_kinds(hwloc_topology_t topology)
{
    std::vector<Machine::CoreKind> kinds;
    const std::unique_ptr<hwloc_bitmap_s, void (*)(hwloc_bitmap_t)> cpus{hwloc_bitmap_alloc(), hwloc_bitmap_free};
    const auto count = hwloc_cpukinds_get_nr(topology, 0);
    for (int i = 0; i < count; ++i) {
        int efficiency = -1;
        unsigned info_count = 0;
        hwloc_info_s* infos = nullptr;
        if (hwloc_cpukinds_get_info(topology, static_cast<unsigned>(i), cpus.get(), &efficiency, &info_count, &infos,
                                    0) != 0)
            continue;
        Machine::CoreKind kind;
        kind.cpus = to_cpu_set(cpus.get());
        if (efficiency >= 0)
            kind.efficiency = static_cast<unsigned>(efficiency);
        kind.name = text::printable(info_of(infos, info_count, "CoreType"));
        kind.max_mhz = text::number<unsigned>(info_of(infos, info_count, "FrequencyMaxMHz")).value_or(0);
        kinds.push_back(std::move(kind));
    }
    return kinds;
}

} // namespace

void check_size(hwloc_topology_t topology, const std::string& name)
{
    const auto last = hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(topology));
    const auto last_node = hwloc_bitmap_last(hwloc_topology_get_complete_nodeset(topology));
    if (last < 0 || hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU) < 1)
        throw Error{Code::bad_machine, name, "it has no CPU, or no end of them"};
    if (last >= static_cast<int>(CpuSet::max_cpus))
        throw Error{Code::bad_machine, name,
                    "it has a CPU " + std::to_string(last) + ", and the highest possible is " +
                        std::to_string(CpuSet::max_cpus - 1)};
    if (last_node < 0 || hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE) < 1)
        throw Error{Code::bad_machine, name, "it has no NUMA node, or no end of them"};
    if (last_node >= static_cast<int>(max_nodes))
        throw Error{Code::bad_machine, name,
                    "it has a NUMA node " + std::to_string(last_node) + ", and the highest possible is " +
                        std::to_string(max_nodes - 1)};
}

void read_topology(hwloc_topology_t topology, const std::string& name, Machine& machine)
{
    check_size(topology, name);
    machine.online = to_cpu_set(hwloc_topology_get_topology_cpuset(topology));
    machine.possible = to_cpu_set(hwloc_topology_get_complete_cpuset(topology)) | machine.online;
    // Linux numbers the CPU that it was booted on 0, and firmware boots it on the BSP (a kernel started by kexec after
    // a crash is the exception, and none that hands out CPUs).
    machine.boot_cpu = *machine.possible.first();
    machine.disallowed = machine.online - to_cpu_set(hwloc_topology_get_allowed_cpuset(topology));

    // Of an export, the whole may have more than its parts: those count.
    CpuSet described;
    for_each(topology, HWLOC_OBJ_PU, [&described](const hwloc_obj& object) { described |= to_cpu_set(object.cpuset); });

    // Old kernels and some hypervisors name no cores: then each CPU is one. Some CPUs may lack a core, too.
    CpuSet seen;
    const auto add_core = [topology, &machine, &described, &seen](hwloc_obj& object) {
        auto core = to_core(topology, object);
        core.cpus = (core.cpus & described) - seen;
        if (core.cpus.empty())
            return;
        seen |= core.cpus;
        machine.cores.push_back(std::move(core));
    };
    for_each(topology, HWLOC_OBJ_CORE, add_core);
    machine.cores_known = !machine.cores.empty();
    for_each(topology, HWLOC_OBJ_PU, add_core);
    std::ranges::sort(machine.cores, {}, [](const Machine::Core& core) { return core.cpus.first(); });
    machine.online = machine.online & seen;

    for_each(topology, HWLOC_OBJ_L3CACHE, [&machine](const hwloc_obj& object) {
        machine.l3.push_back({object.logical_index, to_cpu_set(object.cpuset), object.attr->cache.size});
    });
    for_each(topology, HWLOC_OBJ_NUMANODE,
             [&machine](const hwloc_obj& object) { machine.nodes.push_back(to_node(object)); });
    std::ranges::sort(machine.nodes, {}, &Machine::Node::id);
    for (auto& core : machine.cores)
        if (machine.node(core.node) == nullptr)
            core.node = machine.nodes.front().id;
    machine.kinds = read_kinds(topology);
}

} // namespace parker
