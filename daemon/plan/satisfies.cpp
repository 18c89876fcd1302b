// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/satisfies.h"

#include <algorithm>

namespace parker {
namespace {

bool satisfies(const CpuSet& held, const Manifest::Cpus& cpus, const Machine& machine, const CpuSet& others)
{
    if (cpus.list)
        return held == *cpus.list;
    if (held.size() != cpus.count)
        return false;
    return std::ranges::all_of(held.to_vector(), [&held, &cpus, &machine, &others](unsigned cpu) {
        const auto* core = machine.core_of(cpu);
        if (core == nullptr || (cpus.node && !machine.is_on_node(cpu, cpus.node->value)))
            return false;
        // A thread that is offline and nobody's is no part of a core that is whole.
        return cpus.sharing == Manifest::Sharing::threads || ((core->cpus & (machine.online | others)) - held).empty();
    });
}

bool satisfies(const std::vector<MemoryRange>& held, const Manifest::Memory& memory)
{
    std::map<unsigned, std::uint64_t> of_node;
    std::uint64_t all = 0;
    for (const auto& range : held) {
        of_node[range.node] += range.bytes();
        all += range.bytes();
    }
    if (memory.size_bytes)
        return all == *memory.size_bytes;
    auto wanted = memory.nodes_bytes;
    std::erase_if(wanted, [](const auto& entry) { return entry.second == 0; });
    return of_node == wanted;
}

bool is_one(const Bdf& bdf, const Manifest::DeviceMatch& match, const Machine& machine)
{
    const auto* function = machine.function(bdf);
    return function != nullptr && function->vendor == match.vendor && function->device == match.device &&
           (!match.node || function->node == match.node);
}

bool satisfies(std::vector<Bdf> held, const std::vector<Manifest::Device>& devices, const Machine& machine)
{
    // Those that are named first: a match must not use them up.
    for (const auto& device : devices)
        if (const auto* bdf = std::get_if<Bdf>(&device.pci); bdf != nullptr && std::erase(held, *bdf) == 0)
            return false;
    for (const auto& device : devices)
        if (const auto* match = std::get_if<Manifest::DeviceMatch>(&device.pci)) {
            const auto found =
                std::ranges::find_if(held, [match, &machine](const Bdf& bdf) { return is_one(bdf, *match, machine); });
            if (found == held.end())
                return false;
            held.erase(found);
        }
    return held.empty();
}

} // namespace

bool satisfies(const Holding& held, const Manifest& manifest, const Machine& machine, const CpuSet& others)
{
    return satisfies(held.cpus, manifest.cpus, machine, others) && satisfies(held.memory, manifest.memory) &&
           satisfies(held.devices, manifest.devices, machine);
}

} // namespace parker
