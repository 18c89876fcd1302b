// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "tables.h"

namespace {

constexpr u64 KiB = 1ull << 10, MiB = 1ull << 20, GiB = 1ull << 30, TiB = 1ull << 40;

struct Found {
    u64 entry, bytes;
};

Found walk(Tables& tables, u64 from)
{
    Found found{};
    found.entry = guard_pages_walk(&tables.pages, from, &found.bytes);
    return found;
}

u64 address(u64 entry)
{
    return entry & PAGES_ADDRESS & ~(entry & PAGES_LARGE ? 2 * MiB - 1 : 0);
}

} // namespace

TEST_CASE("a range is mapped by the largest pages that fit, and no more tables than they need")
{
    Tables tables{100};
    REQUIRE(guard_pages_map(&tables.pages, 2 * GiB - 2 * MiB - 8 * KiB, 6 * GiB - 2 * MiB - 8 * KiB,
                            GiB + 4 * MiB + 8 * KiB, PAGES_WRITE) == PAGES_DONE);
    const auto small = walk(tables, 2 * GiB - 2 * MiB - 4 * KiB);
    CHECK(small.entry == (6 * GiB - 2 * MiB - 4 * KiB | PAGES_PRESENT | PAGES_WRITE));
    CHECK(small.bytes == 4 * KiB);
    const auto large = walk(tables, 2 * GiB - MiB);
    CHECK(address(large.entry) == 6 * GiB - 2 * MiB);
    CHECK((large.entry & PAGES_LARGE) != 0);
    CHECK(large.bytes == MiB);
    const auto gigantic = walk(tables, 2 * GiB + 5);
    CHECK(address(gigantic.entry) == 6 * GiB);
    CHECK(gigantic.bytes == GiB - 5);
    CHECK(walk(tables, 3 * GiB + MiB).entry != 0);
    CHECK(walk(tables, 3 * GiB + 2 * MiB).entry == 0);
    CHECK(tables.used() == 5); // root, 1 GiB pages, 2 MiB pages twice, 4 KiB pages
}

TEST_CASE("a TiB takes three pages with pages of 1 GiB, and four MiB without")
{
    Tables gigantic{10};
    CHECK(guard_pages_map(&gigantic.pages, 0, 0, TiB, 0) == PAGES_DONE);
    CHECK(gigantic.used() == 3);
    Tables large{2000, false};
    CHECK(guard_pages_map(&large.pages, 0, 0, TiB, 0) == PAGES_DONE);
    CHECK(large.used() == 2 + 2 + 1024 - 1);
    CHECK(walk(large, 512 * GiB).bytes == 2 * MiB);
}

TEST_CASE("nothing is mapped over what is there, and then nothing is changed")
{
    Tables tables{20};
    REQUIRE(guard_pages_map(&tables.pages, 4 * MiB, 4 * MiB, 4 * KiB, 0) == PAGES_DONE);
    const auto used = tables.used();
    CHECK(guard_pages_map(&tables.pages, 4 * MiB, 8 * MiB, 4 * KiB, 0) == PAGES_TAKEN);
    CHECK(guard_pages_map(&tables.pages, 0, 0, 6 * MiB, 0) == PAGES_TAKEN);
    CHECK(guard_pages_map(&tables.pages, 0, 0, GiB, 0) == PAGES_TAKEN);
    CHECK(walk(tables, 0).entry == 0);
    CHECK(tables.used() == used);
    CHECK(guard_pages_map(&tables.pages, 0, 0, 4 * MiB, 0) == PAGES_DONE);
}

TEST_CASE("what is removed from within a large page leaves the rest of it as it was")
{
    Tables tables{20};
    REQUIRE(guard_pages_map(&tables.pages, 0, 0, 2 * GiB, PAGES_WRITE | PAGES_NO_EXEC) == PAGES_DONE);
    REQUIRE(guard_pages_unmap(&tables.pages, GiB + 6 * MiB - 4 * KiB, 2 * MiB + 4 * KiB) == PAGES_DONE);
    CHECK(walk(tables, GiB + 6 * MiB).entry == 0);
    CHECK(walk(tables, GiB + 6 * MiB - 4 * KiB).entry == 0);
    const auto below = walk(tables, GiB + 6 * MiB - 8 * KiB);
    CHECK(below.entry == (GiB + 6 * MiB - 8 * KiB | PAGES_PRESENT | PAGES_WRITE | PAGES_NO_EXEC));
    const auto above = walk(tables, GiB + 8 * MiB);
    CHECK(above.entry == (GiB + 8 * MiB | PAGES_PRESENT | PAGES_WRITE | PAGES_NO_EXEC | PAGES_LARGE));
    CHECK(walk(tables, 0).bytes == GiB);
    CHECK(tables.used() == 4);
    // And it can come back, where the table of smaller pages is now.
    CHECK(guard_pages_map(&tables.pages, GiB + 6 * MiB, GiB + 6 * MiB, 2 * MiB, PAGES_WRITE) == PAGES_DONE);
    CHECK(walk(tables, GiB + 6 * MiB).bytes == 2 * MiB);
}

TEST_CASE("without a page left for a table, nothing that was there is lost")
{
    Tables tables{2};
    REQUIRE(guard_pages_map(&tables.pages, 0, 0, GiB, 0) == PAGES_DONE);
    CHECK(guard_pages_unmap(&tables.pages, 2 * MiB, 2 * MiB) == PAGES_FULL);
    CHECK(walk(tables, 2 * MiB).entry != 0);
    CHECK(guard_pages_map(&tables.pages, GiB, GiB, 2 * MiB, 0) == PAGES_FULL);
    CHECK(walk(tables, GiB).entry == 0);
    tables.allow(3);
    CHECK(guard_pages_unmap(&tables.pages, 2 * MiB, 2 * MiB) == PAGES_DONE);
    CHECK(walk(tables, 2 * MiB).entry == 0);
    CHECK(walk(tables, 0).entry != 0);
}

TEST_CASE("only whole pages below the end of what four levels reach")
{
    Tables tables{20};
    auto* pages = &tables.pages;
    CHECK(guard_pages_map(pages, 1, 0, 4 * KiB, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, 0, 1, 4 * KiB, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, 0, 0, 0, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, 0, 0, 4 * KiB - 1, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, PAGES_END, 0, 4 * KiB, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, 4 * KiB, 0, ~0ull & ~0xfffull, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, 0, PAGES_NO_EXEC, 4 * KiB, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, 0, PAGES_ADDRESS, 8 * KiB, 0) == PAGES_BAD);
    CHECK(guard_pages_map(pages, PAGES_END - 4 * KiB, 0, 4 * KiB, 0) == PAGES_DONE);
    CHECK(guard_pages_unmap(pages, PAGES_END - 4 * KiB, 8 * KiB) == PAGES_BAD);
    CHECK(guard_pages_unmap(pages, 5, 4 * KiB) == PAGES_BAD);
    CHECK(guard_pages_unmap(pages, 0, PAGES_END) == PAGES_DONE);
    CHECK(walk(tables, PAGES_END - 1).entry == 0);
}
