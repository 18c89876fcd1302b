// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "control/pieces.h"

#include "base/error.h"

using namespace parker;

namespace {

// A node with free holes of these sizes, which gives the first that is large enough.
struct Node {
    std::vector<std::uint64_t> holes;
    std::vector<std::uint64_t> asked;
    std::vector<std::uint64_t> given;
    std::uint64_t next = GiB;

    std::vector<MemoryRange> take(std::uint64_t bytes)
    {
        const auto take = [this](std::uint64_t piece) -> std::optional<MemoryRange> {
            asked.push_back(piece);
            for (auto& hole : holes)
                if (hole >= piece) {
                    hole -= piece;
                    next += 4 * GiB;
                    return MemoryRange{next, next + piece, 0};
                }
            return std::nullopt;
        };
        return take_in_pieces("db", 0, bytes, take,
                              [this](const MemoryRange& range) { given.push_back(range.bytes()); });
    }
};

} // namespace

TEST_CASE("memory comes in one range if it can")
{
    Node node{{2 * GiB}, {}, {}};
    CHECK(node.take(GiB).size() == 1);
    CHECK(node.asked == std::vector{GiB});
}

TEST_CASE("a fragmented node gives it in few ranges")
{
    Node node{{300 * MiB, 300 * MiB, 600 * MiB}, {}, {}};
    const auto ranges = node.take(GiB);
    std::uint64_t sum = 0;
    for (const auto& range : ranges)
        sum += range.bytes();
    CHECK(sum == GiB);
    CHECK(ranges.size() == 3); // 512MiB, and 256MiB twice
    CHECK(node.given.empty());
}

TEST_CASE("what does not come to the whole goes back, last first, with the numbers")
{
    Node node{{512 * MiB, 300 * MiB}, {}, {}};
    try {
        node.take(GiB);
        FAIL();
    } catch (const Error& error) {
        CHECK(error.code() == Code::memory_busy);
        CHECK(error.reason() == "node 0 gave 800MiB of 1GiB, and no further 32MiB in one piece");
    }
    CHECK(node.given == std::vector{32 * MiB, 256 * MiB, 512 * MiB});
    CHECK(node.asked.back() == 32 * MiB);
}

TEST_CASE("a small amount is asked for as it is")
{
    Node node{{16 * MiB}, {}, {}};
    CHECK(node.take(16 * MiB).size() == 1);
    CHECK_THROWS_AS(node.take(16 * MiB), Error);
    CHECK(node.asked == std::vector{16 * MiB, 16 * MiB});
}

TEST_CASE("an amount that no range could have is refused")
{
    Node node{{GiB}, {}, {}};
    CHECK_THROWS_AS(node.take(0), Error);
    CHECK_THROWS_AS(node.take(3 * MiB), Error);
}
