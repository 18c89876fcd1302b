// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "base/error.h"
#include "machine/files.h"
#include "machine/read.h"
#include "sysroot.h"

using namespace parker;
using test::Sysroot;

namespace {

std::string cores_text(const Machine& machine)
{
    std::string text;
    for (const auto& core : machine.cores)
        text += std::to_string(core.package) + "." + std::to_string(core.node) + ":" + core.cpus.to_string() + " ";
    return text;
}

std::string config(std::size_t bytes, unsigned header_type = 0, unsigned secondary_bus = 0)
{
    std::string config(bytes, '\0');
    config[0] = '\x86';
    config[1] = '\x80';
    config[0x0e] = static_cast<char>(header_type);
    config[0x19] = static_cast<char>(secondary_bus);
    return config;
}

// A root port, a drive behind it, and something on the root bus.
void add_pci(const Sysroot& sysroot)
{
    const std::string root = "sys/devices/pci0000:00/";
    const std::string port = root + "0000:00:1c.0/";
    const std::string drive = port + "0000:01:00.0/";
    sysroot.write(port + "class", "0x060400\n");
    sysroot.write(port + "vendor", "0x8086\n");
    sysroot.write(port + "device", "0x3420\n");
    auto bridge = config(64, 1, 1);
    bridge[0x20] = bridge[0x22] = '\x40';
    bridge[0x21] = bridge[0x23] = '\xfe';
    bridge[0x24] = '\xf0';
    bridge[0x25] = '\xff';
    sysroot.write(port + "config", bridge);
    sysroot.link(port + "driver", "../../../bus/pci/drivers/pcieport");

    sysroot.write(drive + "class", "0x010802\n");
    sysroot.write(drive + "vendor", "0x144d\n");
    sysroot.write(drive + "device", "0xa80a\n");
    sysroot.write(drive + "numa_node", "1\n");
    sysroot.write(drive + "driver_override", "(null)\n");
    auto capable = config(256);
    capable[0x06] = 0x10;
    capable[0x34] = 0x40;
    capable[0x40] = 0x11;
    sysroot.write(drive + "config", capable);
    sysroot.link(drive + "driver", "../../../../bus/pci/drivers/nvme");
    sysroot.link(drive + "iommu_group", "../../../../kernel/iommu_groups/7");

    sysroot.write(root + "0000:00:02.0/class", "0x030000\n");
    sysroot.write(root + "0000:00:02.0/numa_node", "-1\n");
    sysroot.write(root + "0000:00:02.0/driver_override", "vfio-pci\n");

    const std::string devices = "sys/bus/pci/devices/";
    sysroot.link(devices + "0000:00:1c.0", "../../../devices/pci0000:00/0000:00:1c.0");
    sysroot.link(devices + "0000:01:00.0", "../../../devices/pci0000:00/0000:00:1c.0/0000:01:00.0");
    sysroot.link(devices + "0000:00:02.0", "../../../devices/pci0000:00/0000:00:02.0");
    sysroot.link(devices + "10000:01:00.0", "../../../devices/pci0000:00/0000:00:02.0"); // a domain made by software
    sysroot.link(devices + "dangling", "nowhere");
}

} // namespace

TEST_CASE("CPUs, cores and nodes are read")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2);
    const auto machine = read_machine({sysroot.path(), {}});
    CHECK(machine.online.to_string() == "0-7");
    CHECK(machine.possible.to_string() == "0-7");
    CHECK(cores_text(machine) == "0.0:0,4 0.0:1,5 1.1:2,6 1.1:3,7 ");
    CHECK(machine.boot_cpu == 0);
    CHECK(machine.core_of(6)->cpus == CpuSet{2, 6});
    CHECK(machine.core_of(8) == nullptr);
    REQUIRE(machine.nodes.size() == 2);
    CHECK(machine.node(1)->cpus.to_string() == "2-3,6-7");
    CHECK(machine.node(1)->total_bytes == 4 * GiB);
    CHECK(machine.node(1)->free_bytes == 1 * GiB + 3 * MiB);
    CHECK(machine.node(1)->distances == std::vector<unsigned>{21, 10});
    CHECK(machine.node(2) == nullptr);
    CHECK(machine.problems.empty());
}

TEST_CASE("a node's memory is what is present, though the boot kernel has less of it")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    sysroot.write("proc/zoneinfo", "Node 0, zone   Normal\n        present  2097152\n        managed  1048576\n");
    CHECK(read_machine({sysroot.path(), {}}).nodes.front().total_bytes == 8 * GiB);
}

TEST_CASE("memory without CPUs belongs to a node without CPUs")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    sysroot.write("sys/devices/system/node/node2/cpulist", "\n");
    sysroot.write("sys/devices/system/node/node2/cpumap", "00000000\n");
    sysroot.write("sys/devices/system/node/node2/meminfo", "Node 2 MemTotal:  2097152 kB\n");
    const auto machine = read_machine({sysroot.path(), {}});
    REQUIRE(machine.nodes.size() == 2);
    CHECK(machine.nodes[1].id == 2);
    CHECK(machine.nodes[1].cpus.empty());
    CHECK(machine.nodes[1].total_bytes == 2 * GiB);
    CHECK(cores_text(machine) == "0.0:0,2 0.0:1,3 ");
}

TEST_CASE("the cores of CPUs that went offline are remembered, over a restart too")
{
    const Sysroot before;
    before.add_cpus(2);
    const test::TemporaryFolder state;
    const auto remembered = state.path() / "topology.json";
    const auto all = cores_text(read_machine({before.path(), remembered}));

    const Sysroot after;
    after.add_cpus(2, {3, 6, 7}); // a whole core, and a thread of another
    CHECK(cores_text(read_machine({after.path(), {}})) == "0.0:0,4 0.0:1,5 1.1:2 ");
    const auto machine = read_machine({after.path(), remembered});
    CHECK(cores_text(machine) == all);
    CHECK(machine.online.to_string() == "0-2,4-5");
    CHECK(cores_text(read_machine({after.path(), remembered})) == all); // and not forgotten by that
    CHECK(machine.problems.empty());

    SECTION("a damaged file is told about and replaced")
    {
        std::ofstream{remembered} << "{";
        CHECK(read_machine({after.path(), remembered}).problems.size() == 1);
        CHECK(read_machine({after.path(), remembered}).problems.empty());
    }
    SECTION("a file that cannot be written is told about")
    {
        const auto missing = state.path() / "missing/topology.json";
        CHECK(read_machine({after.path(), missing}).problems.size() == 1);
    }
}

TEST_CASE("PCI functions and the buses behind bridges are read")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2);
    add_pci(sysroot);
    const auto machine = read_machine({sysroot.path(), {}});
    REQUIRE(machine.functions.size() == 4);

    const auto* drive = machine.function(*Bdf::parse("0000:01:00.0"));
    REQUIRE(drive);
    CHECK(drive->class_code == 0x010802);
    CHECK(drive->vendor == 0x144d);
    CHECK(drive->device == 0xa80a);
    CHECK(drive->driver == "nvme");
    CHECK(drive->driver_override.empty());
    CHECK(drive->node == 1U);
    CHECK(drive->parent == Bdf::parse("0000:00:1c.0"));
    CHECK(drive->iommu_group == 7U);
    CHECK(drive->has_msi);
    CHECK_FALSE(drive->is_bridge);

    const auto* port = machine.function(*Bdf::parse("0000:00:1c.0"));
    REQUIRE(port);
    CHECK(port->is_bridge);
    CHECK_FALSE(port->parent);
    CHECK_FALSE(port->node);

    const auto* other = machine.function(*Bdf::parse("0000:00:02.0"));
    REQUIRE(other);
    CHECK(other->driver.empty());
    CHECK(other->driver_override == "vfio-pci");
    CHECK_FALSE(other->node);
    CHECK_FALSE(other->has_msi);
    CHECK_FALSE(other->iommu_group);

    REQUIRE(machine.bus(0, 1));
    CHECK(machine.bus(0, 1)->bridge == port->bdf);
    CHECK(machine.bus(0, 1)->memory.start == 0xfe400000);
    CHECK(machine.bus(0, 1)->memory.bytes == 1 * MiB);
    CHECK(machine.bus(0, 1)->prefetchable.bytes == 0);
    CHECK(machine.bus(0, 2) == nullptr);
}

TEST_CASE("without root, what is PCI Express counts as able to raise MSI")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    add_pci(sysroot);
    const std::string drive = "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/";
    auto header = config(64);
    const auto msi = [&sysroot]() -> std::optional<bool> {
        const auto machine = read_machine({sysroot.path(), {}});
        const auto* function = machine.function(*Bdf::parse("0000:01:00.0"));
        CHECK((function->msi_known || !function->has_msi));
        return function->msi_known ? std::optional{function->has_msi} : std::nullopt;
    };
    sysroot.write(drive + "config", header);
    CHECK(msi() == std::nullopt);
    sysroot.write(drive + "max_link_speed", "8.0 GT/s PCIe\n");
    CHECK(msi() == std::nullopt); // it says that it has no capability at all
    header[0x06] = 0x10;
    sysroot.write(drive + "config", header);
    CHECK(msi() == true);
    sysroot.remove(drive + "max_link_speed");
    CHECK(msi() == std::nullopt);
    sysroot.write(drive + "config", std::string(256, '\xff')); // it sleeps
    CHECK(msi() == std::nullopt);
    sysroot.remove(drive + "config");
    CHECK(msi() == std::nullopt);
    sysroot.write(drive + "config", config(256)); // all of it, and no capability
    CHECK(msi() == false);
    sysroot.write(drive + "msi_irqs/24", "msix\n");
    CHECK(msi() == true);
}

TEST_CASE("interrupt remapping shows in the names of interrupt chips")
{
    struct Row {
        const char* name;
        std::vector<const char*> chips; // of sys/kernel/irq
        const char* interrupts;         // proc/interrupts
        bool expected;
    };
    const auto row = GENERATE(values<Row>({
        {"nothing to read", {}, nullptr, false},
        {"6.1 without", {"IO-APIC", "PCI-MSI"}, nullptr, false},
        {"6.1 with", {"IR-IO-APIC", "IR-PCI-MSI"}, nullptr, true},
        {"6.12 with", {"DMAR-MSI", "IR-PCI-MSIX-0000:01:00.0"}, nullptr, true},
        {"the IOMMU's own chip does not count", {"DMAR-MSI", "IO-APIC"}, nullptr, false},
        {"from procfs, without", {}, "   CPU0\n  0:  5  IO-APIC   2-edge  timer\n", false},
        {"from procfs, with", {}, "   CPU0\n  0:  5  IR-IO-APIC   2-edge  timer\n", true},
        {"from procfs, other words", {}, "   CPU0\nNMI:  5  Non-maskable interrupts\n", false},
    }));
    CAPTURE(row.name);
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    for (std::size_t i = 0; i < row.chips.size(); ++i)
        sysroot.write("sys/kernel/irq/" + std::to_string(i) + "/chip_name", std::string{row.chips[i]} + "\n");
    if (row.interrupts != nullptr)
        sysroot.write("proc/interrupts", row.interrupts);
    CHECK(read_machine({sysroot.path(), {}}).interrupt_remapping == row.expected);
}

TEST_CASE("the boot kernel and the computer tell about themselves")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    sysroot.write("proc/version", "Linux version 6.1.0-18-amd64 (somebody)\n");
    sysroot.write("proc/cmdline", "root=/dev/sda1 intremap=off\n");
    sysroot.write("sys/class/dmi/id/sys_vendor", "Maker\n");
    sysroot.write("sys/class/dmi/id/product_name", "Thing 1\n");
    sysroot.write("sys/class/iommu/dmar0/x", "");
    sysroot.write("proc/iomem", "b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n");
    auto machine = read_machine({sysroot.path(), {}});
    CHECK(machine.kernel_release == "6.1.0-18-amd64");
    CHECK(machine.kernel_cmdline == "root=/dev/sda1 intremap=off");
    CHECK(machine.vendor == "Maker");
    CHECK(machine.product == "Thing 1");
    CHECK(machine.iommu);
    CHECK(machine.ecam_of(0, 1) == 0xb0100000);

    sysroot.write("proc/sys/kernel/osrelease", "6.12.9\n");
    sysroot.remove("sys/class/iommu");
    machine = read_machine({sysroot.path(), {}});
    CHECK(machine.kernel_release == "6.12.9");
    CHECK_FALSE(machine.iommu);
}

TEST_CASE("what the boot kernel keeps CPUs from, and what they are vulnerable to, is read")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2, {7});
    sysroot.write("sys/devices/system/cpu/isolated", "2-3,900\n");
    sysroot.write("sys/devices/system/cpu/nohz_full", "(null)\n");
    sysroot.write("sys/devices/system/cpu/vulnerabilities/l1tf", "Mitigation: \x1b[31m\n");
    sysroot.write("sys/devices/system/cpu/vulnerabilities/mds", "Vulnerable\n");
    const auto machine = read_machine({sysroot.path(), {}});
    CHECK_FALSE(machine.smt_off);
    sysroot.write("sys/devices/system/cpu/smt/control", "forceoff\n");
    CHECK(read_machine({sysroot.path(), {}}).smt_off);
    sysroot.write("sys/devices/system/cpu/smt/control", "on\n");
    CHECK_FALSE(read_machine({sysroot.path(), {}}).smt_off);
    CHECK(machine.isolated.to_string() == "2-3");
    CHECK(machine.nohz_full.empty());
    CHECK((machine.possible - machine.online).to_string() == "7");
    using State = std::pair<std::string, std::string>;
    CHECK(machine.vulnerabilities == std::vector<State>{{"l1tf", "Mitigation: ?[31m"}, {"mds", "Vulnerable"}});
}

TEST_CASE("kinds of core and last caches are known")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    for (unsigned cpu = 0; cpu < 4; ++cpu) {
        const auto folder = "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/";
        sysroot.write(folder + "cpu_capacity", cpu % 2 == 0 ? "1024\n" : "512\n");
        sysroot.write(folder + "cache/index0/level", "3\n");
        sysroot.write(folder + "cache/index0/type", "Unified\n");
        sysroot.write(folder + "cache/index0/size", "8192K\n");
        sysroot.write(folder + "cache/index0/shared_cpu_map", "f\n");
    }
    const auto machine = read_machine({sysroot.path(), {}});
    REQUIRE(machine.kinds.size() == 2);
    CHECK(machine.kinds[0].cpus.to_string() == "1,3");
    CHECK(machine.kinds[0].efficiency == 0U);
    CHECK(machine.kinds[1].cpus.to_string() == "0,2");
    CHECK(machine.kinds[1].efficiency == 1U);
    REQUIRE(machine.l3.size() == 1);
    CHECK(machine.l3[0].cpus.to_string() == "0-3");
    CHECK(machine.l3[0].bytes == 8 * MiB);
}

TEST_CASE("a machine whose CPU 0 is missing, or without words about cores, is one")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2);
    SECTION("CPU 0 is missing")
    {
        sysroot.remove("sys/devices/system/cpu/cpu0");
        sysroot.write("sys/devices/system/cpu/possible", "1-7\n");
        sysroot.write("sys/devices/system/cpu/online", "1-7\n");
        const auto machine = read_machine({sysroot.path(), {}});
        CHECK_FALSE(machine.cores.empty());
        CHECK(machine.core_of(machine.boot_cpu) != nullptr);
    }
    SECTION("nothing but CPUs")
    {
        for (unsigned cpu = 0; cpu < 8; ++cpu)
            sysroot.remove("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology");
        sysroot.remove("sys/devices/system/node");
        const auto machine = read_machine({sysroot.path(), {}});
        CHECK_FALSE(machine.cores_known);
        CHECK(machine.cores.size() == machine.online.size());
        CHECK(machine.nodes.size() == 1);
    }
}

TEST_CASE("numbers of CPUs and nodes that no machine has are an error, or nothing")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    const std::string cpus = "sys/devices/system/cpu/";
    const auto [file, content] =
        GENERATE_COPY(table<std::string, std::string>({{cpus + "online", "0-4294967295\n"},
                                                       {cpus + "possible", "0-4000000000\n"},
                                                       {cpus + "cpu0/topology/core_siblings", std::string(100000, 'f')},
                                                       {cpus + "cpu4000000000/topology/core_id", "0\n"},
                                                       {"sys/devices/system/node/node4000000000/cpumap", "f\n"},
                                                       {"sys/devices/system/node/online", "0-4000000000\n"},
                                                       {"proc/meminfo", "MemTotal: 99999999999999999999 kB\n"}}));
    CAPTURE(file);
    sysroot.write(file, content);
    try {
        const auto machine = read_machine({sysroot.path(), {}});
        CHECK(machine.possible.size() <= CpuSet::max_cpus);
        CHECK(machine.nodes.size() <= 1024);
    } catch (const Error& error) {
        CHECK(error.code() == Code::bad_machine);
    }
}

TEST_CASE("a folder without CPUs is no machine")
{
    const Sysroot sysroot;
    CHECK_THROWS_AS(read_machine({sysroot.path(), {}}), Error);
    CHECK_THROWS_AS(read_machine({sysroot.path() / "missing", {}}), Error);
}

TEST_CASE("files of another kind and files beyond their limit are nothing")
{
    const Sysroot sysroot;
    sysroot.write("small", " text \n");
    sysroot.write("large", std::string(Files::small + 1, 'x'));
    sysroot.write("folder/file", "");
    REQUIRE(::mkfifo((sysroot.path() / "fifo").c_str(), 0600) == 0);
    const Files files{sysroot.path()};
    CHECK(files.line("small") == "text");
    CHECK_FALSE(files.read("large"));
    CHECK(files.read("large", 2 * Files::small));
    CHECK(files.start("large", 3) == "xxx");
    CHECK(files.start("small", 100) == " text \n");
    CHECK_FALSE(files.start("fifo", 3));
    CHECK_FALSE(files.read("folder"));
    CHECK_FALSE(files.read("fifo"));
    CHECK_FALSE(files.read("missing"));
    CHECK(files.list("folder") == std::vector<std::string>{"file"});
    CHECK(files.list("small").empty());
    CHECK(files.number<int>("small") == std::nullopt);
}

TEST_CASE("CPUs of sockets that nobody filled are none")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2, {7});
    const std::string cpus = "sys/devices/system/cpu/";
    sysroot.write(cpus + "possible", "0-31\n");
    sysroot.write(cpus + "offline", "7-31\n");
    CHECK(read_machine({sysroot.path(), {}}).possible.to_string() == "0-7");
    sysroot.remove(cpus + "present"); // a snapshot that leaves it out
    CHECK(read_machine({sysroot.path(), {}}).possible.to_string() == "0-31");
}

TEST_CASE("whether there is ECAM is known from what has addresses, or from the firmware")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    const auto read = [&sysroot] { return read_machine({sysroot.path(), {}}); };
    CHECK_FALSE(read().ecam_known);
    sysroot.write("proc/iomem", "00000000-00000000 : PCI MMCONFIG 0000 [bus 00-ff]\n"); // as everybody but root sees it
    CHECK_FALSE(read().ecam_known);
    sysroot.write("proc/iomem", "00001000-0009ffff : System RAM\n");
    CHECK(read().ecam_known);
    CHECK(read().ecam.empty());
}

TEST_CASE("no variable of hwloc's changes the machine")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2);
    const Sysroot other;
    other.add_cpus(1);
    other.write("machine.xml", "rubbish");
    for (unsigned cpu = 0; cpu < 8; ++cpu)
        sysroot.write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cpu_capacity",
                      cpu % 2 == 0 ? "1024\n" : "512\n");
    const auto text = [](const Machine& machine) {
        auto all = cores_text(machine) + machine.online.to_string();
        for (const auto& kind : machine.kinds)
            all += " " + kind.cpus.to_string() + ":" + std::to_string(kind.efficiency.value_or(99));
        return all;
    };
    const auto as_it_is = text(read_machine({sysroot.path(), {}}));
    const auto live = text(read_machine({"/", {}}));
    const auto folder = other.path().string();
    const auto file = folder + "/machine.xml";
    const auto [name, value] =
        GENERATE_COPY(table<const char*, std::string>({{"HWLOC_FSROOT", folder},
                                                       {"HWLOC_XMLFILE", file},
                                                       {"HWLOC_SYNTHETIC", "node:4 core:4 pu:1"},
                                                       {"HWLOC_COMPONENTS", "synthetic,stop"},
                                                       {"HWLOC_COMPONENTS", "no_os,stop"},
                                                       {"HWLOC_COMPONENTS", "-linux,stop"},
                                                       {"HWLOC_CPUKINDS_RANKING", "none"},
                                                       {"HWLOC_PLUGINS_PATH", folder},
                                                       {"HWLOC_DUMPED_HWDATA_DIR", folder},
                                                       {"HWLOC_THISSYSTEM", "0"},
                                                       {"HWLOC_ALLOW", "all"},
                                                       {"HWLOC_CPUID_PATH", folder},
                                                       {"HWLOC_DEBUG_SORT_CHILDREN", "1"},
                                                       {"HWLOC_KEEP_NVIDIA_GPU_NUMA_NODES", "0"}}));
    CAPTURE(name, value);
    ::setenv(name, value.c_str(), 1);
    CHECK(text(read_machine({sysroot.path(), {}})) == as_it_is);
    ::setenv(name, value.c_str(), 1);
    CHECK(text(read_machine({"/", {}})) == live);
    CHECK(std::getenv(name) == nullptr);
    ::unsetenv(name);
}
