// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <random>

#include "machine/config_space.h"

using namespace parker;

namespace {

std::string function(std::size_t bytes)
{
    std::string config(bytes, '\0');
    config[0] = '\x86';
    config[1] = '\x80';
    return config;
}

void put16(std::string& config, std::size_t at, unsigned value)
{
    config[at] = static_cast<char>(value & 0xff);
    config[at + 1] = static_cast<char>(value >> 8);
}

std::string bridge_bytes(unsigned secondary)
{
    auto config = function(64);
    config[0x0e] = 1;
    config[0x19] = static_cast<char>(secondary);
    return config;
}

} // namespace

TEST_CASE("a bridge's windows are read as the bridge specification has them")
{
    struct Row {
        const char* name;
        unsigned memory_base, memory_limit, prefetchable_base, prefetchable_limit, upper_base, upper_limit;
        Machine::Window memory, prefetchable;
    };
    const auto row = GENERATE(values<Row>({
        {"one MiB", 0xfe40, 0xfe40, 0xfff1, 0x0001, 0, 0, {0xfe400000, 0x100000}, {0, 0}},
        {"several MiB", 0xc600, 0xc9f0, 0xfff1, 0x0001, 0, 0, {0xc6000000, 0x4000000}, {0, 0}},
        {"closed", 0xfff0, 0x0000, 0xfff0, 0x0000, 0, 0, {0, 0}, {0, 0}},
        {"never set up", 0, 0, 0, 0, 0, 0, {0, 0}, {0, 0}},
        {"prefetchable of 32 bits", 0xfff0, 0, 0x9000, 0x90f0, 1, 1, {0, 0}, {0x90000000, 0x1000000}},
        {"prefetchable of 64 bits", 0xfff0, 0, 0x0001, 0xfff1, 0x3bc, 0x3bd, {0, 0}, {0x3bc00000000, 0x200000000}},
        {"prefetchable, closed by its upper half", 0xfff0, 0, 0x0001, 0xfff1, 2, 1, {0, 0}, {0, 0}},
    }));
    CAPTURE(row.name);
    auto config = bridge_bytes(2);
    put16(config, 0x20, row.memory_base);
    put16(config, 0x22, row.memory_limit);
    put16(config, 0x24, row.prefetchable_base);
    put16(config, 0x26, row.prefetchable_limit);
    put16(config, 0x28, row.upper_base);
    put16(config, 0x2c, row.upper_limit);
    const auto space = parse_config_space(config);
    REQUIRE(space);
    REQUIRE(space->bridge);
    CHECK(space->bridge->secondary_bus == 2);
    CHECK(space->bridge->memory.start == row.memory.start);
    CHECK(space->bridge->memory.bytes == row.memory.bytes);
    CHECK(space->bridge->prefetchable.start == row.prefetchable.start);
    CHECK(space->bridge->prefetchable.bytes == row.prefetchable.bytes);
}

TEST_CASE("what is no bridge with a bus has no windows")
{
    CHECK_FALSE(parse_config_space(function(64))->bridge);
    CHECK_FALSE(parse_config_space(bridge_bytes(0))->bridge);
    auto multifunction = function(64);
    multifunction[0x0e] = '\x80';
    CHECK(parse_config_space(multifunction)->header_type == 0);
}

TEST_CASE("functions that do not answer, and short reads, are nothing")
{
    CHECK_FALSE(parse_config_space(""));
    CHECK_FALSE(parse_config_space(std::string(63, '\1')));
    CHECK_FALSE(parse_config_space(std::string(256, '\xff')));
}

TEST_CASE("MSI and MSI-X are found in the list of capabilities")
{
    auto config = function(256);
    config[0x06] = 0x10;
    config[0x34] = 0x40;
    config[0x40] = 0x01; // power management
    config[0x41] = 0x50;
    config[0x50] = 0x10; // PCI Express
    config[0x51] = 0x00;
    CHECK_FALSE(parse_config_space(config)->has_msi);

    SECTION("MSI")
    {
        config[0x50] = 0x05;
        CHECK(parse_config_space(config)->has_msi);
    }
    SECTION("MSI-X")
    {
        config[0x50] = 0x11;
        CHECK(parse_config_space(config)->has_msi);
    }
    SECTION("only if the function says that it has a list")
    {
        config[0x50] = 0x11;
        config[0x06] = 0;
        CHECK_FALSE(parse_config_space(config)->has_msi);
    }
    SECTION("a loop ends")
    {
        config[0x51] = 0x40;
        CHECK_FALSE(parse_config_space(config)->has_msi);
    }
    SECTION("a list that leads out of the bytes ends")
    {
        config[0x51] = '\xff';
        CHECK_FALSE(parse_config_space(config)->has_msi);
    }
    SECTION("others than root see that there is a list, and no more")
    {
        CHECK(parse_config_space(config.substr(0, 64))->capabilities_hidden);
        CHECK(parse_config_space(config.substr(0, 64))->lists_capabilities);
        CHECK_FALSE(parse_config_space(config)->capabilities_hidden);
    }
}

TEST_CASE("no bytes at all upset the reader of configuration space")
{
    std::mt19937 random{1};
    for (int round = 0; round < 20000; ++round) {
        std::string config(std::uniform_int_distribution<std::size_t>{0, 300}(random), '\0');
        for (auto& byte : config)
            byte = static_cast<char>(random());
        const auto space = parse_config_space(config);
        if (space && space->bridge)
            REQUIRE(space->bridge->memory.start <= 0xfff00000);
    }
}
