// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/described.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "machine/files.h"
#include "machine/hwloc_load.h"
#include "machine/pci.h"
#include "machine/pci_names.h"
#include "machine/text.h"
#include "machine/topology.h"

namespace parker {
namespace {

constexpr std::size_t export_limit = 32 * MiB; // 8192 CPUs need half of it
constexpr const char* how = "a file that `lstopo FILE.xml` wrote, or a description such as \"node:8 core:64 pu:2\"";

std::string read_export(const std::string& file)
{
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
        throw Error{Code::bad_machine, file, "this is a folder", "--sysroot " + file};
    auto xml = Files{"."}.read(file, export_limit);
    if (!xml)
        throw Error{Code::bad_machine, file,
                    "cannot be read, is no regular file, or larger than " + format_bytes(export_limit), how};
    // hwloc 3 writes "3.0" for nothing that matters here, and hwloc 2 refuses to read that.
    constexpr std::string_view version_3 = "<topology version=\"3.";
    if (const auto at = xml->find(version_3); at != std::string::npos)
        (*xml)[at + version_3.size() - 2] = '2';
    return std::move(*xml);
}

bool is_description(const std::string& text)
{
    return text.find('/') == std::string::npos && text.find_first_of(": ") != std::string::npos;
}

std::optional<Bdf> to_bdf(const decltype(hwloc_obj_attr_u::pcidev)& pci)
{
    if (pci.dev > 31 || pci.func > 7)
        return std::nullopt;
    return Bdf{pci.domain, pci.bus, pci.dev, pci.func};
}

bool is_pci_bridge(const hwloc_obj& object)
{
    return object.type == HWLOC_OBJ_BRIDGE && object.attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_PCI;
}

void add_function(hwloc_topology_t topology, hwloc_obj& object, Machine& machine)
{
    const auto& pci = object.type == HWLOC_OBJ_BRIDGE ? object.attr->bridge.upstream.pci : object.attr->pcidev;
    const auto bdf = to_bdf(pci);
    if (!bdf)
        return;
    Machine::PciFunction function;
    function.bdf = *bdf;
    function.class_code = std::uint32_t{pci.class_id} << 8;
    function.vendor = pci.vendor_id;
    function.device = pci.device_id;
    function.is_bridge = is_pci_bridge(object) || is_bridge_class(function.class_code);
    function.has_msi = true; // as far as anybody knows
    if (object.parent != nullptr && is_pci_bridge(*object.parent))
        function.parent = to_bdf(object.parent->attr->bridge.upstream.pci);
    // What hangs on the whole machine is near to all of it, or nobody knows where.
    const auto* place = hwloc_get_non_io_ancestor_obj(topology, &object);
    if (place != nullptr && place->parent != nullptr && hwloc_bitmap_weight(place->nodeset) == 1)
        function.node = static_cast<unsigned>(hwloc_bitmap_first(place->nodeset));
    machine.functions.push_back(std::move(function));
    if (is_pci_bridge(object)) {
        const auto& below = object.attr->bridge.downstream.pci;
        if (below.secondary_bus != 0)
            machine.buses.push_back({bdf->domain, below.secondary_bus, *bdf, {}, {}});
    }
}

void read_functions(hwloc_topology_t topology, Machine& machine)
{
    for (auto* object = hwloc_get_next_pcidev(topology, nullptr); object != nullptr;
         object = hwloc_get_next_pcidev(topology, object))
        add_function(topology, *object, machine);
    for (auto* object = hwloc_get_next_bridge(topology, nullptr); object != nullptr;
         object = hwloc_get_next_bridge(topology, object))
        if (is_pci_bridge(*object))
            add_function(topology, *object, machine);
    finish_pci(machine);
    name_functions(machine);
}

void read_distances(hwloc_topology_t topology, Machine& machine)
{
    unsigned count = 1;
    hwloc_distances_s* distances = nullptr;
    if (hwloc_distances_get_by_type(topology, HWLOC_OBJ_NUMANODE, &count, &distances,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) != 0 ||
        count == 0)
        return;
    if (distances->nbobjs == machine.nodes.size()) {
        const auto at = [&machine](unsigned id) {
            return std::ranges::lower_bound(machine.nodes, id, {}, &Machine::Node::id) - machine.nodes.begin();
        };
        const auto nodes = distances->nbobjs;
        for (auto& node : machine.nodes)
            node.distances.resize(nodes);
        for (unsigned from = 0; from < nodes; ++from)
            for (unsigned to = 0; to < nodes; ++to)
                machine.nodes[static_cast<std::size_t>(at(distances->objs[from]->os_index))]
                    .distances[static_cast<std::size_t>(at(distances->objs[to]->os_index))] =
                    static_cast<unsigned>(distances->values[std::size_t{from} * nodes + to]);
    }
    hwloc_distances_release(topology, distances);
}

std::string info(hwloc_topology_t topology, const char* name)
{
    const auto* value = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), name);
    return value != nullptr ? text::printable(value) : std::string{};
}

} // namespace

Machine describe(hwloc_topology_t topology, const std::string& source)
{
    Machine machine;
    machine.described = true;
    read_topology(topology, source, machine);
    for (auto& node : machine.nodes)
        node.free_bytes = node.total_bytes;
    read_distances(topology, machine);
    read_functions(topology, machine);
    machine.vendor = info(topology, "DMISysVendor");
    machine.product = info(topology, "DMIProductName");
    machine.kernel_release = info(topology, "OSRelease");
    return machine;
}

Machine read_described(const std::string& source)
{
    if (text::trim(source).empty())
        throw Error{Code::bad_machine, "--machine", "nothing is named", how};
    std::error_code ignored; // such as a description that is too long for a name
    const bool is_file = std::filesystem::exists(source, ignored);
    if (!is_file && !is_description(source))
        throw Error{Code::bad_machine, source, "there is no such file", how};
    const auto topology = is_file ? load_xml(read_export(source), source) : load_synthetic(source);

    return describe(topology.get(), source);
}

} // namespace parker
