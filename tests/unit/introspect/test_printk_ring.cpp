// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "image.h"
#include "introspect/kernel.h"
#include "introspect/log_cursor.h"

using namespace parker::introspect;

namespace {

struct Reader {
    explicit Reader(const Image& image) : memory{image.memory()}, kernel{*Kernel::open(memory, image.note())} {}

    // What there is now: the texts, and "lost N".
    std::vector<std::string> read(bool dead = false)
    {
        std::vector<std::string> result;
        for (;;) {
            auto step = cursor.next(kernel.ring(), dead);
            broken = step.broken;
            if (step.lost > 0)
                result.push_back("lost " + std::to_string(step.lost));
            if (step.record)
                result.push_back(step.record->text);
            if (step.none())
                return result;
            REQUIRE(result.size() < 100000);
        }
    }

    PhysicalMemory memory;
    Kernel kernel;
    LogCursor cursor;
    bool broken = false;
};

using Lines = std::vector<std::string>;

std::string line(unsigned number)
{
    return "line " + std::to_string(number) + std::string(number * 37 % 60, '.');
}

} // namespace

TEST_CASE("A log is read as it was written, and followed")
{
    Image image{{.five_levels = GENERATE(false, true)}};
    Reader reader{image};
    CHECK(reader.read().empty());
    CHECK_FALSE(reader.broken);
    image.log("Linux version 6.1");
    image.log("");
    image.log("two\nlines");
    CHECK(reader.read() == Lines{"Linux version 6.1", "", "two\nlines"});
    CHECK(reader.read().empty());
    image.log("more");
    CHECK(reader.read() == Lines{"more"});
    CHECK(reader.cursor.seq() == 4);
}

TEST_CASE("A record has its time, level, facility, caller and whether it continues a line")
{
    Image image;
    Reader reader{image};
    image.log("a", {.time_nsec = 1'234'567'890, .level = 3, .facility = 23, .caller = 0x8000'0002});
    image.log("b", {.time_nsec = ~0ULL, .level = 7, .continues = true, .caller = 1});
    auto step = reader.cursor.next(reader.kernel.ring(), false);
    REQUIRE(step.record);
    CHECK(step.record->seq == 0);
    CHECK(step.record->time_nsec == 1'234'567'890);
    CHECK(step.record->level == 3);
    CHECK(step.record->facility == 23);
    CHECK(step.record->caller == 0x8000'0002);
    CHECK_FALSE(step.record->continues);
    step = reader.cursor.next(reader.kernel.ring(), false);
    REQUIRE(step.record);
    CHECK(step.record->seq == 1);
    CHECK(step.record->time_nsec == ~0ULL);
    CHECK(step.record->level == 7);
    CHECK(step.record->continues);
}

TEST_CASE("A follower who keeps up misses nothing, however often the ring wraps")
{
    // Few descriptors, or little text: either of them wraps first.
    Image image{{.tight = GENERATE(false, true), .count_bits = GENERATE(3U, 10U), .size_bits = 12}};
    Reader reader{image};
    for (unsigned i = 0; i < 3000; ++i) {
        image.log(line(i));
        REQUIRE(reader.read() == Lines{line(i)});
    }
}

TEST_CASE("A follower who does not is told how much he missed")
{
    Image image{{.tight = GENERATE(false, true), .count_bits = GENERATE(3U, 10U), .size_bits = 12}};
    Reader reader{image};
    image.log("seen");
    CHECK(reader.read() == Lines{"seen"});
    constexpr unsigned many = 1000;
    for (unsigned i = 0; i < many; ++i)
        image.log(line(i));
    auto lines = reader.read();
    REQUIRE(lines.size() > 5);
    unsigned lost = 0;
    while (lines[0].starts_with("lost ")) {
        lost += static_cast<unsigned>(std::stoul(lines[0].substr(5)));
        lines.erase(lines.begin());
    }
    CHECK(lost + lines.size() == many);
    CHECK(lost > 0);
    for (std::size_t i = 0; i < lines.size(); ++i)
        CHECK(lines[i] == line(static_cast<unsigned>(lost + i)));
}

TEST_CASE("A text that touches the end of the ring is whole, in older kernels at the beginning")
{
    const bool tight = GENERATE(false, true);
    Image image{{.tight = tight, .count_bits = 8, .size_bits = 12}};
    Reader reader{image};
    // 16 blocks of 256 bytes fill the ring; each of them says which it is.
    for (unsigned round = 0; round < 5; ++round)
        for (unsigned i = 0; i < 16; ++i) {
            const std::string text(248, static_cast<char>('a' + i));
            image.log(text);
            REQUIRE(reader.read() == Lines{text});
        }
}

TEST_CASE("What is being written is waited for while the kernel runs, and taken when it is dead")
{
    Image image;
    Reader reader{image};
    image.log("before");
    const auto reserved = image.reserve("never finished", {});
    const auto committed = image.reserve("no newline yet", {});
    image.commit(committed);
    image.log("after");
    CHECK(reader.read() == Lines{"before"});
    SECTION("it is finished")
    {
        image.finalize(reserved);
        CHECK(reader.read() == Lines{"never finished"});
        image.finalize(committed);
        CHECK(reader.read() == Lines{"no newline yet", "after"});
    }
    SECTION("it dies")
    {
        CHECK(reader.read(true) == Lines{"lost 1", "no newline yet", "after"});
    }
}

TEST_CASE("The last words of a dead kernel count, though they had no newline")
{
    Image image;
    Reader reader{image};
    image.commit(image.reserve("Kernel panic", {}));
    CHECK(reader.read().empty());
    CHECK(reader.read(true) == Lines{"Kernel panic"});
}

TEST_CASE("A record whose text is gone is counted")
{
    Image image;
    Reader reader{image};
    image.log("one");
    const auto id = image.reserve("two", {});
    image.finalize(id);
    image.log("three");
    SECTION("it found no room")
    {
        image.poke(image.desc_physical(id) + 8, 1);
        image.poke(image.desc_physical(id) + 16, 1);
        CHECK(reader.read() == Lines{"one", "lost 1", "three"});
    }
    SECTION("the block is another's")
    {
        const auto begin = image.peek(image.desc_physical(id) + 8) & 0xfff;
        const AddressSpace& space = reader.kernel.space();
        image.poke(*space.translate(image.text_virtual(begin)), 77);
        CHECK(reader.read() == Lines{"one", "lost 1", "three"});
    }
    SECTION("its ends make no sense")
    {
        const auto odd = GENERATE(5ULL, 8ULL, 24ULL, 4096ULL, 0x7fff'ffff'ffff'fff8ULL);
        image.poke(image.desc_physical(id) + 16, odd);
        CHECK(reader.read() == Lines{"one", "lost 1", "three"});
    }
    SECTION("a length longer than the block ends with it")
    {
        image.poke(image.info_physical(id) + 16, 0xffff);
        const auto lines = reader.read();
        REQUIRE(lines.size() == 3);
        CHECK(lines[1].size() == 8);
    }
}

TEST_CASE("A ring that is overwritten is called broken, and the reader goes on when it is one again")
{
    Image image;
    Reader reader{image};
    image.log("one");
    CHECK(reader.read() == Lines{"one"});
    const auto tail = Image::physical_of(Image::ring_at) + 32;
    const auto was = image.peek(tail);
    image.poke(tail, 0x1234567);
    CHECK(reader.read().empty());
    CHECK(reader.broken);
    image.poke(tail, was);
    image.log("two");
    CHECK(reader.read() == Lines{"two"});
    CHECK_FALSE(reader.broken);
}

TEST_CASE("Numbers that run away are broken or lost, and the reader ends")
{
    Image image;
    Reader reader{image};
    for (unsigned i = 0; i < 5; ++i)
        image.log("line");
    const auto seq = GENERATE(0ULL, 1ULL << 63, ~0ULL, 1ULL << 40);
    for (std::uint64_t i = 0; i < 16; ++i)
        image.poke(image.info_physical(i), seq);
    for (unsigned i = 0; i < 10; ++i)
        (void)reader.read(GENERATE(false, true));
    SUCCEED("it came back");
}
