// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <random>

#include "machine/ecam.h"

using namespace parker;

namespace {

void put(std::string& table, std::uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; ++i)
        table += static_cast<char>(value >> (8 * i));
}

std::string mcfg(const std::vector<Machine::Ecam>& areas)
{
    std::string table = "MCFG";
    put(table, 44 + 16 * areas.size(), 4);
    table += std::string(36, '\0');
    for (const auto& area : areas) {
        put(table, area.start, 8);
        put(table, area.domain, 2);
        put(table, area.first_bus, 1);
        put(table, area.last_bus, 1);
        put(table, 0, 4);
    }
    unsigned sum = 0;
    for (const auto byte : table)
        sum += static_cast<unsigned char>(byte);
    table[9] = static_cast<char>(-sum);
    return table;
}

} // namespace

TEST_CASE("ECAM is found in /proc/iomem")
{
    struct Row {
        const char* name;
        const char* text;
        std::vector<Machine::Ecam> expected;
    };
    const auto row = GENERATE(values<Row>({
        {"6.1", "b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n", {{0, 0, 0xff, 0xb0000000}}},
        {"6.12", "e0000000-efffffff : PCI ECAM 0000 [bus 00-ff]\n", {{0, 0, 0xff, 0xe0000000}}},
        {"below Reserved",
         "80000000-8fffffff : Reserved\n  80000000-8fffffff : PCI MMCONFIG 0000 [bus 00-ff]\n",
         {{0, 0, 0xff, 0x80000000}}},
        {"two domains, above 4 GiB",
         "100000000-107ffffff : PCI MMCONFIG 0000 [bus 00-7f]\n110000000-117ffffff : PCI MMCONFIG 0001 [bus 80-ff]\n",
         {{0, 0, 0x7f, 0x100000000}, {1, 0x80, 0xff, 0x110000000}}},
        {"none", "00001000-0009ffff : System RAM\n", {}},
        {"buses the wrong way round", "b0000000-bfffffff : PCI MMCONFIG 0000 [bus ff-00]\n", {}},
        {"no bus", "b0000000-bfffffff : PCI MMCONFIG 0000\n", {}},
        {"not on a MiB", "b0001000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n", {}},
        {"bus too large", "b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-1ff]\n", {}},
    }));
    CAPTURE(row.name);
    const auto areas = parse_iomem_ecam(row.text);
    REQUIRE(areas);
    REQUIRE(areas->size() == row.expected.size());
    for (std::size_t i = 0; i < areas->size(); ++i) {
        CHECK((*areas)[i].domain == row.expected[i].domain);
        CHECK((*areas)[i].first_bus == row.expected[i].first_bus);
        CHECK((*areas)[i].last_bus == row.expected[i].last_bus);
        CHECK((*areas)[i].start == row.expected[i].start);
    }
}

TEST_CASE("/proc/iomem without addresses says nothing")
{
    CHECK_FALSE(parse_iomem_ecam("00000000-00000000 : PCI MMCONFIG 0000 [bus 00-ff]\n"));
    CHECK_FALSE(parse_iomem_ecam(""));
}

TEST_CASE("MCFG gives the address of bus 0, an area that of its first bus")
{
    const auto areas = parse_mcfg(mcfg({{0, 0, 0xff, 0xb0000000}, {1, 0x80, 0xff, 0x4000000000}}));
    REQUIRE(areas);
    REQUIRE(areas->size() == 2);
    CHECK((*areas)[0].start == 0xb0000000);
    CHECK((*areas)[1].domain == 1);
    CHECK((*areas)[1].start == 0x4000000000 + 0x80 * MiB);

    Machine machine;
    machine.ecam = *areas;
    CHECK(machine.ecam_of(0, 2) == 0xb0200000);
    CHECK(machine.ecam_of(1, 0x81) == 0x4000000000 + 0x81 * MiB);
    CHECK_FALSE(machine.ecam_of(1, 0x7f));
    CHECK_FALSE(machine.ecam_of(2, 0));
}

TEST_CASE("a broken MCFG is refused as a whole")
{
    const auto good = mcfg({{0, 0, 0xff, 0xb0000000}});
    REQUIRE(parse_mcfg(good));
    CHECK_FALSE(parse_mcfg(""));
    for (std::size_t length = 0; length < good.size(); ++length)
        CHECK_FALSE(parse_mcfg(good.substr(0, length)));
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto broken = good;
        broken[at] = static_cast<char>(broken[at] ^ 0x10);
        CAPTURE(at);
        CHECK_FALSE(parse_mcfg(broken));
    }
    CHECK_FALSE(parse_mcfg(good + '\0'));
    CHECK(parse_mcfg(mcfg({{0, 0xff, 0, 0xb0000000}, {0, 0, 0xff, 0}, {0, 0, 0xff, 0xb0000001}}))->empty());
}

TEST_CASE("no text at all upsets the reader of /proc/iomem")
{
    std::mt19937 random{2};
    const std::string letters = "0123456789abcdef-: \n[]PCI MMCONFIG bus";
    for (int round = 0; round < 5000; ++round) {
        std::string text = "b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n";
        for (int change = 0; change < 4; ++change)
            text[random() % text.size()] = letters[random() % letters.size()];
        if (const auto areas = parse_iomem_ecam(text))
            for (const auto& area : *areas)
                REQUIRE((area.start % MiB == 0 && area.first_bus <= area.last_bus));
    }
}
