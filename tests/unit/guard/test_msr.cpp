// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <vector>

extern "C" {
#include <guard/msr.h>
#include <guard/msr_list.h>
}

namespace {

struct Listed {
    u32 first, last;
    guard_msr rule;
    const char* why;
};

#define LISTED(first, last, rule, why) Listed{first, last, GUARD_MSR_##rule, why},
const std::vector<Listed> list{GUARD_MSRS(LISTED)};

struct Bitmap {
    std::array<u8, GUARD_MSR_BITMAP_BYTES> bytes;

    Bitmap() { guard_msr_bitmap(bytes.data()); }

    // As the CPU looks it up (APM 2, 15.11).
    bool exits(u32 msr, bool write) const
    {
        u32 at = 0;
        if (msr < 0x2000)
            at = 0;
        else if (msr >= 0xc0000000 && msr < 0xc0002000)
            at = 0x800;
        else if (msr >= 0xc0010000 && msr < 0xc0012000)
            at = 0x1000;
        else
            return true;
        const u32 bit = (msr & 0x1fff) * 2 + write;
        return bytes[at + bit / 8] >> bit % 8 & 1;
    }
};

bool watched_in_full(u32 msr)
{
    return msr >> 8 != 8;
}

} // namespace

TEST_CASE("the list of MSRs is in order, without overlap, and has a reason each")
{
    u32 free = 0;
    for (const auto& row : list) {
        INFO(std::hex << row.first);
        CHECK(row.first >= free);
        CHECK(row.last >= row.first);
        CHECK(std::strlen(row.why) > 2);
        CHECK((row.last < 0x2000 || (row.first >= 0xc0000000 && row.last < 0xc0002000) ||
               (row.first >= 0xc0010000 && row.last < 0xc0012000)));
        free = row.last + 1;
    }
}

TEST_CASE("the bitmap lets pass what the list says, and nothing else of all MSRs that have bits")
{
    const Bitmap bitmap;
    unsigned passed = 0;
    for (const u32 base : {0u, 0xc0000000u, 0xc0010000u})
        for (u32 msr = base; msr < base + 0x2000; msr++) {
            bool reads = false, writes = false;
            for (const auto& row : list)
                if (msr >= row.first && msr <= row.last) {
                    reads = row.rule != GUARD_MSR_WATCH || !watched_in_full(msr);
                    writes = row.rule == GUARD_MSR_PASS;
                }
            if (bitmap.exits(msr, false) == reads || bitmap.exits(msr, true) == writes)
                FAIL("MSR " << std::hex << msr);
            passed += writes;
        }
    CHECK(passed > 40);
    // Where nothing is listed, nothing is cleared.
    for (std::size_t at = 0x1800; at < GUARD_MSR_BITMAP_BYTES; at++)
        REQUIRE(bitmap.bytes[at] == 0xff);
}

TEST_CASE("each class of MSR that could reach another is refused or watched")
{
    const Bitmap bitmap;
    struct Row {
        const char* name;
        u32 first, last;
        bool readable;
    };
    const auto row = GENERATE(
        Row{"APIC base", 0x1b, 0x1b, false}, Row{"test control", 0x33, 0x33, false},
        Row{"feature control", 0x3a, 0x3a, false}, Row{"microcode", 0x79, 0x79, true}, Row{"SMRR", 0x1f2, 0x1f3, false},
        Row{"energy bias", 0x1b0, 0x1b0, false}, Row{"package thermal", 0x1b1, 0x1b2, false},
        Row{"HFI", 0x17d0, 0x17d1, false}, Row{"CMCI", 0x280, 0x29f, false}, Row{"Intel PT", 0x560, 0x58b, false},
        Row{"RAPL", 0x601, 0x651, false}, Row{"uncore ratio", 0x620, 0x620, false}, Row{"HWP", 0x770, 0x777, false},
        Row{"ICR", 0x830, 0x830, true}, Row{"local vectors", 0x832, 0x837, true},
        Row{"cache allocation", 0xc81, 0xd9f, false}, Row{"bandwidth", 0xd50, 0xd57, false},
        Row{"TSC", 0x10, 0x10, true}, Row{"TSC adjust", 0x3b, 0x3b, true}, Row{"MTRRs", 0x200, 0x20f, true},
        Row{"machine checks", 0x400, 0x47f, true}, Row{"EFER", 0xc0000080, 0xc0000080, false},
        Row{"bandwidth of AMD", 0xc0000200, 0xc00002ff, false}, Row{"TSC ratio", 0xc0000104, 0xc0000104, true},
        Row{"SYSCFG, HWCR", 0xc0010010, 0xc0010015, false}, Row{"SMM", 0xc0010111, 0xc0010113, false},
        Row{"SMM key", 0xc0010118, 0xc0010118, false}, Row{"VM_CR", 0xc0010114, 0xc0010114, false},
        Row{"host save area", 0xc0010117, 0xc0010117, false}, Row{"SEV", 0xc0010130, 0xc0010131, false},
        Row{"northbridge counters", 0xc0010240, 0xc0010247, false}, Row{"RAPL of AMD", 0xc0010299, 0xc001029b, false},
        Row{"CPPC", 0xc00102b0, 0xc00102b4, false}, Row{"IBS", 0xc0011030, 0xc001103b, false},
        Row{"remedies", 0xc0011020, 0xc001102f, true});
    INFO(row.name);
    bool readable = true;
    for (u32 msr = row.first; msr <= row.last; msr++) {
        CHECK(bitmap.exits(msr, true));
        CHECK(guard_msr_rule(msr) != GUARD_MSR_PASS);
        readable &= !bitmap.exits(msr, false);
    }
    CHECK(readable == row.readable);
}

TEST_CASE("the rule of an MSR is that of its row")
{
    for (const auto& row : list) {
        CHECK(guard_msr_rule(row.first) == row.rule);
        CHECK(guard_msr_rule(row.last) == row.rule);
    }
    for (const u32 msr :
         {0x0u, 0x11u, 0x1au, 0x1cu, 0x2000u, 0x40000000u, 0x4b564d00u, 0xbfffffffu, 0xc0002400u, 0xffffffffu})
        CHECK(guard_msr_rule(msr) == GUARD_MSR_REFUSED);
}

TEST_CASE("EFER keeps the guard out of sight and long mode as it is")
{
    u64 efer = 0;
    CHECK(guard_efer(0, EFER_SCE | EFER_NXE | EFER_LME, false, &efer));
    CHECK(efer == (EFER_SCE | EFER_NXE | EFER_LME));
    // LMA is the CPU's to say.
    CHECK(guard_efer(EFER_LME | EFER_LMA, EFER_LME, true, &efer));
    CHECK(efer == (EFER_LME | EFER_LMA));
    CHECK(guard_efer(EFER_LME, EFER_LME | EFER_LMA, true, &efer));
    CHECK(efer == EFER_LME);
    CHECK_FALSE(guard_efer(0, EFER_SVME, false, &efer));
    CHECK_FALSE(guard_efer(0, 1ull << 13, false, &efer));
    CHECK_FALSE(guard_efer(0, 1ull << 40, false, &efer));
    CHECK_FALSE(guard_efer(EFER_LME | EFER_LMA, EFER_SCE, true, &efer));
}

TEST_CASE("a local vector is what its register can have, and no SMI, INIT or ExtINT")
{
    CHECK(guard_lvt(0x832, 0x200ec) == 0x200ec);
    CHECK(guard_lvt(0x832, 0x400ec) == 0xec); // TSC deadline is not offered
    CHECK(guard_lvt(0x834, 0x400) == 0x400);
    CHECK(guard_lvt(0x834, 0x200) == 0x10200);
    CHECK(guard_lvt(0x835, 0x700) == 0x10700);
    CHECK(guard_lvt(0x836, 0x500) == 0x10500);
    CHECK(guard_lvt(0x836, 0x8400) == 0x8400);
    CHECK(guard_lvt(0x833, 0x100) == 0x10100);
    CHECK(guard_lvt(0x837, 0x2fe) == 0xfe);
    for (u32 msr = 0x832; msr <= 0x837; msr++) {
        const u32 value = guard_lvt(msr, ~0ull);
        CHECK((value & 0xfff80800) == 0);
        CHECK((value & 0x10000) != 0);
    }
}
