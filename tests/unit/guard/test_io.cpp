// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <ctime>

extern "C" {
#include <guard/io.h>
}

namespace {

constexpr u64 khz = 2'000'000;

struct Ports {
    guard_ports ports{.epoch = 1'000'000'000, .tsc = 500, .tsc_khz = khz, .index = 0};
    u64 tsc = 500;
    u32 value = 0;

    bool in(u16 port, u8 bytes = 1, bool string = false)
    {
        const guard_io io{.port = port, .bytes = bytes, .in = true, .string = string};
        return guard_in(&ports, &io, tsc, &value);
    }

    bool out(u16 port, u32 with, u8 bytes = 1, bool string = false)
    {
        const guard_io io{.port = port, .bytes = bytes, .in = false, .string = string};
        return guard_out(&ports, &io, with);
    }

    u32 clock(u32 index)
    {
        CHECK(out(0x70, index));
        CHECK(in(0x71));
        return value;
    }
};

u32 from_bcd(u32 value)
{
    return (value >> 4) * 10 + (value & 0xf);
}

} // namespace

TEST_CASE("an exit for I/O is read as the CPU describes it")
{
    const auto in = guard_io_decode(0x0cf8'0041);
    CHECK(in.port == 0xcf8);
    CHECK(in.bytes == 4);
    CHECK(in.in);
    CHECK_FALSE(in.string);
    const auto outs = guard_io_decode(0xffff'001c);
    CHECK(outs.port == 0xffff);
    CHECK(outs.bytes == 1);
    CHECK_FALSE(outs.in);
    CHECK(outs.string);
}

TEST_CASE("a stock kernel's probes find nothing, and are no violation")
{
    Ports p;
    for (const auto port :
         std::initializer_list<u16>{0x20, 0x21, 0xa1, 0x60, 0x64, 0x80, 0xed, 0x2f9, 0x3d5, 0x3fb, 0x4d0}) {
        INFO(std::hex << port);
        CHECK(p.out(port, 0x11));
        CHECK(p.in(port));
        CHECK(p.value == 0xffffffff);
    }
    CHECK(p.out(0xcf8, 0x80000000, 4));
    CHECK(p.in(0xcfc, 4));
    CHECK(p.value == 0xffffffff);
}

TEST_CASE("a write to any other port is a violation, a read finds nothing")
{
    Ports p;
    for (const auto port :
         std::initializer_list<u16>{0x0, 0x92, 0xb2, 0xb3, 0x4d2, 0x604, 0x608, 0xcf7, 0xd00, 0x5658, 0xffff}) {
        INFO(std::hex << port);
        CHECK_FALSE(p.out(port, 0));
        CHECK(p.in(port));
        CHECK(p.value == 0xffffffff);
    }
    CHECK_FALSE(p.out(0xcff, 0, 4));  // beyond the row
    CHECK_FALSE(p.out(0xfffe, 0, 4)); // beyond all ports
    CHECK_FALSE(p.out(0x62, 0, 4));
}

TEST_CASE("what would reset the machine is a violation, by each port")
{
    Ports p;
    CHECK_FALSE(p.out(0xcf9, 6));
    CHECK_FALSE(p.out(0xcf9, 0xe));
    CHECK_FALSE(p.out(0x92, 1));
    CHECK_FALSE(p.out(0x64, 0xfe));
    CHECK(p.out(0x64, 0xd1));
}

TEST_CASE("strings are refused, both ways")
{
    Ports p;
    CHECK_FALSE(p.in(0x60, 1, true));
    CHECK_FALSE(p.out(0x80, 0, 1, true));
}

TEST_CASE("what a kernel waits for comes at once")
{
    Ports p;
    CHECK(p.in(0x61));
    CHECK(p.value == 0x20); // no error, and the channel has run out
    CHECK(p.in(0x40));
    CHECK(p.value == 0);
}

TEST_CASE("the clock goes with the TSC, from when it was set")
{
    Ports p;
    p.tsc = 500 + 61 * khz * 1000; // 2001-09-09 01:46:40, and a minute
    CHECK(p.clock(0) == 0x41);
    CHECK(p.clock(2) == 0x47);
    CHECK(p.clock(4) == 0x01);
    CHECK(p.clock(6) == 0x01);
    CHECK(p.clock(7) == 0x09);
    CHECK(p.clock(8) == 0x09);
    CHECK(p.clock(9) == 0x01);
    CHECK(p.clock(0x32) == 0x20);
    CHECK(p.clock(0x8a) == 0x26); // with the bit that masks NMIs on a PC
    CHECK(p.clock(0x0d) == 0x80);
    CHECK(p.out(0x71, 0x99));
    CHECK(p.clock(9) == 0x01);
}

TEST_CASE("the clock's date is the C library's, on each day of two centuries and more")
{
    for (std::int64_t day = 0; day < 80'000; day++) {
        const std::time_t when = day * 86'400 + day % 86'400;
        std::tm tm{};
        gmtime_r(&when, &tm);
        const auto seconds = static_cast<u64>(when);
        const u32 year = from_bcd(guard_clock(seconds, 0x32)) * 100 + from_bcd(guard_clock(seconds, 9));
        if (year != static_cast<u32>(tm.tm_year + 1900) ||
            from_bcd(guard_clock(seconds, 8)) != static_cast<u32>(tm.tm_mon + 1) ||
            from_bcd(guard_clock(seconds, 7)) != static_cast<u32>(tm.tm_mday) ||
            from_bcd(guard_clock(seconds, 6)) != static_cast<u32>(tm.tm_wday + 1) ||
            from_bcd(guard_clock(seconds, 4)) != static_cast<u32>(tm.tm_hour) ||
            from_bcd(guard_clock(seconds, 2)) != static_cast<u32>(tm.tm_min) ||
            from_bcd(guard_clock(seconds, 0)) != static_cast<u32>(tm.tm_sec))
            FAIL("second " << when);
    }
}
