// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "introspect/memory.h"

using namespace parker::introspect;

namespace {

const std::vector<std::byte> ones(16, std::byte{1});
const std::vector<std::byte> twos(16, std::byte{2});
const std::vector<std::byte> threes(16, std::byte{3});

// 16 to 31 and 32 to 47 touch; 64 to 79 stands apart.
const PhysicalMemory memory{{{64, threes}, {16, ones}, {32, twos}}};

} // namespace

TEST_CASE("Memory is read where there is some, and nowhere else")
{
    struct Row {
        const char* name;
        std::uint64_t address;
        std::size_t bytes;
        bool there;
    };
    const auto row =
        GENERATE(Row{"all of a piece", 16, 16, true}, Row{"its last byte", 31, 1, true},
                 Row{"across two that touch", 30, 4, true}, Row{"all of two", 16, 32, true},
                 Row{"nothing of it", 8, 0, true}, Row{"before the first", 15, 1, false},
                 Row{"into the first", 15, 4, false}, Row{"out of the second", 46, 4, false},
                 Row{"across a gap", 47, 18, false}, Row{"between", 50, 1, false}, Row{"after the last", 80, 1, false},
                 Row{"out of the last", 79, 2, false}, Row{"around the end of all addresses", ~0ULL, 32, false});
    INFO(row.name);
    std::vector<std::byte> into(row.bytes, std::byte{9});
    CHECK(memory.read(row.address, into) == row.there);
    for (std::size_t i = 0; i < row.bytes; ++i) {
        const auto piece = (row.address + i) / 16; // 1, 2, 4
        const auto expected = piece == 4 ? 3 : static_cast<int>(piece);
        CHECK(std::to_integer<int>(into[i]) == (row.there ? expected : 9));
    }
}

TEST_CASE("A value is loaded across two pieces, little endian")
{
    CHECK(memory.load<std::uint32_t>(30) == 0x02020101);
    CHECK_FALSE(memory.load<std::uint32_t>(45));
}

TEST_CASE("Memory without pieces has nothing")
{
    const PhysicalMemory none{{{16, {}}}};
    std::array<std::byte, 1> into{};
    CHECK_FALSE(none.read(16, into));
    CHECK(none.pieces().empty());
}
