// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/machine.h"

#include <algorithm>
#include <utility>

namespace parker {
namespace {

constexpr unsigned max_buses = 256; // of a domain

} // namespace

const Machine::Core* Machine::core_of(unsigned cpu) const
{
    const auto core = std::ranges::find_if(cores, [cpu](const Core& each) { return each.cpus.contains(cpu); });
    return core == cores.end() ? nullptr : &*core;
}

const Machine::Node* Machine::node(unsigned id) const
{
    const auto found = std::ranges::lower_bound(nodes, id, {}, &Node::id);
    return found == nodes.end() || found->id != id ? nullptr : &*found;
}

const Machine::PciFunction* Machine::function(const Bdf& bdf) const
{
    const auto found = std::ranges::lower_bound(functions, bdf, {}, &PciFunction::bdf);
    return found == functions.end() || found->bdf != bdf ? nullptr : &*found;
}

std::span<const Machine::PciFunction> Machine::functions_on_bus(const Bdf& bdf) const
{
    const auto number = [](const PciFunction& each) { return std::pair{each.bdf.domain, each.bdf.bus}; };
    const std::pair bus{bdf.domain, bdf.bus};
    return {std::ranges::lower_bound(functions, bus, {}, number), std::ranges::upper_bound(functions, bus, {}, number)};
}

const Machine::PciFunction* Machine::root_port(const PciFunction& below) const
{
    const auto* port = below.parent ? function(*below.parent) : nullptr;
    // A snapshot may say that a bridge hangs below itself: no path has more bridges than there are buses.
    for (unsigned steps = 0; port != nullptr && port->parent && steps < max_buses; ++steps)
        port = function(*port->parent);
    return port;
}

const Machine::PciBus* Machine::bus(std::uint32_t domain, std::uint8_t number) const
{
    const auto found = std::ranges::find_if(
        buses, [domain, number](const PciBus& each) { return each.domain == domain && each.number == number; });
    return found == buses.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> Machine::ecam_of(std::uint32_t domain, std::uint8_t bus) const
{
    for (const auto& area : ecam)
        if (area.domain == domain && area.first_bus <= bus && bus <= area.last_bus)
            return area.start + (std::uint64_t{bus} - area.first_bus) * MiB;
    return std::nullopt;
}

bool Machine::is_on_node(unsigned cpu, unsigned id) const
{
    const auto* core = core_of(cpu);
    const auto* of = node(id);
    return (core != nullptr && core->node == id) || (of != nullptr && of->cpus.contains(cpu));
}

unsigned Machine::distance(const Node& from, const Node& to) const
{
    constexpr unsigned here = 10; // ACPI 6.5, 5.2.17: SLIT
    constexpr unsigned shares_cpus = 15;
    constexpr unsigned elsewhere = 20;
    const auto index = static_cast<std::size_t>(&to - nodes.data());
    if (index < from.distances.size())
        return from.distances[index];
    if (from.id == to.id)
        return here;
    return (from.cpus & to.cpus).empty() ? elsewhere : shares_cpus;
}

} // namespace parker
