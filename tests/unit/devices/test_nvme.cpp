// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/little_endian.h"
#include "devices/nvme_words.h"
#include "rig.h"

using namespace parker;
using namespace parker::devices;
using namespace std::string_literals;

namespace {

constexpr auto page = Driver::page;

void fill(Rig& rig, std::uint64_t address, std::size_t bytes, unsigned seed)
{
    for (std::size_t i = 0; i < bytes; ++i)
        *rig.at(address + i) = static_cast<std::byte>(seed + i * 7 + i / 256);
}

bool on_disk(Rig& rig, std::uint64_t address, std::uint64_t block, std::size_t bytes)
{
    return std::memcmp(rig.at(address), rig.disk.data.data() + block * 512, bytes) == 0;
}

std::string text(Rig& rig, std::uint64_t address, std::size_t bytes)
{
    return {reinterpret_cast<const char*>(rig.at(address)), bytes};
}

} // namespace

TEST_CASE("A driver finds a drive: its class, its registers, its size and its name")
{
    Rig rig{3 << 20};
    CHECK(rig.read<std::uint32_t>(Rig::config + 8) >> 8 == 0x010802);
    CHECK((rig.read<std::uint64_t>(Rig::registers) & 0xffff) == 255);
    CHECK((rig.read<std::uint64_t>(Rig::registers) >> 37 & 1) == 1);
    Driver driver{rig};
    driver.probe();
    CHECK(rig.read<std::uint64_t>(page) == (3 << 20) / 512);
    CHECK(*rig.at(page + 99) == std::byte{0});
    CHECK(driver.call(0, {.opcode = 6, .prp1 = page, .w10 = 1}).status == 0);
    CHECK(text(rig, page + 4, 20) == "parker-db-0         ");
    CHECK(text(rig, page + 768, 69) == "nqn.2014-08.org.nvmexpress:uuid:5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a\0"s);
    CHECK(rig.read<std::uint8_t>(page + 525) == 1);
    CHECK(driver.call(0, {.opcode = 6, .prp1 = page, .w10 = 6}).status == nvme::invalid_field); // 6.1 asks, and copes
    CHECK(driver.call(0, {.opcode = 2, .prp1 = page, .w10 = 127 << 16 | 2}).status == 0);
    CHECK(rig.read<std::uint8_t>(page + 1) + rig.read<std::uint8_t>(page + 2) * 256 == 300);
}

TEST_CASE("Blocks are written and read, wherever they lie in memory")
{
    struct Row {
        const char* name;
        std::size_t bytes, offset;
    };
    const auto row =
        GENERATE(Row{"one block", 512, 0}, Row{"a page", 4096, 0}, Row{"out of a page's middle", 512, 1024},
                 Row{"across two pages", 4096, 512}, Row{"two pages", 8192, 0}, Row{"a list", 12288, 0},
                 Row{"a list from a page's middle", 65536, 2048}, Row{"the most", nvme::transfer_most, 0},
                 Row{"the most, from a page's middle", nvme::transfer_most, 512});
    INFO(row.name);
    Rig rig;
    Driver driver{rig};
    driver.probe();
    fill(rig, page + row.offset, row.bytes, 3);
    CHECK(driver.transfer(true, 11, row.bytes, page + row.offset).status == 0);
    CHECK(on_disk(rig, page + row.offset, 11, row.bytes));
    CHECK(driver.transfer(false, 11, row.bytes, page + 0x100000 + row.offset).status == 0);
    CHECK(on_disk(rig, page + 0x100000 + row.offset, 11, row.bytes));
}

TEST_CASE("A list of pages that goes on in another list is followed")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    fill(rig, page, 16384, 5);
    constexpr auto list = Rig::start + 0x90ff0, next = Rig::start + 0x94000; // two entries' room, of three
    rig.write<std::uint64_t>(list, page + 4096);
    rig.write<std::uint64_t>(list + 8, next);
    rig.write<std::uint64_t>(next, page + 8192);
    rig.write<std::uint64_t>(next + 8, page + 12288);
    const Driver::Words words{.opcode = 1, .name_space = 1, .prp1 = page, .prp2 = list, .w12 = 31};
    CHECK(driver.call(1, words).status == 0);
    CHECK(on_disk(rig, page, 0, 16384));
    rig.write<std::uint64_t>(list + 8, next + 8); // not a page's start: lists could go on for ever
    CHECK(driver.call(1, words).status == nvme::invalid_prp_offset);
}

TEST_CASE("Each completion has its interrupt, at the vector of its queue")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    rig.sent.clear();
    driver.transfer(false, 0, 512);
    CHECK(rig.sent == std::vector<Message>{{0xfee03000, 0x41}});
    rig.sent.clear();
    driver.call(2, {.opcode = 0, .name_space = 1});
    CHECK(rig.sent == std::vector<Message>{{0xfee03000, 0x42}});
}

TEST_CASE("Rings go round many times")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    for (unsigned i = 0; i < 100; ++i) {
        fill(rig, page, 512, i);
        REQUIRE(driver.transfer(true, i, 512).status == 0);
        REQUIRE(on_disk(rig, page, i, 512));
    }
    CHECK(rig.disk.writes == 100);
}

TEST_CASE("Several commands at once are all answered, and no more than the driver has room for")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    std::vector<std::uint16_t> ids;
    for (unsigned i = 0; i < Driver::depth - 1U; ++i)
        ids.push_back(driver.submit(1, {.opcode = 2, .name_space = 1, .prp1 = page, .w10 = i}));
    rig.poll();
    CHECK(rig.disk.reads == Driver::depth - 1);
    // The driver has not taken any, yet gives one more command: its completion has no room.
    ids.push_back(driver.submit(1, {.opcode = 2, .name_space = 1, .prp1 = page}));
    rig.poll();
    CHECK(rig.disk.reads == Driver::depth - 1);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        rig.poll();
        CHECK(driver.take(1, ids[i]));
    }
}

TEST_CASE("What a driver flushes is on the disk, and what it wants there at once, too")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    CHECK(driver.transfer(true, 0, 512).status == 0);
    CHECK(rig.disk.flushes == 0);
    CHECK(driver.call(1, {.opcode = 0, .name_space = 1}).status == 0);
    CHECK(rig.disk.flushes == 1);
    CHECK(driver.transfer(true, 0, 512, page, 1 << 30).status == 0);
    CHECK(rig.disk.flushes == 2);
}

TEST_CASE("Discarded ranges are given up, all or none")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    std::ranges::fill(rig.disk.data, std::byte{1});
    rig.write<std::uint32_t>(page + 4, 2); // two blocks at 8
    rig.write<std::uint64_t>(page + 8, 8);
    rig.write<std::uint32_t>(page + 20, 1); // one at 16
    rig.write<std::uint64_t>(page + 24, 16);
    Driver::Words words{.opcode = 9, .name_space = 1, .prp1 = page, .w10 = 1, .w11 = 4};
    SECTION("a hint of another kind does nothing")
    {
        words.w11 = 3;
        CHECK(driver.call(1, words).status == 0);
        CHECK(std::ranges::count(rig.disk.data, std::byte{0}) == 0);
    }
    SECTION("both")
    {
        CHECK(driver.call(1, words).status == 0);
        CHECK(std::ranges::count(rig.disk.data, std::byte{0}) == 3 * 512);
        CHECK(rig.disk.data[8 * 512] == std::byte{0});
        CHECK(rig.disk.data[16 * 512] == std::byte{0});
    }
    SECTION("the second is outside")
    {
        rig.write<std::uint64_t>(page + 24, rig.disk.data.size() / 512);
        CHECK(driver.call(1, words).status == nvme::out_of_range);
        CHECK(std::ranges::count(rig.disk.data, std::byte{0}) == 0);
    }
}

TEST_CASE("A drive that is only to be read says so, and is not written")
{
    Rig rig;
    rig.disk.is_readonly = true;
    Driver driver{rig};
    driver.probe();
    CHECK(*rig.at(page + 99) == std::byte{1});
    CHECK(driver.transfer(true, 0, 512).status == nvme::write_protected);
    CHECK(driver.call(1, {.opcode = 9, .name_space = 1, .prp1 = page, .w11 = 4}).status == nvme::write_protected);
    CHECK(driver.transfer(false, 0, 512).status == 0);
    CHECK(driver.call(1, {.opcode = 0, .name_space = 1}).status == 0);
}

TEST_CASE("What the disk cannot do, the driver is told")
{
    struct Row {
        const char* name;
        int error;
        bool write;
        std::uint16_t status;
    };
    const auto row =
        GENERATE(Row{"a read error", EIO, false, nvme::read_error}, Row{"a write error", EIO, true, nvme::write_fault},
                 Row{"a full file system", ENOSPC, true, nvme::no_space}, Row{"no quota", EDQUOT, true, nvme::no_space},
                 Row{"memory that is gone", EFAULT, false, nvme::transfer_error});
    INFO(row.name);
    Rig rig;
    Driver driver{rig};
    driver.probe();
    rig.disk.error = row.error;
    CHECK(driver.transfer(row.write, 0, 512).status == row.status);
    rig.disk.error = 0;
    CHECK(driver.transfer(row.write, 0, 512).status == 0);
}

TEST_CASE("Commands that ask for what is not there get the status that says so")
{
    struct Row {
        const char* name;
        unsigned queue;
        Driver::Words words;
        std::uint16_t status;
    };
    constexpr auto size = 7U << 16;
    constexpr auto end = (1U << 20) / 512;
    const auto row = GENERATE(
        Row{"no such admin command", 0, {.opcode = 0x7f}, nvme::invalid_opcode},
        Row{"no such I/O command", 1, {.opcode = 0x7f, .name_space = 1}, nvme::invalid_opcode},
        Row{"fused", 1, {.opcode = 2, .name_space = 1, .prp1 = page, .flags = 0x100}, nvme::invalid_field},
        Row{"SGLs", 1, {.opcode = 2, .name_space = 1, .prp1 = page, .flags = 0x4000}, nvme::invalid_field},
        Row{"another namespace", 1, {.opcode = 2, .name_space = 2, .prp1 = page}, nvme::invalid_namespace},
        Row{"no namespace", 1, {.opcode = 0, .name_space = 0}, nvme::invalid_namespace},
        Row{"the block after the last",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = page, .w10 = end},
            nvme::out_of_range},
        Row{"across the end",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = page, .w10 = end - 1, .w12 = 1},
            nvme::out_of_range},
        Row{"a block that wraps around",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = page, .w10 = ~0U, .w11 = ~0U, .w12 = 1},
            nvme::out_of_range},
        Row{"more than one command may",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = page, .w12 = 512},
            nvme::invalid_field},
        Row{"an odd address", 1, {.opcode = 2, .name_space = 1, .prp1 = page + 2}, nvme::invalid_prp_offset},
        Row{"an odd second page",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = page, .prp2 = page + 8, .w12 = 15},
            nvme::invalid_prp_offset},
        Row{"an odd list",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = page, .prp2 = page + 4, .w12 = 31},
            nvme::invalid_prp_offset},
        Row{"below the partition's memory",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = Rig::start - 512},
            nvme::transfer_error},
        Row{"behind it", 1, {.opcode = 1, .name_space = 1, .prp1 = Rig::bus + bus_bytes}, nvme::transfer_error},
        Row{"the last address", 1, {.opcode = 1, .name_space = 1, .prp1 = ~std::uint64_t{3}}, nvme::transfer_error},
        Row{"a list elsewhere",
            1,
            {.opcode = 2, .name_space = 1, .prp1 = page, .prp2 = 0x1000, .w12 = 31},
            nvme::transfer_error},
        Row{"Identify elsewhere", 0, {.opcode = 6, .prp1 = 0x1000, .w10 = 1}, nvme::transfer_error},
        Row{"a log page that is none", 0, {.opcode = 2, .prp1 = page, .w10 = 0x70}, nvme::invalid_log_page},
        Row{"a log page that never ends",
            0,
            {.opcode = 2, .prp1 = page, .w10 = 0xffff0002, .w11 = 0xffff},
            nvme::invalid_field},
        Row{"a feature that is none", 0, {.opcode = 9, .w10 = 0x42}, nvme::invalid_field},
        Row{"a second request for events", 0, {.opcode = 0x0c}, nvme::too_many_event_requests},
        Row{"the admin queue once more", 0, {.opcode = 5, .prp1 = page, .w10 = size, .w11 = 1}, nvme::invalid_queue},
        Row{"a queue that exists", 0, {.opcode = 5, .prp1 = page, .w10 = size | 1, .w11 = 1}, nvme::invalid_queue},
        Row{"a queue too many", 0, {.opcode = 5, .prp1 = page, .w10 = size | 17, .w11 = 1}, nvme::invalid_queue},
        Row{"a queue of one entry", 0, {.opcode = 5, .prp1 = page, .w10 = 3, .w11 = 1}, nvme::invalid_queue_size},
        Row{"a queue too large",
            0,
            {.opcode = 1, .prp1 = page, .w10 = 256U << 16 | 3, .w11 = 1U << 16 | 1},
            nvme::invalid_queue_size},
        Row{"a vector too many",
            0,
            {.opcode = 5, .prp1 = page, .w10 = size | 3, .w11 = 17U << 16 | 3},
            nvme::invalid_vector},
        Row{"a queue in pieces", 0, {.opcode = 5, .prp1 = page, .w10 = size | 3, .w11 = 0}, nvme::invalid_field},
        Row{"an odd queue",
            0,
            {.opcode = 1, .prp1 = page + 64, .w10 = size | 3, .w11 = 1U << 16 | 1},
            nvme::invalid_field},
        Row{"a queue elsewhere", 0, {.opcode = 5, .prp1 = 0x1000, .w10 = size | 3, .w11 = 1}, nvme::transfer_error},
        Row{"without completions",
            0,
            {.opcode = 1, .prp1 = page, .w10 = size | 3, .w11 = 3U << 16 | 1},
            nvme::no_such_completion_queue},
        Row{"completions of the admin queue",
            0,
            {.opcode = 1, .prp1 = page, .w10 = size | 3, .w11 = 1},
            nvme::no_such_completion_queue},
        Row{"completions that are in use", 0, {.opcode = 4, .w10 = 1}, nvme::queue_in_use},
        Row{"deleting what is not there", 0, {.opcode = 0, .w10 = 3}, nvme::invalid_queue},
        Row{"deleting the admin queue", 0, {.opcode = 0, .w10 = 0}, nvme::invalid_queue});
    INFO(row.name);
    Rig rig;
    Driver driver{rig};
    driver.probe();
    CHECK(driver.call(row.queue, row.words).status == row.status);
    CHECK(driver.transfer(false, 0, 512).status == 0); // and life goes on
}

TEST_CASE("Queues are deleted and created again, and begin at their start")
{
    Rig rig;
    Driver driver{rig};
    driver.probe();
    for (int i = 0; i < 3; ++i)
        CHECK(driver.transfer(true, 0, 512).status == 0);
    CHECK(driver.call(0, {.opcode = 0, .w10 = 1}).status == 0);
    CHECK(driver.call(0, {.opcode = 4, .w10 = 1}).status == 0);
    CHECK(driver.call(0, {.opcode = 4, .w10 = 1}).status == nvme::invalid_queue);
    driver.create(1, 1); // its doorbells still say 3
    rig.disk.writes = 0;
    rig.poll();
    CHECK(rig.disk.writes == 0);
    CHECK(driver.transfer(true, 0, 512).status == 0);
}

TEST_CASE("A driver goes and comes back, as rmmod and modprobe do")
{
    Rig rig;
    Driver driver{rig};
    for (int i = 0; i < 3; ++i) {
        driver.probe();
        CHECK(driver.transfer(true, 0, 512).status == 0);
        rig.write<std::uint32_t>(Rig::registers + 0x14, rig.read<std::uint32_t>(Rig::registers + 0x14) | 1 << 14);
        const auto flushes = rig.disk.flushes;
        rig.poll();
        CHECK((rig.read<std::uint32_t>(Rig::registers + 0x1c) & 0xc) == 8); // shut down
        CHECK(rig.disk.flushes == flushes + 1);
    }
}

TEST_CASE("A drive that cannot be enabled says so, and can after all")
{
    Rig rig;
    Driver driver{rig};
    rig.write<std::uint32_t>(Rig::registers + 0x24, 0x001f001f);
    rig.write<std::uint64_t>(Rig::registers + 0x28, Driver::ring(0));
    rig.write<std::uint64_t>(Rig::registers + 0x30, Driver::ring(0) + 0x2000);
    std::uint32_t cc = 1;
    SECTION("the queue is not in the partition")
    {
        rig.write<std::uint64_t>(Rig::registers + 0x28, 0x1000);
    }
    SECTION("it ends outside")
    {
        rig.write<std::uint64_t>(Rig::registers + 0x30, Rig::bus + bus_bytes - 256);
    }
    SECTION("it is odd")
    {
        rig.write<std::uint64_t>(Rig::registers + 0x28, Driver::ring(0) + 8);
    }
    SECTION("it has one entry")
    {
        rig.write<std::uint32_t>(Rig::registers + 0x24, 0x001f0000);
    }
    SECTION("large pages")
    {
        cc |= 1 << 7;
    }
    SECTION("another command set")
    {
        cc |= 1 << 4;
    }
    rig.write<std::uint32_t>(Rig::registers + 0x14, cc);
    rig.poll();
    CHECK(rig.read<std::uint32_t>(Rig::registers + 0x1c) == 2); // a fatal error
    rig.poll();
    rig.write<std::uint32_t>(Rig::registers + 0x14, 0);
    rig.poll();
    CHECK(rig.read<std::uint32_t>(Rig::registers + 0x1c) == 0);
    driver.probe();
}
