// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "machine/read.h"
#include "sysroot.h"

using namespace parker;
using test::Sysroot;

namespace {

// Adds a function whose folder lies in those of the bridges `above`, and returns the folder.
std::string add(const Sysroot& sysroot, const std::string& above, const std::string& name, const std::string& node,
                const std::string& class_code = "0x020000")
{
    const auto path = "devices/pci" + name.substr(0, name.find_last_of(':')) + "/" + above + name;
    const auto folder = "sys/" + path + "/";
    sysroot.write(folder + "class", class_code + "\n");
    sysroot.write(folder + "numa_node", node + "\n");
    sysroot.link("sys/bus/pci/devices/" + name, "../../../" + path);
    return folder;
}

const Machine::PciFunction& function(const Machine& machine, const char* name)
{
    const auto* found = machine.function(*Bdf::parse(name));
    REQUIRE(found);
    return *found;
}

constexpr const char* bridge = "0x060400";

} // namespace

TEST_CASE("a function without a node has that of the bridge above it")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2);
    add(sysroot, "", "0000:80:01.0", "1", bridge);
    add(sysroot, "0000:80:01.0/", "0000:81:00.0", "-1", bridge);
    add(sysroot, "0000:80:01.0/0000:81:00.0/", "0000:82:00.0", "-1");
    add(sysroot, "", "0000:00:01.0", "-1", bridge);
    add(sysroot, "0000:00:01.0/", "0000:01:00.0", "-1");
    add(sysroot, "0000:00:01.0/", "0000:01:00.1", "0");
    add(sysroot, "0000:00:01.0/", "0000:01:00.2", "4000000000");
    add(sysroot, "0000:00:01.0/", "0000:01:00.3", "7"); // no such node
    const auto machine = read_machine({sysroot.path(), {}});
    CHECK(function(machine, "0000:81:00.0").node == 1U);
    CHECK(function(machine, "0000:82:00.0").node == 1U);
    CHECK_FALSE(function(machine, "0000:00:01.0").node);
    CHECK_FALSE(function(machine, "0000:01:00.0").node);
    CHECK(function(machine, "0000:01:00.1").node == 0U);
    CHECK_FALSE(function(machine, "0000:01:00.2").node);
    CHECK_FALSE(function(machine, "0000:01:00.3").node);
    CHECK(machine.root_port(function(machine, "0000:82:00.0"))->bdf == Bdf::parse("0000:80:01.0"));
    CHECK(machine.root_port(function(machine, "0000:00:01.0")) == nullptr);
    CHECK(machine.functions_on_bus(*Bdf::parse("0000:01:00.0")).size() == 4);
    CHECK(machine.functions_on_bus(*Bdf::parse("0000:82:00.0")).size() == 1);
}

TEST_CASE("near CPUs tell the node that firmware does not")
{
    const Sysroot sysroot;
    sysroot.add_cpus(2);
    const auto local = add(sysroot, "", "0000:01:00.0", "-1");
    const auto node = [&sysroot, &local](const char* cpus) {
        sysroot.write(local + "local_cpulist", cpus);
        return function(read_machine({sysroot.path(), {}}), "0000:01:00.0").node;
    };
    CHECK(node("2-3,6-7\n") == 1U);
    CHECK(node("0\n") == 0U);
    CHECK_FALSE(node("0-7\n"));
    CHECK_FALSE(node("\n"));
    CHECK_FALSE(node("x\n"));
}

TEST_CASE("functions of other domains are functions")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    add(sysroot, "", "0000:01:00.0", "0");
    add(sysroot, "", "ffff:01:00.0", "0");
    add(sysroot, "", "0003:00:00.0", "0", bridge);
    add(sysroot, "0003:00:00.0/", "0003:01:00.0", "0");
    const auto machine = read_machine({sysroot.path(), {}});
    CHECK(machine.functions.size() == 4);
    CHECK(machine.functions_on_bus(*Bdf::parse("0003:01:00.0")).size() == 1);
    CHECK(function(machine, "0003:01:00.0").parent == Bdf::parse("0003:00:00.0"));
    CHECK_FALSE(function(machine, "ffff:01:00.0").parent);
}

TEST_CASE("functions in a domain that software made are functions")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    add(sysroot, "", "0000:5d:05.5", "0", "0x010400"); // VMD
    const std::string drive = "devices/pci0000:5d/0000:5d:05.5/pci10000:00/10000:00:02.0/10000:01:00.0";
    sysroot.write("sys/" + drive + "/class", "0x010802\n");
    sysroot.link("sys/bus/pci/devices/10000:01:00.0", "../../../" + drive);
    const auto machine = read_machine({sysroot.path(), {}});
    REQUIRE(machine.functions.size() == 2);
    CHECK(function(machine, "10000:01:00.0").parent == Bdf::parse("10000:00:02.0"));
    CHECK(function(machine, "10000:01:00.0").class_code == 0x010802);
    CHECK(machine.functions_on_bus(*Bdf::parse("10000:01:00.0")).size() == 1);
    CHECK(machine.functions_on_bus(*Bdf::parse("0000:01:00.0")).empty());
}

TEST_CASE("bridges in a circle have no root port and end")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    sysroot.link("sys/bus/pci/devices/0000:01:00.0", "../../0000:02:00.0/0000:01:00.0");
    sysroot.link("sys/bus/pci/devices/0000:02:00.0", "../../0000:01:00.0/0000:02:00.0");
    sysroot.link("sys/bus/pci/devices/0000:03:00.0", "../../nowhere/0000:03:00.0");
    sysroot.write("sys/bus/0000:02:00.0/0000:01:00.0/class", "0x060400\n");
    sysroot.write("sys/bus/0000:01:00.0/0000:02:00.0/class", "0x060400\n");
    const auto machine = read_machine({sysroot.path(), {}});
    REQUIRE(machine.functions.size() == 2);
    (void)machine.root_port(machine.functions.front());
}

TEST_CASE("BARs are read")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    const auto folder = add(sysroot, "", "0000:01:00.0", "0");
    sysroot.write(folder + "resource", "0x00000000fe000000 0x00000000fe003fff 0x0000000000040200\n"
                                       "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
                                       "0x0000003800000000 0x00000038000fffff 0x000000000014220c\n"
                                       "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
                                       "0x000000000000e000 0x000000000000e01f 0x0000000000040101\n"
                                       "rubbish\n"
                                       "0x00000000fe100000 0x00000000fe10ffff 0x0000000000046200\n");
    const auto machine = read_machine({sysroot.path(), {}});
    const auto& bars = function(machine, "0000:01:00.0").bars;
    REQUIRE(bars.size() == 3);
    CHECK(bars[0].start == 0xfe000000);
    CHECK(bars[0].bytes == 16 * KiB);
    CHECK_FALSE(bars[0].is_ports);
    CHECK_FALSE(bars[0].is_64_bit);
    CHECK_FALSE(bars[0].is_prefetchable);
    CHECK(bars[1].number == 2);
    CHECK(bars[1].bytes == 1 * MiB);
    CHECK(bars[1].is_64_bit);
    CHECK(bars[1].is_prefetchable);
    CHECK(bars[2].number == 4);
    CHECK(bars[2].is_ports);
    CHECK(bars[2].bytes == 32);
}

TEST_CASE("virtual functions and theirs are known")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    const auto physical = add(sysroot, "", "0000:01:00.0", "0");
    sysroot.write(physical + "sriov_totalvfs", "64\n");
    sysroot.write(physical + "sriov_numvfs", "1\n");
    const auto virtual_function = add(sysroot, "", "0000:01:10.0", "0");
    sysroot.link(virtual_function + "physfn", "../0000:01:00.0");
    const auto machine = read_machine({sysroot.path(), {}});
    CHECK(function(machine, "0000:01:00.0").max_virtual == 64);
    CHECK(function(machine, "0000:01:00.0").virtual_functions == 1);
    CHECK_FALSE(function(machine, "0000:01:00.0").physical_function);
    CHECK(function(machine, "0000:01:10.0").physical_function == Bdf::parse("0000:01:00.0"));
    CHECK(function(machine, "0000:01:10.0").max_virtual == 0);
}

TEST_CASE("uevent says what a function is, and files of their own where it does not")
{
    const Sysroot sysroot;
    sysroot.add_cpus(1);
    const auto whole = add(sysroot, "", "0000:00:01.0", "0");
    sysroot.write(whole + "uevent", "DRIVER=nvme\nPCI_CLASS=10802\nPCI_ID=144D:A80A\nPCI_SLOT_NAME=0000:00:01.0\n");
    const auto idle = add(sysroot, "", "0000:00:02.0", "0");
    sysroot.write(idle + "uevent", "PCI_CLASS=10802\nPCI_ID=144D:A80A\n");
    const auto damaged = add(sysroot, "", "0000:00:03.0", "0");
    sysroot.write(damaged + "uevent", "DRIVER=other\nPCI_CLASS=10802\nPCI_ID=144D\n");
    sysroot.write(damaged + "vendor", "0x8086\n");
    sysroot.write(damaged + "device", "0x1533\n");
    sysroot.link(damaged + "driver", "../../../bus/pci/drivers/igb");
    const auto machine = read_machine({sysroot.path(), {}});
    CHECK(function(machine, "0000:00:01.0").class_code == 0x010802);
    CHECK(function(machine, "0000:00:01.0").vendor == 0x144d);
    CHECK(function(machine, "0000:00:01.0").device == 0xa80a);
    CHECK(function(machine, "0000:00:01.0").driver == "nvme");
    CHECK(function(machine, "0000:00:02.0").driver.empty());
    CHECK(function(machine, "0000:00:03.0").class_code == 0x020000);
    CHECK(function(machine, "0000:00:03.0").vendor == 0x8086);
    CHECK(function(machine, "0000:00:03.0").device == 0x1533);
    CHECK(function(machine, "0000:00:03.0").driver == "igb");
}
