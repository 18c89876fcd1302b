// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>
#include <vector>

#include "base/bytes.h"
#include "image.h"
#include "introspect/address_space.h"

using namespace parker;
using namespace parker::introspect;

namespace {

constexpr std::uint64_t top = Image::range_start[0] + 0x202000; // Image::top_table_at

AddressSpace space_of(const PhysicalMemory& memory, bool five_levels)
{
    return {memory, {.table = Image::physical_of(Image::top_table_at), .five_levels = five_levels}};
}

} // namespace

TEST_CASE("Virtual addresses are walked through four and five levels, with pages of both sizes")
{
    const bool five = GENERATE(false, true);
    const Image image{{.five_levels = five, .size_bits = 14}};
    const auto memory = image.memory();
    const auto space = space_of(memory, five);
    CHECK(Image::physical_of(Image::top_table_at) == top);
    CHECK(space.translate(image.virtual_of(0)) == Image::physical_of(0));
    CHECK(space.translate(image.virtual_of(0x1f'ffff)) == Image::physical_of(0x1f'ffff)); // 2 MiB, PAT set
    // NX is no part of the address; the next page lies before this one.
    const auto first = space.translate(image.text_virtual(0));
    REQUIRE(first);
    CHECK(space.translate(image.text_virtual(0xfff)) == *first + 0xfff);
    CHECK(space.translate(image.text_virtual(0x1000)) == *first - 0x2000);
}

TEST_CASE("What is not mapped is no address")
{
    const bool five = GENERATE(false, true);
    const Image image{{.five_levels = five}};
    const auto memory = image.memory();
    const auto space = space_of(memory, five);
    CHECK_FALSE(space.translate(image.virtual_of(0x20'0000)));
    CHECK_FALSE(space.translate(0));
    CHECK_FALSE(space.translate(0x8000'0000'0000'0000)); // not canonical
    CHECK_FALSE(space.translate(five ? 0xfeff'ffff'ffff'f000 : 0xffff'7fff'ffff'f000));
    CHECK_FALSE(space.load<std::uint64_t>(~0ULL - 3)); // around the end
}

TEST_CASE("A read across pages takes each from where it is, and is all or nothing")
{
    Image image{{.size_bits = 13}};
    const auto memory = image.memory();
    const auto space = space_of(memory, false);
    image.poke(*space.translate(image.text_virtual(0x1000)), 0x1122334455667788);
    CHECK(space.load<std::uint64_t>(image.text_virtual(0xffc)) == 0x5566778800000000);
    CHECK_FALSE(space.load<std::uint64_t>(image.text_virtual(0x1ffc))); // the next is not mapped
    std::vector<std::byte> much(AddressSpace::largest_read + 1);
    CHECK_FALSE(space.read(image.virtual_of(0), much));
}

TEST_CASE("Tables that lead out of the partition, or round in circles, end the walk")
{
    Image image;
    const auto memory = image.memory();
    const auto space = space_of(memory, false);
    const auto entry = top + 511 * 8; // of the kernel's image
    SECTION("out of it")
    {
        image.poke(entry, 0x5'0000'0003);
        CHECK_FALSE(space.translate(image.virtual_of(0)));
    }
    SECTION("to itself: after four levels it is a page")
    {
        image.poke(entry, top | 3);
        CHECK(space.translate(0xffff'ffff'ffff'f008) == top + 8);
    }
    SECTION("a large page where none can be")
    {
        image.poke(entry, top | 0x83);
        CHECK_FALSE(space.translate(image.virtual_of(0)));
    }
    SECTION("a page outside of it translates, but cannot be read")
    {
        const AddressSpace odd{memory, {.table = 0x1'0000'0000}};
        image.poke(0x1'0000'0000, 0x1'0000'1003);
        image.poke(0x1'0000'1000, 0x40'0000'0083); // 1 GiB
        CHECK(odd.translate(0x1234) == 0x40'0000'1234);
        CHECK_FALSE(odd.load<std::uint64_t>(0x1234));
    }
    SECTION("the bit that says encrypted is no part of an address")
    {
        image.poke(entry, image.peek(entry) | std::uint64_t{1} << 47);
        CHECK_FALSE(space.translate(image.virtual_of(0)));
        const AddressSpace encrypted{memory, {.table = top, .encryption_mask = std::uint64_t{1} << 47}};
        CHECK(encrypted.translate(image.virtual_of(0)) == Image::physical_of(0));
    }
}

TEST_CASE("The map of all physical memory is found as what is mapped lowest")
{
    const bool five = GENERATE(false, true);
    const Image image{{.five_levels = five}};
    const auto memory = image.memory();
    CHECK(space_of(memory, five).direct_map() == image.direct_map());
    const Image without{{.five_levels = five, .direct_map = false}};
    const auto other = without.memory();
    CHECK_FALSE(space_of(other, five).direct_map()); // scattered pages are mapped lowest
}

TEST_CASE("Tables full of empty tables end the search for that map")
{
    Image image;
    const auto memory = image.memory();
    const auto space = space_of(memory, false);
    const auto self = Image::physical_of(Image::top_table_at);
    for (std::uint64_t i = 0; i < 512; ++i) // each entry leads back to the table
        image.poke(self + i * 8, self | 1);
    CHECK_FALSE(space.direct_map());
}
