// SPDX-License-Identifier: LGPL-2.1-or-later
// Any bytes are an hwloc export to somebody. hwloc reads it here without the child that parkerd lets do it, and
// whatever it makes of it ends in a machine that keeps the promises of machine.h, or in an Error.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "machine/described.h"
#include "machine/hwloc_load.h"
#include "require.h"

using namespace parker;

namespace {

void check_machine(const Machine& machine)
{
    CpuSet seen;
    for (const auto& core : machine.cores) {
        require(!core.cpus.empty() && (core.cpus & seen).empty(), "each CPU in one core");
        require(machine.node(core.node) != nullptr, "a core's node is one");
        seen |= core.cpus;
    }
    require((machine.online - seen).empty(), "each CPU in a core");
    require((machine.online - machine.possible).empty(), "what is online is possible");
    require(machine.possible.contains(machine.boot_cpu), "the machine was booted");
    require(std::ranges::is_sorted(machine.nodes, {}, &Machine::Node::id), "nodes are ordered");
    for (const auto& node : machine.nodes)
        require(node.distances.empty() || node.distances.size() == machine.nodes.size(), "distances to all nodes");
    require(std::ranges::is_sorted(machine.functions, {}, &Machine::PciFunction::bdf), "functions are ordered");
    for (const auto& function : machine.functions) {
        require(!function.node || machine.node(*function.node) != nullptr, "a function's node is one");
        (void)machine.root_port(function);
    }
}

} // namespace

// libFuzzer's name for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const auto topology = load_xml({reinterpret_cast<const char*>(data), size}, "x.xml");
        check_machine(describe(topology.get(), "x.xml"));
    } catch (const Error& error) {
        require(error.code() == Code::bad_machine, "an error about the machine");
    }
    return 0;
}
