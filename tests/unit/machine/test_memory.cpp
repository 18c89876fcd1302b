// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "machine/memory.h"

using namespace parker;

TEST_CASE("meminfo counts what is free, and the page cache")
{
    const auto node = parse_meminfo("Node 1 MemTotal:       16384 kB\nNode 1 MemFree:         4096 kB\n"
                                    "Node 1 Active(anon):    2048 kB\nNode 1 Active(file):    1024 kB\n"
                                    "Node 1 Inactive(file):  1024 kB\nNode 1 HugePages_Total:     0\n");
    CHECK(node.total_bytes == 16 * MiB);
    CHECK(node.free_bytes == 6 * MiB);

    const auto machine = parse_meminfo("MemTotal:  1024 kB\nMemFree:  512 kB\n");
    CHECK(machine.total_bytes == 1 * MiB);
    CHECK(machine.free_bytes == 512 * KiB);
}

TEST_CASE("meminfo that makes no sense counts nothing")
{
    const auto text = GENERATE(values<const char*>({"", "MemTotal:", "MemTotal: kB", "MemTotal: -1 kB", "MemTotal: 1",
                                                    "Node", "Node 0", "MemTotal: 99999999999999999999 kB",
                                                    "MemTotal: 18446744073709551615 kB", "Node 0 : kB\n\n\n"}));
    CAPTURE(text);
    CHECK(parse_meminfo(text).total_bytes == 0);
}

TEST_CASE("zoneinfo sums the zones of a node, without device memory")
{
    const auto present = parse_zoneinfo("Node 0, zone      DMA\n  pages free     3840\n        spanned  4095\n"
                                        "        present  256\n        managed  200\n"
                                        "Node 0, zone   Normal\n        present  512\n      nr_free_pages 5\n"
                                        "Node 0, zone   Device\n        present  1024\n"
                                        "Node 3, zone  Movable\n        present  0\n");
    REQUIRE(present.size() == 2);
    CHECK(present.at(0) == 768 * page_bytes);
    CHECK(present.at(3) == 0);
    CHECK(parse_zoneinfo("present 5\nNode x, zone DMA\n present 5\n").empty());
}
