// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <vector>

extern "C" {
#include <guard/icr.h>
}

namespace {

constexpr std::uint64_t to(std::uint32_t id, std::uint32_t low)
{
    return std::uint64_t{id} << 32 | low;
}

// Who of CPUs 2, 3 and 300 gets what CPU 3 sends.
std::vector<u32> hit(std::uint64_t value)
{
    const auto icr = guard_icr_decode(value);
    std::vector<u32> ids;
    for (const u32 id : {2u, 3u, 300u})
        if (guard_icr_hits(&icr, 3, id))
            ids.push_back(id);
    return ids;
}

} // namespace

TEST_CASE("each order to another CPU is told apart")
{
    struct Row {
        const char* name;
        std::uint32_t low;
        guard_icr_order order;
    };
    const auto row =
        GENERATE(Row{"fixed", 0x000000fd, ICR_INTERRUPT}, Row{"fixed, level", 0x0000c0fd, ICR_INTERRUPT},
                 Row{"the lowest vector", 0x10, ICR_INTERRUPT}, Row{"a vector of the processor's", 0x0f, ICR_NOTHING},
                 Row{"lowest priority", 0x1fd, ICR_FORBIDDEN}, Row{"SMI", 0x4200, ICR_FORBIDDEN},
                 Row{"reserved", 0x4300, ICR_FORBIDDEN}, Row{"NMI", 0x4400, ICR_NMI},
                 Row{"INIT, edge", 0x4500, ICR_INIT}, Row{"INIT, level, assert", 0xc500, ICR_INIT},
                 Row{"INIT, level, de-assert", 0x8500, ICR_NOTHING}, Row{"start-up", 0x4608, ICR_STARTUP},
                 Row{"ExtINT", 0x4700, ICR_FORBIDDEN}, Row{"fixed, logical", 0x8fd, ICR_FORBIDDEN},
                 Row{"NMI, logical", 0x4c00, ICR_FORBIDDEN}, Row{"INIT, de-assert, logical", 0x8d00, ICR_FORBIDDEN});
    INFO(row.name);
    const auto icr = guard_icr_decode(to(2, row.low));
    CHECK(icr.order == row.order);
    CHECK(icr.vector == (row.low & 0xff));
}

TEST_CASE("shorthands reach who they say, and nobody by name")
{
    CHECK(hit(to(2, 0xfd)) == std::vector<u32>{2});
    CHECK(hit(to(300, 0xfd)) == std::vector<u32>{300});
    CHECK(hit(to(1, 0xfd)).empty());
    CHECK(hit(to(ICR_ALL, 0xfd)) == std::vector<u32>{2, 3, 300});
    CHECK(hit(to(0, 0x400fd)) == std::vector<u32>{3});
    CHECK(hit(to(0, 0x800fd)) == std::vector<u32>{2, 3, 300});
    CHECK(hit(to(0, 0xc00fd)) == std::vector<u32>{2, 300});
    const auto all = guard_icr_decode(to(2, 0xc00fd));
    CHECK_FALSE(guard_icr_names(&all, 2));
    const auto one = guard_icr_decode(to(2, 0xfd));
    CHECK(guard_icr_names(&one, 2));
    CHECK_FALSE(guard_icr_names(&one, 3));
}

TEST_CASE("only ordinary interrupts go to oneself or to all, as on a machine")
{
    for (const std::uint32_t shorthand : {0x40000u, 0x80000u}) {
        CHECK(guard_icr_decode(shorthand | 0xfd).order == ICR_INTERRUPT);
        CHECK(guard_icr_decode(shorthand | 0x4400).order == ICR_NOTHING);
        CHECK(guard_icr_decode(shorthand | 0x4500).order == ICR_NOTHING);
        CHECK(guard_icr_decode(shorthand | 0x4608).order == ICR_NOTHING);
        CHECK(guard_icr_decode(shorthand | 0x4200).order == ICR_FORBIDDEN);
    }
    CHECK(guard_icr_decode(0xc4400).order == ICR_NMI);
    CHECK(guard_icr_decode(0xc4500).order == ICR_INIT);
    CHECK(guard_icr_decode(0xc4608).order == ICR_STARTUP);
    CHECK(guard_icr_decode(0xc48fd).order == ICR_INTERRUPT); // a shorthand has no destination to be logical
}

TEST_CASE("the two registers of xAPIC mode say the same")
{
    CHECK(guard_icr_from_xapic(0x03000000, 0x4500) == to(3, 0x4500));
    CHECK(guard_icr_from_xapic(0xff000000, 0xfd) == to(ICR_ALL, 0xfd));
    CHECK(guard_icr_from_xapic(0x00ffffff, 0xfd) == to(0, 0xfd));
}
