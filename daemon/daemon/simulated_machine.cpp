// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/simulated_machine.h"

#include <algorithm>
#include <string>

namespace parker {
namespace {

constexpr unsigned cores_per_node = 16;
constexpr std::uint64_t node_bytes = 64 * GiB;
constexpr unsigned slots = 10;
constexpr unsigned drives = 8;

void add_slot(Machine& machine, unsigned slot, unsigned node)
{
    const auto number = static_cast<std::uint8_t>(slot + 1);
    const Bdf port{0, 0, static_cast<std::uint8_t>(slot + 1), 0};
    machine.functions.push_back({.bdf = port,
                                 .class_code = 0x060400,
                                 .vendor = 0x1b36,
                                 .device = 0x000c,
                                 .vendor_name = "Simulated",
                                 .device_name = "Root port",
                                 .driver = "pcieport",
                                 .node = node,
                                 .is_bridge = true,
                                 .iommu_group = slot,
                                 .has_msi = true});
    machine.buses.push_back({.domain = 0,
                             .number = number,
                             .bridge = port,
                             .memory = {.start = 0xe000'0000 + slot * 2 * MiB, .bytes = 2 * MiB},
                             .prefetchable = {}});
    const bool drive = slot < drives;
    machine.functions.push_back({.bdf = {0, number, 0, 0},
                                 .class_code = drive ? 0x010802U : 0x020000U,
                                 .vendor = drive ? std::uint16_t{0x144d} : std::uint16_t{0x8086},
                                 .device = drive ? std::uint16_t{0xa80a} : std::uint16_t{0x10d3},
                                 .vendor_name = "Simulated",
                                 .device_name = drive ? "NVMe drive" : "Network card",
                                 .driver = drive ? "nvme" : "e1000e",
                                 .node = node,
                                 .parent = port,
                                 .iommu_group = slots + slot,
                                 .has_msi = true});
}

} // namespace

Machine simulated_machine(unsigned nodes)
{
    Machine machine;
    unsigned cpu = 0;
    for (unsigned node = 0; node < nodes; ++node) {
        Machine::Node fresh{.id = node, .cpus = {}, .total_bytes = node_bytes, .free_bytes = node_bytes - 2 * GiB};
        for (unsigned i = 0; i < cores_per_node; ++i, cpu += 2) {
            const CpuSet threads{cpu, cpu + 1};
            machine.cores.push_back({.package = node, .node = node, .cpus = threads});
            fresh.cpus |= threads;
        }
        machine.online |= fresh.cpus;
        machine.nodes.push_back(fresh);
    }
    machine.possible = machine.online;
    for (unsigned slot = 0; slot < slots; ++slot)
        add_slot(machine, slot, slot % std::max(nodes, 1U));
    std::ranges::sort(machine.functions, {}, &Machine::PciFunction::bdf);
    machine.ecam.push_back({.domain = 0, .first_bus = 0, .last_bus = 255, .start = 0xb000'0000});
    machine.ecam_known = true;
    machine.iommu = true;
    machine.kernel_release = "6.1.0-simulated";
    machine.kernel_cmdline = "no_ipi_broadcast=1";
    machine.vendor = "parkerd";
    machine.product = "Simulated machine";
    return machine;
}

} // namespace parker
