// SPDX-License-Identifier: LGPL-2.1-or-later
// A partition that writes anything anywhere: the drive stays within its memory (the sanitizers see to that, and RamDisk
// that it stays within the disk), ends each look, and works again for a driver that starts anew.
#include <catch2/catch.hpp>
#include <random>

#include "devices/nvme_words.h"
#include "rig.h"

using namespace parker;
using namespace parker::devices;

namespace {

// Few values, of which many mean something.
std::uint64_t pick(std::mt19937_64& random)
{
    const auto value = random();
    switch (value % 6) {
    case 0:
        return value >> 60;
    case 1:
        return Rig::start + (value >> 40 & ~0xfffULL) % (Rig::ram_bytes + bus_bytes);
    case 2:
        return Rig::bus + bus_bytes - (value >> 52);
    case 3:
        return ~0ULL - (value >> 56);
    case 4:
        return value >> 32;
    default:
        return value;
    }
}

} // namespace

TEST_CASE("Whatever a partition writes, the drive stays within it")
{
    const auto seed = GENERATE(range(1U, 9U));
    INFO(seed);
    std::mt19937_64 random{seed};
    Rig rig;
    Driver driver{rig};
    driver.probe();
    for (int i = 0; i < 3000; ++i) {
        const auto queue = static_cast<unsigned>(random() % 3);
        switch (random() % 8) {
        case 0: // a register
            rig.write<std::uint64_t>(Rig::registers + random() % 8 * 8, pick(random));
            break;
        case 1: // a doorbell
            rig.write<std::uint32_t>(Rig::registers + 0x1000 + random() % 34 * 4,
                                     static_cast<std::uint32_t>(pick(random)));
            break;
        case 2: // an interrupt's entry
            rig.write<std::uint64_t>(Rig::registers + 0x8000 + random() % 34 * 8, pick(random));
            break;
        case 3: // any page that a command may name
            rig.write<std::uint64_t>(Rig::start + random() % (Rig::ram_bytes / 8) * 8, pick(random));
            break;
        case 4:
            rig.restart();
            break;
        default: // a command that is right but for some words
            const auto entry = Driver::ring(queue) + random() % 32 * 64;
            rig.write<std::uint32_t>(entry, static_cast<std::uint32_t>(random() % 16));
            rig.write<std::uint32_t>(entry + 4, 1);
            for (unsigned at = 24; at < 64; at += 8)
                if (random() % 2 != 0)
                    rig.write<std::uint64_t>(entry + at, pick(random));
            rig.write<std::uint32_t>(Rig::registers + 0x1000 + queue * 8, static_cast<std::uint32_t>(random() % 32));
        }
        rig.poll();
    }
    for (const auto& message : rig.sent) {
        REQUIRE((message.address & ~0xff008ULL) == 0xfee00000);
        REQUIRE((message.data & 0xff) >= 0x20);
        REQUIRE((message.data >> 8 & 7) <= 1);
    }
    // reset: whoever comes next finds a drive
    rig.write<std::uint32_t>(Rig::registers + 0x14, 0);
    rig.poll();
    driver.probe();
    CHECK(driver.transfer(true, 0, 512).status == 0);
}

TEST_CASE("A doorbell that races along costs a bounded amount of work for each look")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    for (unsigned i = 0; i < 10; ++i) { // nobody ever takes a completion
        rig.write<std::uint32_t>(Rig::registers + 0x1008, i % Driver::depth);
        rig.poll();
    }
    CHECK(rig.disk.reads + rig.disk.writes <= Driver::depth);
}
