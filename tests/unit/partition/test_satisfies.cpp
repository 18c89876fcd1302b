// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "partition/satisfies.h"

using namespace parker;

namespace {

// Two nodes of two cores with two threads each; a drive of the same kind on each node.
Machine two_nodes()
{
    Machine m;
    for (unsigned core = 0; core < 4; ++core) {
        Machine::Core entry;
        entry.node = core / 2;
        entry.cpus = CpuSet{core * 2, core * 2 + 1};
        m.online |= entry.cpus;
        m.cores.push_back(entry);
    }
    for (unsigned i = 0; i < 2; ++i) {
        Machine::PciFunction drive;
        drive.bdf = Bdf{0, static_cast<std::uint8_t>(i + 1), 0, 0};
        drive.vendor = 0x144d;
        drive.device = 0xa80a;
        drive.node = i;
        m.functions.push_back(drive);
    }
    return m;
}

const Bdf first = *Bdf::parse("01:00.0");
const Bdf second = *Bdf::parse("02:00.0");

HeldPartition held()
{
    HeldPartition result;
    result.cpus = CpuSet{2, 3, 4, 5};
    result.memory = {{GiB, 2 * GiB, 0}, {8 * GiB, 10 * GiB, 1}};
    result.devices = {first, second};
    result.dma = HeldPartition::Dma::confined;
    return result;
}

Manifest manifest()
{
    Manifest result;
    result.cpus.count = 4;
    result.memory.size_bytes = 3 * GiB;
    result.devices.push_back({{}, first});
    result.devices.push_back({{}, Manifest::DeviceMatch{0x144d, 0xa80a, {}}});
    return result;
}

} // namespace

TEST_CASE("what is held is kept if it is what the manifest asks for, in whatever words")
{
    CHECK(satisfies(held(), manifest(), two_nodes()));
    auto other = manifest();
    other.cpus.count.reset();
    other.cpus.list = CpuSet{2, 3, 4, 5};
    other.memory.size_bytes.reset();
    other.memory.nodes_bytes = {{0, GiB}, {1, 2 * GiB}};
    other.devices = {{{}, Manifest::DeviceMatch{0x144d, 0xa80a, 1U}}, {{}, Manifest::DeviceMatch{0x144d, 0xa80a, 0U}}};
    other.dma = Manifest::Dma::required;
    CHECK(satisfies(held(), other, two_nodes()));
}

TEST_CASE("and not if anything else is asked for")
{
    auto m = manifest();
    auto h = held();
    SECTION("more CPUs")
    {
        m.cpus.count = 6;
    }
    SECTION("other CPUs")
    {
        m.cpus.count.reset();
        m.cpus.list = CpuSet{2, 3};
    }
    SECTION("CPUs of one node")
    {
        m.cpus.node = Located<unsigned>{1, {}};
    }
    SECTION("whole cores")
    {
        h.cpus = CpuSet{1, 2, 3, 4};
        auto threads = m;
        threads.cpus.sharing = Manifest::Sharing::threads;
        CHECK(satisfies(h, threads, two_nodes()));
    }
    SECTION("more memory")
    {
        m.memory.size_bytes = 3 * GiB + 1;
    }
    SECTION("memory of other nodes")
    {
        m.memory.size_bytes.reset();
        m.memory.nodes_bytes = {{0, 2 * GiB}, {1, GiB}};
    }
    SECTION("a device less")
    {
        m.devices.pop_back();
    }
    SECTION("a device more")
    {
        m.devices.push_back({{}, Manifest::DeviceMatch{0x144d, 0xa80a, {}}});
    }
    SECTION("another device")
    {
        m.devices.front().pci = Bdf{0, 9, 0, 0};
    }
    SECTION("a device that was unplugged meanwhile")
    {
        h.lost = {first};
    }
    SECTION("another kind")
    {
        m.devices.back().pci = Manifest::DeviceMatch{0x8086, 0xa80a, {}};
    }
    SECTION("a device of a node")
    {
        m.devices.back().pci = Manifest::DeviceMatch{0x144d, 0xa80a, 0U};
    }
    SECTION("confinement")
    {
        h.dma = HeldPartition::Dma::open;
        m.dma = Manifest::Dma::required;
    }
    SECTION("no confinement")
    {
        m.dma = Manifest::Dma::off;
    }
    SECTION("one that does not run")
    {
        h.state = HeldPartition::State::exited;
    }
    CHECK_FALSE(satisfies(h, m, two_nodes()));
}
