// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bdf.h"
#include "base/bytes.h"
#include "base/cpu_set.h"

namespace parker {

// What this computer has, read once and never changed: a new reading is a new Machine. Numbers of CPUs, nodes and
// functions are the boot kernel's own.
struct Machine {
    struct Core {
        unsigned package = 0;
        unsigned node = 0;
        unsigned l3 = 0; // cores with the same number share their last cache
        CpuSet cpus;     // its hardware threads
    };
    struct L3 {
        unsigned id = 0; // what its cores call it
        CpuSet cpus;
        std::uint64_t bytes = 0; // 0: not known
    };
    struct CoreKind { // hybrid machines have several
        CpuSet cpus;
        std::optional<unsigned> efficiency; // 0 saves most power; higher ones are faster
        std::string name;                   // "IntelAtom"; may be empty
        unsigned max_mhz = 0;               // 0: not known
    };
    struct Node {
        unsigned id = 0;
        CpuSet cpus;                     // may be empty
        std::uint64_t total_bytes = 0;   // what partitions hold is part of it
        std::uint64_t free_bytes = 0;    // free or easily made so (page cache), at the time of reading
        std::vector<unsigned> distances; // to each of `nodes`, in their order; empty: not known
    };
    struct Window { // physical addresses; 0 bytes: none
        std::uint64_t start = 0;
        std::uint64_t bytes = 0;
    };
    struct Bar { // one that is in use
        std::uint64_t start = 0;
        std::uint64_t bytes = 0;
        unsigned number = 0;   // 0 to 5
        bool is_ports = false; // I/O ports; the rest is about memory
        bool is_64_bit = false;
        bool is_prefetchable = false;
    };
    struct PciFunction {
        Bdf bdf;
        std::uint32_t class_code = 0; // 24 bits: class, subclass, programming interface
        std::uint16_t vendor = 0;
        std::uint16_t device = 0;
        std::string vendor_name; // from pci.ids; may be empty
        std::string device_name;
        std::string driver; // the boot kernel's, empty if none
        std::string driver_override;
        std::optional<unsigned> node; // its own, or that of the bridge above it
        bool is_bridge = false;
        std::optional<Bdf> parent; // the bridge that its bus hangs on; none on a root bus
        std::optional<unsigned> iommu_group;
        bool has_msi = false;  // MSI or MSI-X, which a partition needs
        bool msi_known = true; // false: nobody could read its capabilities
        std::vector<Bar> bars;
        unsigned max_virtual = 0;             // virtual functions that it can have, SR-IOV
        unsigned virtual_functions = 0;       // and has now
        std::optional<Bdf> physical_function; // that it is a virtual one of
    };
    struct PciBus { // a bus behind a bridge
        std::uint32_t domain = 0;
        std::uint8_t number = 0;
        Bdf bridge;
        Window memory; // the bridge's window, not prefetchable, below 4 GiB
        Window prefetchable;
    };
    struct Ecam { // PCI Firmware Specification 3.3, 4.1.2: 1 MiB of configuration space a bus
        std::uint32_t domain = 0;
        std::uint8_t first_bus = 0;
        std::uint8_t last_bus = 0;
        std::uint64_t start = 0; // physical address of first_bus's MiB
    };

    // Read from an hwloc export or a synthetic description. They know of no drivers, IOMMU, MSI, BARs, free memory or
    // boot kernel: memory counts as free, and functions as able to raise MSI.
    bool described = false;

    std::vector<Core> cores;            // ordered by their first CPU; offline CPUs that are known are in their cores
    bool cores_known = true;            // false: each CPU counts as a core
    std::vector<L3> l3;                 // ordered by id; empty: not known
    std::vector<CoreKind> kinds;        // ordered by efficiency; empty: not known
    CpuSet online;                      // each in a core
    CpuSet possible;                    // and those that are offline; not those of sockets that nobody filled
    CpuSet disallowed;                  // online, but a cgroup keeps the reader from them
    CpuSet isolated;                    // from the boot kernel's scheduler
    CpuSet nohz_full;                   // without its timer tick
    unsigned boot_cpu = 0;              // the BSP
    std::vector<Node> nodes;            // ordered by id
    std::vector<PciFunction> functions; // ordered by address
    std::vector<PciBus> buses;
    std::vector<Ecam> ecam;
    bool ecam_known = false; // false: neither the kernel nor the firmware could be asked
    bool smt_off = false;    // by the boot kernel: second threads of cores cannot be brought online one by one
    bool iommu = false;      // DMA remapping is on
    bool iommu_known = true; // false: a snapshot that leaves it out
    bool interrupt_remapping = false;
    bool interrupt_remapping_known = true;
    bool interrupt_broadcast = false; // the boot kernel sends some interrupts to all CPUs, those of partitions included
    std::string memory_encryption;    // whose keys partitions do not have: "SME"; empty: none is in use
    std::string cpu_vendor;           // "GenuineIntel", may be empty
    bool in_virtual_machine = false;  // the boot kernel runs in one
    bool has_hfi = false;             // hardware feedback interface
    CpuSet far_cpus;                  // whose APIC ID is above 254: a partition's interrupts do not reach them
    bool x2apic_locked = false;       // by firmware; only the module can tell
    std::string microcode;            // its revision, may be empty
    bool late_microcode = false;      // it can be replaced while the machine runs
    std::string kernel_release;
    std::string kernel_cmdline;
    std::vector<std::pair<std::string, std::string>> vulnerabilities; // of the CPUs, and what the boot kernel does
    std::string vendor;                                               // DMI, may be empty
    std::string product;
    std::vector<std::string> problems; // what could not be read or kept: for the log, the reading went on without it

    const Core* core_of(unsigned cpu) const;
    const Node* node(unsigned id) const;
    const PciFunction* function(const Bdf& bdf) const;
    std::span<const PciFunction> functions_on_bus(const Bdf& bdf) const; // that of the function, with it
    const PciFunction* root_port(const PciFunction& function) const;     // none on a root bus
    const PciBus* bus(std::uint32_t domain, std::uint8_t number) const;
    std::optional<std::uint64_t> ecam_of(std::uint32_t domain, std::uint8_t bus) const; // that bus's MiB
    bool is_on_node(unsigned cpu, unsigned id) const;                                   // nodes may share their CPUs
    // As the firmware has it; where it says nothing, what shares CPUs is nearer than what does not.
    unsigned distance(const Node& from, const Node& to) const;
};

} // namespace parker
