// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace parker::test {

struct Shape {
    unsigned nodes = 1; // each in a package of its own
    unsigned cores = 4; // of each node
    unsigned threads = 2;
    std::uint64_t node_bytes = 8 * GiB;
    unsigned caches = 1; // of each node
};

// Core c has the CPUs c * threads and up; CPU 0 is the BSP.
inline Machine make_machine(const Shape& shape)
{
    Machine machine;
    for (unsigned node = 0; node < shape.nodes; ++node) {
        Machine::Node described;
        described.id = node;
        described.total_bytes = shape.node_bytes;
        described.free_bytes = shape.node_bytes;
        for (unsigned other = 0; other < shape.nodes; ++other)
            described.distances.push_back(other == node ? 10 : 20 + (other > node ? other - node : node - other));
        for (unsigned core = 0; core < shape.cores; ++core) {
            Machine::Core added;
            added.package = node;
            added.node = node;
            added.l3 = node * shape.caches + core * shape.caches / shape.cores;
            const auto first = (node * shape.cores + core) * shape.threads;
            for (unsigned thread = 0; thread < shape.threads; ++thread)
                added.cpus.add(first + thread);
            described.cpus |= added.cpus;
            machine.cores.push_back(added);
        }
        machine.online |= described.cpus;
        machine.nodes.push_back(described);
    }
    machine.possible = machine.online;
    return machine;
}

// The next root port, bus `bus` behind it, and there `functions` functions of kind 144d:a80a.
inline void add_bus(Machine& machine, std::uint8_t bus, unsigned functions = 1, std::optional<unsigned> node = {})
{
    const Bdf port{0, 0, static_cast<std::uint8_t>(machine.buses.size() + 1), 0};
    Machine::PciFunction bridge;
    bridge.bdf = port;
    bridge.class_code = 0x060400;
    bridge.is_bridge = true;
    machine.functions.push_back(bridge);
    machine.buses.push_back({0, bus, port, {}, {}});
    for (unsigned i = 0; i < functions; ++i) {
        Machine::PciFunction function;
        function.bdf = {0, bus, 0, static_cast<std::uint8_t>(i)};
        function.class_code = 0x010802;
        function.vendor = 0x144d;
        function.device = 0xa80a;
        function.driver = "nvme";
        function.node = node;
        function.parent = port;
        function.has_msi = true;
        machine.functions.push_back(function);
    }
    std::sort(machine.functions.begin(), machine.functions.end(),
              [](const auto& left, const auto& right) { return left.bdf < right.bdf; });
}

inline Bdf bdf(const char* text)
{
    return Bdf::parse(text).value();
}

// Positions tell the parts apart: name 1, CPUs 2, memory 3, device n 10 + n.
class ManifestBuilder {
public:
    explicit ManifestBuilder(const std::string& name)
    {
        manifest_.name = {name, {name + ".yaml", 1, 1}};
        manifest_.cpus.at = {name + ".yaml", 2, 1};
        manifest_.cpus.count = 2;
        manifest_.memory.at = {name + ".yaml", 3, 1};
        manifest_.memory.size_bytes = 512 * MiB;
    }
    ManifestBuilder& count(unsigned cpus)
    {
        manifest_.cpus.count = cpus;
        return *this;
    }
    ManifestBuilder& list(const char* cpus)
    {
        manifest_.cpus.count.reset();
        manifest_.cpus.list = CpuSet::parse(cpus).value();
        return *this;
    }
    ManifestBuilder& node(unsigned id)
    {
        manifest_.cpus.node = {id, {manifest_.name.value + ".yaml", 4, 1}};
        return *this;
    }
    ManifestBuilder& threads()
    {
        manifest_.cpus.sharing = Manifest::Sharing::threads;
        return *this;
    }
    ManifestBuilder& memory(std::uint64_t bytes)
    {
        manifest_.memory.size_bytes = bytes;
        return *this;
    }
    ManifestBuilder& memory(std::map<unsigned, std::uint64_t> nodes)
    {
        manifest_.memory.size_bytes.reset();
        manifest_.memory.nodes_bytes = std::move(nodes);
        return *this;
    }
    ManifestBuilder& device(const char* address) { return add({{}, bdf(address)}); }
    ManifestBuilder& match(std::optional<unsigned> on_node = {})
    {
        return add({{}, Manifest::DeviceMatch{0x144d, 0xa80a, on_node}});
    }
    ManifestBuilder& dma(Manifest::Dma dma)
    {
        manifest_.dma = dma;
        return *this;
    }
    operator Manifest() const { return manifest_; }

private:
    ManifestBuilder& add(Manifest::Device device)
    {
        device.at = {manifest_.name.value + ".yaml", 10 + static_cast<unsigned>(manifest_.devices.size()), 1};
        manifest_.devices.push_back(std::move(device));
        return *this;
    }
    Manifest manifest_;
};

inline ManifestBuilder manifest(const std::string& name)
{
    return ManifestBuilder{name};
}

inline Holding holding(const Placement& placement)
{
    Holding held{placement.name, placement.cpus, {}, placement.devices};
    std::uint64_t start = 4 * GiB;
    for (const auto& [node, bytes] : placement.memory_bytes) {
        held.memory.push_back({start, start + bytes, node});
        start += bytes;
    }
    return held;
}

inline const Placement* find(const Plan& plan, const std::string& name)
{
    for (const auto& placement : plan.placements)
        if (placement.name == name)
            return &placement;
    return nullptr;
}

// "2: boot-cpu | message | holder | suggestion" of each finding.
inline std::string text(const Findings& findings)
{
    std::string all;
    for (const auto& finding : findings)
        all += std::to_string(finding.at.line) + ": " + (finding.severity == Severity::warning ? "warning " : "") +
               std::string{info(finding.code).name} + " | " + finding.message + " | " + finding.holder + " | " +
               finding.suggestion + "\n";
    return all;
}

} // namespace parker::test
