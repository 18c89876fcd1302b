// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/little_endian.h"
#include "devices/function.h"

using namespace parker;
using namespace parker::devices;

namespace {

const Identity identity{.vendor = 0x1ae0,
                        .device = 0x0042,
                        .revision = 1,
                        .class_code = 0x020000,
                        .subsystem_vendor = 0x1ae0,
                        .subsystem = 0x0058,
                        .bars = {{0, 0, 0x1000}, {1, 0x1000, 0x1000}, {2, 0x2000, 0x1000}},
                        .vectors = 5,
                        .msix_bar = 1};

// What pci_read_bases() of Linux makes of a register: it writes ones, reads, and writes back.
bool is_bar(std::span<std::byte> config, std::size_t at, std::uint32_t ones)
{
    const auto before = get<std::uint32_t>(config, at);
    put<std::uint32_t>(config, at, before | ones);
    const auto size = get<std::uint32_t>(config, at);
    put<std::uint32_t>(config, at, before);
    return size != 0 && size != 0xffffffff;
}

} // namespace

TEST_CASE("A function's configuration space is what a kernel was seen to take")
{
    const auto config = build_config(identity, 0x15ff00000);
    REQUIRE(config.size() == 4096);
    CHECK(get<std::uint32_t>(config, 0x00) == 0x00421ae0);
    CHECK(get<std::uint32_t>(config, 0x04) == 0x00100002);
    CHECK(get<std::uint32_t>(config, 0x08) == 0x02000001);
    CHECK(get<std::uint32_t>(config, 0x2c) == 0x00581ae0);
    CHECK(get<std::uint8_t>(config, 0x34) == 0x40);
    CHECK(get<std::uint32_t>(config, 0x40) == 0x00045011); // MSI-X, five vectors, then
    CHECK(get<std::uint32_t>(config, 0x44) == 0x00000001);
    CHECK(get<std::uint32_t>(config, 0x48) == 0x00000801);
    const std::uint32_t allocation[] = {0x00030014, 0x80ff0003, 0x5ff00002, 0x00000ffc, 0x00000001,
                                        0x80ff0013, 0x5ff01002, 0x00000ffc, 0x00000001, 0x80ff0023,
                                        0x5ff02002, 0x00000ffc, 0x00000001};
    for (std::size_t i = 0; i < std::size(allocation); ++i)
        CHECK(get<std::uint32_t>(config, 0x50 + 4 * i) == allocation[i]);
}

TEST_CASE("No register of a function in memory looks like a BAR, nor like a ROM")
{
    auto config = build_config(identity, 0x15ff00000);
    for (std::size_t at = 0x10; at < 0x28; at += 4)
        CHECK_FALSE(is_bar(config, at, 0xffffffff));
    CHECK_FALSE(is_bar(config, 0x30, 0xfffff800));
}

TEST_CASE("A function without vectors or BARs, or with more vectors than there is room for, is a mistake")
{
    auto bad = identity;
    bad.vectors = GENERATE(0U, 129U);
    CHECK_THROWS_AS(build_config(bad, 0), Error);
    bad.vectors = 1;
    bad.bars.clear();
    CHECK_THROWS_AS(build_config(bad, 0), Error);
}
