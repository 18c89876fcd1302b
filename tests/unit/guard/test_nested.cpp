// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "tables.h"

extern "C" {
#include <guard/nested.h>
}

namespace {

constexpr u64 scratch = 0x1234'5000, zeros = 0x2345'6000, ones = 0x3456'7000;

u64 at(Tables& tables, u64 address)
{
    u64 bytes = 0;
    return guard_pages_walk(&tables.pages, address, &bytes);
}

constexpr u64 own(u64 page)
{
    return page | PAGES_PRESENT | PAGES_WRITE | PAGES_USER;
}

constexpr u64 look(u64 page)
{
    return page | PAGES_PRESENT | PAGES_USER;
}

} // namespace

TEST_CASE("below 1 MiB there is the partition's own, scratch, and zeros")
{
    Tables tables{10};
    REQUIRE(guard_nested_low(&tables.pages, 0x23000, 0x9000, scratch, zeros) == PAGES_DONE);
    for (u64 page = 0; page < NESTED_MIB; page += GUARD_PAGE) {
        const u64 expected = page >= NESTED_ROM                           ? look(zeros)
                             : page >= 0x23000 && page < 0x23000 + 0x9000 ? own(page)
                                                                          : own(scratch);
        if (at(tables, page) != expected)
            FAIL("page " << std::hex << page << " is " << at(tables, page));
    }
    CHECK(at(tables, NESTED_MIB) == 0);
}

TEST_CASE("what would not be below the frame buffer is refused")
{
    Tables tables{10};
    CHECK(guard_nested_low(&tables.pages, 0x9f000, 0x2000, scratch, zeros) == PAGES_BAD);
    CHECK(guard_nested_low(&tables.pages, 0xb0000, 0x1000, scratch, zeros) == PAGES_BAD);
    CHECK(guard_nested_low(&tables.pages, 0x1000, ~0ull - 0xfff, scratch, zeros) == PAGES_BAD);
    CHECK(at(tables, 0) == 0);
}

TEST_CASE("of a bus, its own functions are there, and all others are empty slots")
{
    Tables tables{10};
    u8 mine[32]{};
    mine[0] = 0x01;  // 00.0
    mine[1] = 0x82;  // 01.1, 01.7
    mine[31] = 0x80; // 1f.7
    constexpr u64 ecam = 0xb010'0000;
    REQUIRE(guard_nested_bus(&tables.pages, ecam, mine, ones) == PAGES_DONE);
    for (u64 devfn = 0; devfn < NESTED_BUS_DEVFNS; devfn++) {
        const bool is_own = devfn == 0 || devfn == 9 || devfn == 15 || devfn == 255;
        const u64 page = ecam + devfn * GUARD_PAGE;
        if (at(tables, page) != (is_own ? own(page) : look(ones)))
            FAIL("function " << devfn);
    }
    CHECK(at(tables, ecam - GUARD_PAGE) == 0);
    CHECK(at(tables, ecam + NESTED_BUS_BYTES) == 0);
    // Once: two partitions' halves of one bus are two sets of tables.
    CHECK(guard_nested_bus(&tables.pages, ecam, mine, ones) == PAGES_TAKEN);
}
