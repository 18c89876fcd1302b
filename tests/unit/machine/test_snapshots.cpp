// SPDX-License-Identifier: LGPL-2.1-or-later
// Real machines, as the hwloc project collected them. The folder with them is the environment's PARKER_MACHINES;
// without it what is left is what lstopo makes up, and the test says so.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string_view>

#include "machine/described.h"
#include "machine/read.h"
#include "sysroot.h"

using namespace parker;

namespace {

std::filesystem::path machines()
{
    const auto* folder = std::getenv("PARKER_MACHINES");
    return folder != nullptr ? folder : "";
}

bool run(const std::string& command)
{
    return std::system(command.c_str()) == 0;
}

// Without what nobody here reads, which is most of the files.
void unpack(const std::string& file, const std::filesystem::path& into)
{
    REQUIRE(run("tar -xjf '" + (machines() / file).string() + ".tar.bz2' -C '" + into.string() +
                "' --exclude='*/cpuid' --exclude='*/memory[0-9]*' --exclude='*/cpufreq' --exclude='*/cpuidle'" +
                " --exclude='*/hugepages' --exclude='*/power' --exclude='*/devices/virtual' --exclude='*/run'" +
                " --exclude='*/thermal_throttle' --exclude='*/LNXSYSTM:00' --exclude='*/block'"));
}

unsigned count(const std::string& command, const std::string& pattern)
{
    auto* pipe = ::popen((command + " | grep -c '" + pattern + "'").c_str(), "r");
    REQUIRE(pipe != nullptr);
    unsigned lines = 0;
    REQUIRE(std::fscanf(pipe, "%u", &lines) == 1);
    ::pclose(pipe);
    return lines;
}

std::size_t packages_of(const Machine& machine)
{
    std::set<unsigned> packages;
    for (const auto& core : machine.cores)
        packages.insert(core.package);
    return packages.size();
}

// `before` and `options` of lstopo lead it to the same machine.
void compare(const Machine& machine, const std::string& before, const std::string& options)
{
    if (!run("command -v lstopo-no-graphics > /dev/null")) {
        WARN("skipped: no lstopo to compare with (package hwloc-nox)");
        return;
    }
    const auto command = before + " lstopo-no-graphics " + options + " --whole-io --disallowed --of xml 2>/dev/null";
    CHECK(count(command, "<object type=\"PU\"") == machine.online.size());
    CHECK(count(command, "<object type=\"Core\"") == (machine.cores_known ? machine.cores.size() : 0));
    CHECK(std::max(count(command, "<object type=\"Package\""), 1U) == packages_of(machine));
    CHECK(count(command, "<object type=\"L3Cache\"") == machine.l3.size());
    CHECK(count(command, "<object type=\"NUMANode\"") == machine.nodes.size());
    // hwloc leaves out bridges that have not been given a bus.
    const auto idle_bridges =
        std::ranges::count_if(machine.functions, [&machine](const Machine::PciFunction& function) {
            return function.is_bridge &&
                   std::ranges::find(machine.buses, function.bdf, &Machine::PciBus::bridge) == machine.buses.end();
        });
    CHECK(count(command, " pci_busid=") + static_cast<unsigned>(idle_bridges) == machine.functions.size());
}

struct Snapshot {
    const char* file;
    const char* root; // in the archive
    unsigned cpus, offline, packages, cores, nodes, functions, buses;
    const char* last_core;
};

} // namespace

TEST_CASE("real machines are read as lstopo reads them", "[collected]")
{
    const auto row = GENERATE(values<Snapshot>({
        {"16em64t-4s2c2t-offlines", "16em64t-4s2c2t-offlines", 12, 4, 4, 7, 1, 0, 0, "10"},
        {"20em64t-hybrid-1p6c2t+2ca4co1t", "20em64t-hybrid-1p6c2t+2ca4co1t", 20, 0, 1, 14, 1, 0, 0, "19"},
        {"32em64t-2n8c+dax+nvme+mic+dimms", "32em64t-2n8c+1mic", 16, 0, 2, 16, 2, 137, 8, "15"},
        {"40intel64-2g2n4c+pcilocality", "40intel64-2g2n4c+pci", 40, 0, 4, 40, 4, 37, 14, "39"},
        {"64amd64-4p2n4ca2co", "64amd64-4p2n4ca2co/fsroot", 64, 0, 4, 64, 8, 0, 0, "63"},
    }));
    CAPTURE(row.file);
    const test::TemporaryFolder folder;
    unpack(row.file, folder.path());
    const auto root = folder.path() / row.root;
    const auto machine = read_machine({root, {}});

    CpuSet in_cores;
    unsigned threads = 0;
    for (const auto& core : machine.cores) {
        in_cores |= core.cpus;
        threads += core.cpus.size();
        CHECK(machine.node(core.node) != nullptr);
    }
    CHECK(in_cores == machine.online);
    CHECK(threads == machine.online.size()); // none in two cores
    CHECK(machine.online.size() == row.cpus);
    CHECK((machine.possible - machine.online).size() == row.offline);
    CHECK(packages_of(machine) == row.packages);
    CHECK(machine.cores.size() == row.cores);
    CHECK(machine.cores.back().cpus.to_string() == row.last_core);
    CHECK(machine.nodes.size() == row.nodes);
    CHECK(machine.functions.size() == row.functions);
    CHECK(machine.buses.size() == row.buses);
    CHECK(machine.problems.empty());
    for (const auto& node : machine.nodes)
        CHECK(node.total_bytes > 0);

    compare(machine, "HWLOC_FSROOT='" + root.string() + "'", "");
}

TEST_CASE("exports of real machines are read as lstopo reads them", "[collected]")
{
    struct Row {
        const char* file;
        unsigned cpus, packages, cores, caches, nodes, functions;
    };
    const auto row = GENERATE(values<Row>({
        {"96em64t-4n4d3ca2co-pci.xml", 96, 16, 96, 16, 4, 26},
        {"nvidiaDGX2.xml", 4, 2, 4, 2, 2, 84},
    }));
    CAPTURE(row.file);
    const auto machine = read_described((machines() / row.file).string());
    CHECK(machine.online.size() == row.cpus);
    CHECK(packages_of(machine) == row.packages);
    CHECK(machine.cores.size() == row.cores);
    CHECK(machine.l3.size() == row.caches);
    CHECK(machine.nodes.size() == row.nodes);
    CHECK(machine.functions.size() == row.functions);
    for (const auto& node : machine.nodes)
        CHECK(node.distances.size() == row.nodes);
    for (const auto& function : machine.functions)
        CHECK((function.node || std::string_view{row.file}.starts_with("96")));

    // lstopo of hwloc 2 refuses hwloc 3's exports; what it reads of them is the same.
    const test::Sysroot folder;
    std::ostringstream xml;
    xml << std::ifstream{machines() / row.file}.rdbuf();
    auto text = xml.str();
    constexpr std::string_view version = "<topology version=\"";
    text[text.find(version) + version.size()] = '2';
    folder.write("machine.xml", text);
    compare(machine, "", "--if xml -i '" + (folder.path() / "machine.xml").string() + "'");
}

TEST_CASE("exports of every age and synthetic machines are read as lstopo reads them")
{
    const auto* description = GENERATE(
        "pack:2 core:4 pu:2", "node:8 core:64 pu:2", "pack:4 die:2 numa:1 l3:2 core:2 pu:8",
        "pack:2 [numa(memory=64GB)] [numa(memory=4GB)] core:8 pu:4", "group:3 numa:2 pu:5", "pu:7", "core:1500 pu:1");
    const auto* age = GENERATE("", "--export-xml-flags 1");
    CAPTURE(description, age);
    compare(read_described(description), "", "-i '" + std::string{description} + "'");
    const test::TemporaryFolder folder;
    const auto file = (folder.path() / "machine.xml").string();
    REQUIRE(run("lstopo-no-graphics -i '" + std::string{description} + "' --of xml " + age + " " + file));
    compare(read_described(file), "", "-i '" + file + "'");
}

TEST_CASE("PCI functions of a real machine have their parents, windows and drivers", "[collected]")
{
    const test::TemporaryFolder folder;
    unpack("32em64t-2n8c+dax+nvme+mic+dimms", folder.path());
    const auto machine = read_machine({folder.path() / "32em64t-2n8c+1mic", {}});
    const auto* adapter = machine.function(*Bdf::parse("0000:82:00.0"));
    REQUIRE(adapter);
    CHECK(adapter->driver == "mlx4_core");
    CHECK(adapter->node == 1U);
    CHECK(adapter->parent == Bdf::parse("0000:80:02.2"));
    CHECK(adapter->has_msi);
    const auto* bus = machine.bus(0, 0x83);
    REQUIRE(bus);
    CHECK(bus->prefetchable.start == 0x3bc00000000);
    CHECK(bus->prefetchable.bytes == 8 * GiB);
    CHECK(bus->memory.start == 0xec000000);
    CHECK(bus->memory.bytes == 1 * MiB);
    CHECK(machine.vendor == "Dell");
}

int main(int argc, char** argv)
{
    Catch::Session session;
    if (const auto status = session.applyCommandLine(argc, argv); status != 0)
        return status;
    if (!std::filesystem::is_directory(machines())) {
        std::cout << "left out: collected machines, as there is no folder of them: " << machines() << '\n';
        session.configData().testsOrTags.emplace_back("~[collected]");
    }
    return session.run();
}
