// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "machine/described.h"
#include "sysroot.h"

using namespace parker;
using test::Sysroot;

namespace {

std::string object(const std::string& type, const std::string& cpus, const std::string& nodes,
                   const std::string& attributes, const std::string& inside = {})
{
    return "<object type=\"" + type + "\" cpuset=\"" + cpus + "\" complete_cpuset=\"" + cpus + "\" nodeset=\"" + nodes +
           "\" complete_nodeset=\"" + nodes + "\" " + attributes + ">\n" + inside + "</object>\n";
}

std::string cpu(unsigned number)
{
    return object("PU", "0x" + std::to_string(1U << number), number < 2 ? "0x1" : "0x2",
                  "os_index=\"" + std::to_string(number) + "\" gp_index=\"" + std::to_string(10 + number) + "\"");
}

std::string node(unsigned number, const std::string& cpus, const std::string& bytes)
{
    return object("NUMANode", cpus, "0x" + std::to_string(1U << number),
                  "os_index=\"" + std::to_string(number) + "\" gp_index=\"" + std::to_string(20 + number) +
                      "\" local_memory=\"" + bytes + "\"");
}

const std::string pci = R"(
<object type="Bridge" gp_index="30" bridge_type="0-1" depth="0" bridge_pci="0001:[00-02]">
 <object type="Bridge" gp_index="31" bridge_type="1-1" depth="1" bridge_pci="0001:[01-01]" pci_busid="0001:00:03.0"
 pci_type="0604 [8086:3420] [0000:0000] 00 01" pci_link_speed="4.000000">
  <object type="PCIDev" gp_index="32" pci_busid="0001:01:00.0" pci_type="0108 [144d:a80a] [0000:0000] 00 00"
  pci_link_speed="4.000000"></object>
 </object>
 <object type="PCIDev" gp_index="33" pci_busid="0001:00:1f.0" pci_type="0601 [8086:1234] [0000:0000] 00 00"
 pci_link_speed="0.000000"></object>
</object>
)";

// Two packages of two CPUs, each package a node; PCI in domain 1 hangs on the second. CPU 3 is not allowed, CPU 4
// offline.
std::string machine_xml(const std::string& version = "2.0", const std::string& io = pci)
{
    const auto first = object("Package", "0x3", "0x1", "os_index=\"0\" gp_index=\"2\"",
                              node(0, "0x3", "1073741824") + cpu(0) + cpu(1));
    const auto second = object(
        "Package", "0xc", "0x2", "os_index=\"1\" gp_index=\"3\"",
        node(1, "0xc", "0") + "<object type=\"PU\" " +
            "cpuset=\"0x4\" complete_cpuset=\"0x4\" nodeset=\"0x2\" complete_nodeset=\"0x2\" os_index=\"2\" "
            "gp_index=\"12\"/>\n" +
            "<object type=\"PU\" cpuset=\"0x8\" complete_cpuset=\"0x8\" nodeset=\"0x2\" complete_nodeset=\"0x2\" " +
            "os_index=\"3\" gp_index=\"13\"/>\n" + io);
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology "
           "version=\"" +
           version +
           "\">\n<object type=\"Machine\" os_index=\"0\" cpuset=\"0xf\" complete_cpuset=\"0x1f\" "
           "allowed_cpuset=\"0x7\" "
           "nodeset=\"0x3\" complete_nodeset=\"0x3\" allowed_nodeset=\"0x3\" gp_index=\"1\">\n"
           "<info name=\"DMIProductName\" value=\"Thing&#10;2\"/>\n" +
           first + second + "</object>\n</topology>\n";
}

std::string replaced(std::string text, const std::string& what, const std::string& by)
{
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

std::string why_not(const std::string& source)
{
    try {
        (void)read_described(source);
    } catch (const Error& error) {
        CHECK(error.code() == Code::bad_machine);
        return error.what();
    }
    return "it can be read";
}

// As read_described(), from a file with this content.
struct Export {
    explicit Export(const std::string& xml) { folder.write("machine.xml", xml); }
    std::string path() const { return (folder.path() / "machine.xml").string(); }
    Sysroot folder;
};

} // namespace

TEST_CASE("a synthetic description is a machine")
{
    const auto machine = read_described("node:8 core:64 pu:2");
    CHECK(machine.described);
    CHECK(machine.online.to_string() == "0-1023");
    CHECK(machine.cores.size() == 512);
    REQUIRE(machine.nodes.size() == 8);
    CHECK(machine.nodes[1].cpus.to_string() == "128-255");
    CHECK(machine.nodes[1].total_bytes == 1 * GiB);
    CHECK(machine.nodes[1].free_bytes == 1 * GiB);
    CHECK(machine.cores[511].node == 7);
    CHECK(machine.cores[511].cpus.to_string() == "1022-1023");
    CHECK(machine.functions.empty());
    CHECK(machine.l3.empty());

    const auto other = read_described("pack:2 [numa(memory=4GiB)] l3:2(size=8MiB) core:2 pu:1");
    CHECK(other.nodes.size() == 2);
    CHECK(other.nodes[1].total_bytes == 4 * GiB);
    REQUIRE(other.l3.size() == 4);
    CHECK(other.l3[3].cpus.to_string() == "6-7");
    CHECK(other.l3[3].bytes == 8 * MiB);
    CHECK(other.cores[7].l3 == 3);
    CHECK(other.cores[7].package == 1);
}

TEST_CASE("an hwloc export is a machine")
{
    const auto version = GENERATE("2.0", "3.0");
    const Export file{machine_xml(version)};
    const auto machine = read_described(file.path());
    CHECK(machine.online.to_string() == "0-3");
    CHECK(machine.possible.to_string() == "0-4");
    CHECK(machine.disallowed.to_string() == "3");
    CHECK(machine.boot_cpu == 0);
    CHECK_FALSE(machine.cores_known);
    CHECK(machine.cores.size() == 4);
    CHECK(machine.cores[3].package == 1);
    CHECK(machine.cores[3].node == 1);
    REQUIRE(machine.nodes.size() == 2);
    CHECK(machine.nodes[0].total_bytes == 1 * GiB);
    CHECK(machine.nodes[1].total_bytes == 0);
    CHECK(machine.nodes[1].cpus.to_string() == "2-3");
    CHECK(machine.product == "Thing?2");

    REQUIRE(machine.functions.size() == 3);
    const auto* drive = machine.function(*Bdf::parse("0001:01:00.0"));
    REQUIRE(drive);
    CHECK(drive->class_code == 0x010800);
    CHECK(drive->vendor == 0x144d);
    CHECK(drive->device == 0xa80a);
    CHECK(drive->parent == Bdf::parse("0001:00:03.0"));
    CHECK(drive->node == 1U);
    CHECK(machine.root_port(*drive)->bdf == *drive->parent);
    CHECK(machine.function(*Bdf::parse("0001:00:03.0"))->is_bridge);
    CHECK_FALSE(machine.function(*Bdf::parse("0001:00:1f.0"))->parent);
    REQUIRE(machine.bus(1, 1));
    CHECK(machine.bus(1, 1)->bridge == *drive->parent);
}

TEST_CASE("what is no description says why")
{
    CHECK_THAT(why_not(""), Catch::StartsWith("--machine: nothing is named"));
    CHECK_THAT(why_not("missing.xml"), Catch::EndsWith("there is no such file"));
    CHECK_THAT(why_not("/missing/node:1 pu:1"), Catch::EndsWith("there is no such file"));
    CHECK_THAT(why_not("node:8 cors:64 pu:2"), Catch::EndsWith("at 'cors:64 pu:2'"));
    CHECK_THAT(why_not("node:8 core:64"), Catch::Contains("cannot use non-PU type for last level"));
    CHECK_THAT(why_not("node: pu:2"), Catch::Contains("number of objects at"));
    CHECK_THAT(why_not("node:1100 pu:1"), Catch::Contains("the highest possible is 1023"));
    CHECK_THAT(why_not("node:16 core:513 pu:1"), Catch::Contains("the highest possible is 8191"));
    CHECK_THAT(why_not("pu:4000000000"), Catch::Contains("needs more memory or time"));
    CHECK(why_not("pu:2(indexes=0,4000000000)") != ""); // hwloc may leave that CPU out
}

TEST_CASE("what is no hwloc export says why")
{
    const Sysroot folder;
    const auto why = [&folder](const std::string& content) {
        folder.write("machine.xml", content);
        return why_not((folder.path() / "machine.xml").string());
    };
    CHECK_THAT(why_not(folder.path().string()), Catch::EndsWith("this is a folder"));
    REQUIRE(::mkfifo((folder.path() / "fifo").c_str(), 0600) == 0);
    CHECK_THAT(why_not((folder.path() / "fifo").string()), Catch::Contains("no regular file"));
    CHECK_THAT(why(""), Catch::EndsWith("this is no hwloc export"));
    CHECK_THAT(why("hello"), Catch::EndsWith("this is no hwloc export"));
    CHECK_THAT(why(machine_xml("4.0")), Catch::Contains("cannot import XML version 4.0"));
    CHECK_THAT(why(std::string(33 * MiB, ' ')), Catch::Contains("larger than 32MiB"));
    CHECK_THAT(why(replaced(machine_xml(), "complete_cpuset=\"0x1f\"", "complete_cpuset=\"0xf...f\"")),
               !Catch::Contains("it can be read"));
}

TEST_CASE("numbers that no machine has do not exhaust memory")
{
    const auto number = GENERATE("4000000000", "9000", "4294967294");
    const Export cpu_number{replaced(machine_xml(), "os_index=\"3\"", "os_index=\"" + std::string{number} + "\"")};
    CHECK_THAT(why_not(cpu_number.path()), Catch::Contains("it has"));
    const Export node_number{replaced(machine_xml(), "nodeset=\"0x2\" os_index=\"1\" gp_index=\"21\"",
                                      "nodeset=\"0x2\" os_index=\"" + std::string{number} + "\" gp_index=\"21\"")};
    CHECK(why_not(node_number.path()) != "");
}

TEST_CASE("a CPU that is counted and not described is not there")
{
    const Export file{
        replaced(machine_xml(), "cpuset=\"0xf\" complete_cpuset=\"0x1f\"", "cpuset=\"0x1f\" complete_cpuset=\"0x1f\"")};
    const auto machine = read_described(file.path());
    CHECK(machine.online.to_string() == "0-3");
    CHECK(machine.possible.to_string() == "0-4");

    const auto half_a_core = object("Core", "0x3", "0x1", "os_index=\"0\" gp_index=\"40\"", cpu(0));
    const auto other = read_described(Export{replaced(machine_xml(), cpu(0) + cpu(1), half_a_core)}.path());
    CHECK(other.online.to_string() == "0,2-3");
    CHECK(other.core_of(0)->cpus.to_string() == "0");
    CHECK(other.core_of(1) == nullptr);
}

TEST_CASE("a deeply nested export is no crash")
{
    std::string xml = "<topology version=\"2.0\">\n";
    for (unsigned i = 0; i < 300000; ++i)
        xml += "<object type=\"Group\">\n";
    const Export file{xml};
    CHECK(why_not(file.path()) != "it can be read");
}

TEST_CASE("a broken export is an error or a machine")
{
    const auto whole = machine_xml();
    REQUIRE(read_described(Export{whole}.path()).online.size() == 4);
    const auto try_it = [](const std::string& xml) {
        const Export file{xml};
        try {
            const auto machine = read_described(file.path());
            CpuSet seen;
            for (const auto& core : machine.cores) {
                CHECK((core.cpus & seen).empty());
                seen |= core.cpus;
                CHECK(machine.node(core.node) != nullptr);
            }
            CHECK(seen == machine.online);
        } catch (const Error& error) {
            CHECK(error.code() == Code::bad_machine);
        }
    };
    for (std::size_t at = 0; at < whole.size(); at += 1009)
        try_it(whole.substr(0, at));
    for (std::size_t at = 0; at < whole.size(); at += 521) {
        auto broken = whole;
        broken[at] = broken[at] == '1' ? '7' : '1';
        try_it(broken);
    }
}
