// SPDX-License-Identifier: LGPL-2.1-or-later
// The process that plays the device is killed, at every point where a command has come to, and another goes on.
#include <algorithm>
#include <catch2/catch.hpp>

#include "devices/nvme_command.h"
#include "rig.h"

using namespace parker;
using namespace parker::devices;

namespace {

constexpr auto page = Driver::page;
constexpr Driver::Words write_page{.opcode = 1, .name_space = 1, .prp1 = page, .w10 = 8, .w12 = 7};

// The words that nvme.cpp stores one after the other for a command of the first I/O queue; what a killed process left.
enum class Point { executed, recorded, posted, settled };

// Runs one command to its end, and sets back what comes after the point.
void run_until(Rig& rig, Point point)
{
    const auto before = rig.state;
    const auto entry = Driver::ring(1) + 0x2000 + (before.completions[1].position & 0xffff) * 16;
    std::array<std::byte, 16> posted{};
    std::ranges::copy(rig.bytes(entry, 16), posted.begin());
    rig.poll();
    auto after = rig.state;
    if (point == Point::settled)
        return;
    auto progress = Progress::of(after.submissions[1].progress);
    progress.owes = true;
    rig.state.submissions[1].progress = progress.word();
    if (point == Point::posted)
        return;
    rig.state.completions[1].position = before.completions[1].position;
    rig.state.pending = before.pending;
    if (point == Point::recorded && GENERATE(false, true))
        return; // the entry is written, and not counted yet
    std::ranges::copy(posted, rig.at(entry));
    if (point == Point::executed)
        rig.state.submissions[1].progress = before.submissions[1].progress;
}

} // namespace

TEST_CASE("Wherever it was killed, a command is completed once, and its interrupt comes")
{
    const auto point = GENERATE(Point::executed, Point::recorded, Point::posted, Point::settled);
    Rig rig;
    Driver driver{rig};
    driver.probe();
    std::ranges::fill(rig.bytes(page, 4096), std::byte{0x77});
    for (int i = 0; i < 5; ++i) // into the ring's middle
        REQUIRE(driver.transfer(false, 0, 512, page + 0x10000).status == 0);
    const auto id = driver.submit(1, write_page);
    run_until(rig, point);
    rig.sent.clear();
    rig.restart();
    rig.poll();
    const auto answer = driver.take(1, id);
    REQUIRE(answer);
    CHECK(answer->status == 0);
    CHECK(rig.disk.data[8 * 512] == std::byte{0x77});
    CHECK(std::ranges::count(rig.sent, Message{0xfee03000, 0x41}) == 1);
    for (int i = 0; i < 20; ++i) { // no second completion, none that is missing
        rig.poll();
        REQUIRE(driver.transfer(false, 0, 512, page + 0x10000).status == 0);
    }
}

TEST_CASE("Killed after the disk had it, a write is done again, with what the driver still keeps for it")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    std::ranges::fill(rig.bytes(page, 4096), std::byte{0x77});
    const auto id = driver.submit(1, write_page);
    rig.disk.kill = true;
    CHECK_THROWS_AS(rig.poll(), RamDisk::Killed);
    CHECK_FALSE(driver.take(1, id));
    rig.disk.kill = false;
    rig.restart();
    rig.poll();
    CHECK(driver.take(1, id));
    CHECK(rig.disk.writes == 2);
}

TEST_CASE("Once a write is recorded, it is never done again: its memory is the driver's")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    const auto id = driver.submit(1, write_page);
    run_until(rig, Point::recorded);
    rig.restart();
    rig.poll();
    CHECK(driver.take(1, id));
    CHECK(rig.disk.writes == 1);
}

TEST_CASE("Two queues that share their completions: what one is owed comes before what the other gets")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    // The second submission queue is replaced by one that completes to the first's.
    REQUIRE(driver.call(0, {.opcode = 0, .w10 = 2}).status == 0);
    REQUIRE(driver.call(0, {.opcode = 1, .prp1 = Driver::ring(2), .w10 = 7U << 16 | 2, .w11 = 1U << 16 | 1}).status ==
            0);
    const auto entry = Driver::ring(1) + 0x2000;
    rig.write<std::uint32_t>(Driver::ring(2), 0x00990002); // a read, of nothing: it fails
    rig.write<std::uint32_t>(Rig::registers + 0x1010, 1);
    rig.poll();
    // Killed between its record and its completion; meanwhile the driver gives the first queue a command.
    auto progress = Progress::of(rig.state.submissions[2].progress);
    progress.owes = true;
    rig.state.submissions[2].progress = progress.word();
    rig.state.completions[1].position = 1 << 16;
    std::ranges::fill(rig.bytes(entry, 16), std::byte{0});
    driver.submit(1, write_page);
    rig.restart();
    rig.poll();
    CHECK((rig.read<std::uint32_t>(entry + 12) & 0x1ffff) == 0x10099);
    CHECK(rig.read<std::uint32_t>(entry + 8) >> 16 == 2);
    CHECK(rig.read<std::uint32_t>(entry + 16 + 8) >> 16 == 1);
}

TEST_CASE("An admin command that was killed before it was recorded has the same answer the second time")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    constexpr auto size = 7U << 16 | 3;
    const auto twice = [&rig, &driver](const Driver::Words& words) {
        const auto before = rig.state;
        const auto entry = Driver::ring(0) + 0x2000 + (before.completions[0].position & 0xffff) * 16;
        std::array<std::byte, 16> posted{};
        std::ranges::copy(rig.bytes(entry, 16), posted.begin());
        const auto id = driver.submit(0, words);
        rig.poll();
        rig.state.submissions[0] = before.submissions[0];
        rig.state.completions[0] = before.completions[0];
        std::ranges::copy(posted, rig.at(entry));
        rig.restart();
        rig.poll();
        const auto answer = driver.take(0, id);
        REQUIRE(answer);
        return answer->status;
    };
    CHECK(twice({.opcode = 5, .prp1 = page, .w10 = size, .w11 = 3}) == 0);
    CHECK(twice({.opcode = 1, .prp1 = page + 4096, .w10 = size, .w11 = 3U << 16 | 1}) == 0);
    CHECK(twice({.opcode = 0, .w10 = 3}) == 0);
    CHECK(twice({.opcode = 4, .w10 = 3}) == 0);
    CHECK(twice({.opcode = 4, .w10 = 3}) != 0);
}

TEST_CASE("A request for events that was killed is not a second one")
{
    Rig rig;
    Driver driver{rig};
    driver.enable();
    const auto before = rig.state;
    driver.submit(0, {.opcode = 0x0c});
    rig.poll();
    rig.state.submissions[0] = before.submissions[0];
    rig.restart();
    rig.poll();
    CHECK(driver.call(0, {.opcode = 0x0a, .w10 = 6}).result == 1); // the first completion is this one's
}

TEST_CASE("A drive that was ready stays so for the driver, whatever its status register says")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    rig.write<std::uint32_t>(Rig::registers + 0x1c, 0);
    rig.restart();
    rig.poll();
    CHECK(rig.read<std::uint32_t>(Rig::registers + 0x1c) == 1);
}
