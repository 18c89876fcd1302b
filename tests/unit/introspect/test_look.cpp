// SPDX-License-Identifier: LGPL-2.1-or-later
// What a look may cost, and memory that is made so that it would never end. Counted in steps: a limit that is not kept
// shows on any machine.
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "image.h"
#include "introspect/early.h"
#include "introspect/elf_core.h"
#include "introspect/kernel.h"
#include "introspect/log_cursor.h"
#include "introspect/note.h"
#include "introspect/panic.h"
#include "introspect/symbols.h"
#include "introspect/vitals.h"
#include "maze.h"

using namespace parker;
using namespace parker::introspect;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t start = 0x1'0000'0000;
constexpr Look::Limits small{200'000, 64 * MiB, 60s};

struct Hostile {
    Hostile(Maze maze, const Look::Limits& limits) : look{std::make_shared<Look>(limits)}
    {
        lay_out(maze, bytes, start);
    }

    // All that is tried, as by whoever looks for a kernel.
    unsigned search()
    {
        unsigned tried = 0;
        NoteSearch notes{memory};
        while (!notes.done() && !look->over())
            if (const auto note = notes.next(1000)) {
                ++tried;
                CHECK_FALSE(Kernel::open(memory, *note));
            }
        TableSearch tables{memory};
        while (!tables.done() && !look->over())
            if (const auto table = tables.next(1000)) {
                ++tried;
                CHECK_FALSE(Kernel::open_early(memory, *table));
            }
        return tried;
    }

    std::vector<std::byte> bytes = std::vector<std::byte>(8 * MiB);
    std::shared_ptr<Look> look;
    PhysicalMemory memory{{{start, bytes}}, look};
};

} // namespace

TEST_CASE("A look ends after so many steps, so many bytes, so long, or when it is cancelled, and says why")
{
    Look look{{10, 100, 1h}};
    CHECK(look.spend(10));
    CHECK_FALSE(look.over());
    CHECK(look.why().empty());
    SECTION("steps")
    {
        CHECK(look.spend(0, 9));
        CHECK_FALSE(look.spend(0));
        CHECK(look.end() == Look::End::steps);
        CHECK(look.why() == "after 10 steps");
    }
    SECTION("bytes")
    {
        CHECK(look.spend(90));
        CHECK_FALSE(look.spend(1));
        CHECK(look.end() == Look::End::bytes);
        CHECK(look.why() == "after reading 100B");
    }
    SECTION("its time")
    {
        look.begin({10, 100, 0s});
        std::this_thread::sleep_for(1ms);
        CHECK_FALSE(look.spend(1));
        CHECK(look.end() == Look::End::time);
    }
    SECTION("the time of all that follow")
    {
        look.until(Look::Clock::now());
        look.begin({10, 100, 1h});
        CHECK_FALSE(look.spend(1));
        CHECK(look.end() == Look::End::time);
        look.until(Look::Clock::time_point::max());
        look.begin({10, 100, 1h});
        CHECK(look.spend(1));
    }
    SECTION("cancelled, by whomever")
    {
        std::thread{[&look] { look.cancel(); }}.join();
        CHECK_FALSE(look.spend(1));
        CHECK(look.end() == Look::End::cancelled);
        look.begin({10, 100, 1h}); // and stays so
        CHECK_FALSE(look.spend(1));
        CHECK(look.end() == Look::End::cancelled);
        return;
    }
    SECTION("cancelled, as something else is wanted")
    {
        look.cancel_when([] { return true; });
        look.begin({10, 100, 1h});
        CHECK_FALSE(look.spend(1));
        CHECK(look.end() == Look::End::cancelled);
        return;
    }
    look.begin({10, 100, 1h});
    CHECK(look.spend(0, 4));
    CHECK(look.left().steps == 6);
    CHECK(look.left().bytes == 100);
}

TEST_CASE("Nothing can be read when the look is over, as if there were no memory")
{
    std::vector<std::byte> bytes(4096);
    const auto look = std::make_shared<Look>(Look::Limits{2, 4096, 1h});
    const PhysicalMemory memory{{{start, bytes}}, look};
    CHECK(memory.load<std::uint64_t>(start));
    CHECK(memory.load<std::uint64_t>(start));
    CHECK_FALSE(memory.load<std::uint64_t>(start));
    look->begin({2, 4, 1h});
    CHECK_FALSE(memory.load<std::uint64_t>(start));
    CHECK(look->end() == Look::End::bytes);
}

TEST_CASE("A search through memory that leads in circles ends when it has cost what it may")
{
    const auto maze = GENERATE(from_range(std::begin(mazes), std::end(mazes)));
    CAPTURE(static_cast<int>(maze));
    Hostile hostile{maze, small};
    const auto tried = hostile.search();
    CHECK(tried > 0);
    CHECK(tried < 2048); // else nothing leads astray here
    CHECK((hostile.look->end() == Look::End::steps || hostile.look->end() == Look::End::bytes));
    CHECK(hostile.look->steps() < small.steps + 1000);
    CHECK(hostile.look->bytes() <= small.bytes + page_bytes);
}

TEST_CASE("What a search may cost grows with the memory alone: all of it, and candidates by the dozen")
{
    const auto one = Look::search(0);
    CHECK(one.steps <= 20'000'000);
    CHECK(Look::search(1'000'000).steps - one.steps <= 10 * 1'000'000);
    CHECK(Look::search(1'000'000).bytes - one.bytes <= 64 * 1'000'000);
}

TEST_CASE("A search that is cancelled ends with its next steps")
{
    const auto maze = GENERATE(from_range(std::begin(mazes), std::end(mazes)));
    CAPTURE(static_cast<int>(maze));
    Hostile hostile{maze, Look::search(1U << 20)};
    std::uint64_t asked_at = 0;
    hostile.look->cancel_when([&] {
        asked_at = hostile.look->steps();
        return asked_at > 50'000;
    });
    hostile.search();
    CHECK(hostile.look->end() == Look::End::cancelled);
    CHECK(hostile.look->steps() < 60'000);

    hostile.look->cancel();
    hostile.look->begin(small);
    CHECK(hostile.search() == 0);
    CHECK(hostile.look->steps() <= 2);
}

TEST_CASE("Page tables that are dense on each level cost a walk as many steps as they have levels")
{
    const auto maze = GENERATE(Maze::self_maps, Maze::dense, Maze::small_pages);
    const bool five_levels = GENERATE(false, true);
    CAPTURE(static_cast<int>(maze), five_levels);
    Hostile hostile{maze, small};
    const AddressSpace space{hostile.memory, {start + 5 * page_bytes, five_levels, 0}};
    const auto steps = [&](const auto& doing) {
        hostile.look->begin(small);
        doing();
        return hostile.look->steps();
    };
    for (const std::uint64_t address : {0xffff'ffff'8000'0000, 0xffff'ffff'ffff'ffff, 0xffff'8000'0000'0000})
        CHECK(steps([&] { (void)space.translate(address); }) <= 5);
    CHECK(steps([&] { (void)space.direct_map(); }) < 20'000);
    CHECK(steps([&] { (void)space.first_mapped(0xffff'ffff'8000'0000, 0xffff'ffff'c000'0000, 2 * MiB); }) < 3'000);
    CHECK(steps([&] { CHECK_FALSE(early_log(space, 0xffff'ffff'8000'0000, 128 * MiB)); }) <= small.steps + 1000);
}

TEST_CASE("What is not mapped is passed over as a whole")
{
    std::vector<std::byte> bytes(4 * page_bytes);
    const PhysicalMemory memory{{{start, bytes}}};
    const AddressSpace space{memory, {start, GENERATE(false, true), 0}};
    CHECK_FALSE(space.first_mapped(0xffff'ffff'8000'0000, 0xffff'ffff'c000'0000, 2 * MiB));
    CHECK_FALSE(space.first_mapped(0xffff'8000'0000'0000, 0xffff'ffff'ffe0'0000, 2 * MiB));
    CHECK(memory.look().steps() < 1'000);
}

TEST_CASE("A ring that says it has sixteen million lost records is read a part at a time, and no part is lost")
{
    constexpr unsigned bits = 12; // as many as fit here; each costs the same
    Image image{{.count_bits = bits, .size_bits = 12}};
    for (unsigned i = 0; i < 1U << bits; ++i)
        image.log(i == (1U << bits) - 1 ? "the last" : std::string(500, 'x')); // overwrites what came before
    const auto memory = image.memory();
    const auto kernel = Kernel::open(memory, image.note());
    REQUIRE(kernel);
    LogCursor cursor;
    std::uint64_t lost = 0;
    unsigned looks = 0;
    for (std::string last; last != "the last"; ++looks) {
        REQUIRE(looks < 1000);
        memory.look().begin({5'000, MiB, 60s});
        for (;;) {
            const auto step = cursor.next(kernel->ring(), false);
            lost += step.lost;
            CHECK_FALSE(step.broken);
            if (step.record)
                last = step.record->text;
            if (step.given_up || last == "the last")
                break;
        }
        CHECK(memory.look().steps() < 6'000);
    }
    CHECK(looks > 3);
    CHECK(lost > 4000);
    memory.look().begin({5'000, MiB, 60s});
    CHECK(cause_of_death(kernel->ring()).empty());
    CHECK(memory.look().end() == Look::End::steps);
}

TEST_CASE("Symbols without end, and the books of a kernel, cost no more than they may")
{
    Image image{{.symbols = Image::Options::Symbols::plain}};
    const auto memory = image.memory();
    const auto kernel = Kernel::open(memory, image.note());
    REQUIRE(kernel);
    CHECK(VitalPlaces::find(*kernel).load_average);
    memory.look().begin({500, MiB, 60s});
    CHECK_FALSE(VitalPlaces::find(*kernel).load_average);
    CHECK(memory.look().steps() < 700);

    // Two million, though only some are there.
    image.poke(Image::physical_of(Image::symbol_count_at), Symbols::most_symbols);
    memory.look().begin(small);
    CHECK_FALSE(VitalPlaces::find(*kernel).load_average);
    CHECK(memory.look().steps() <= small.steps + 1000);
    (void)elf_core(memory, &*kernel);
    CHECK(memory.look().steps() <= small.steps + 10'000);
}
