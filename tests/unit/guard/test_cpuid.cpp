// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <cstring>
#include <string>

extern "C" {
#include <guard/cpuid.h>
}

namespace {

constexpr guard_leaf everything{~0u, ~0u, ~0u, ~0u};

guard_leaf ask(u32 leaf, u32 subleaf = 0, u64 cr4 = 0, guard_leaf machine = everything)
{
    guard_cpuid(leaf, subleaf, cr4, &machine);
    return machine;
}

bool bit(u32 word, unsigned n)
{
    return word >> n & 1;
}

bool silent(const guard_leaf& r)
{
    return !(r.eax | r.ebx | r.ecx | r.edx);
}

} // namespace

TEST_CASE("a hypervisor with KVM's name offers native spinlocks, and nothing else")
{
    const auto name = ask(0x40000000);
    std::string text(12, '\0');
    std::memcpy(text.data(), &name.ebx, 4);
    std::memcpy(text.data() + 4, &name.ecx, 4);
    std::memcpy(text.data() + 8, &name.edx, 4);
    CHECK(text == std::string("KVMKVMKVM\0\0\0", 12));
    CHECK(name.eax == 0x40000001);
    const auto offers = ask(0x40000001);
    CHECK(offers.eax == 0x80);
    CHECK(offers.edx == 1);
    CHECK(!(offers.ebx | offers.ecx));
    CHECK(silent(ask(0x40000002)));
    CHECK(silent(ask(0x40000100))); // where the machine is itself a guest
    CHECK(silent(ask(0x4fffffff)));
}

TEST_CASE("x2APIC and a hypervisor are there, whatever the CPU says")
{
    const auto r = ask(1, 0, 0, {});
    CHECK(r.ecx == (1u << 21 | 1u << 31));
    CHECK(!(r.eax | r.ebx | r.edx));
}

TEST_CASE("what the guest has switched on is read from its own CR4")
{
    CHECK_FALSE(bit(ask(1).ecx, 27));
    CHECK(bit(ask(1, 0, 1u << 18).ecx, 27));
    CHECK(bit(ask(1, 0, 1u << 18, {}).ecx, 27));
    CHECK_FALSE(bit(ask(7).ecx, 4));
    CHECK(bit(ask(7, 0, 1u << 22).ecx, 4));
}

TEST_CASE("what belongs to the package or the machine is hidden, the rest is not")
{
    struct Row {
        const char* name;
        u32 leaf;
        u32 guard_leaf::*part;
        unsigned bit;
        bool hidden;
    };
    const auto row = GENERATE(
        Row{"VMX", 1, &guard_leaf::ecx, 5, true}, Row{"TSC deadline", 1, &guard_leaf::ecx, 24, true},
        Row{"debug store", 1, &guard_leaf::edx, 21, true}, Row{"AVX", 1, &guard_leaf::ecx, 28, false},
        Row{"APIC", 1, &guard_leaf::edx, 9, false}, Row{"SGX", 7, &guard_leaf::ebx, 2, true},
        Row{"cache allocation", 7, &guard_leaf::ebx, 15, true}, Row{"PT", 7, &guard_leaf::ebx, 25, true},
        Row{"AVX2", 7, &guard_leaf::ebx, 5, false}, Row{"split locks", 7, &guard_leaf::edx, 30, true},
        Row{"IBRS", 7, &guard_leaf::edx, 26, false}, Row{"ARAT", 6, &guard_leaf::eax, 2, false},
        Row{"HFI", 6, &guard_leaf::eax, 19, true}, Row{"HWP", 6, &guard_leaf::eax, 7, true},
        Row{"SVM", 0x80000001, &guard_leaf::ecx, 2, true}, Row{"SKINIT", 0x80000001, &guard_leaf::ecx, 12, true},
        Row{"long mode", 0x80000001, &guard_leaf::edx, 29, false},
        Row{"counters of the core", 0x80000001, &guard_leaf::ecx, 23, false},
        Row{"invariant TSC", 0x80000007, &guard_leaf::edx, 8, false},
        Row{"scalable machine checks", 0x80000007, &guard_leaf::ebx, 3, true},
        Row{"P-states", 0x80000007, &guard_leaf::edx, 7, true}, Row{"INVLPGB", 0x80000008, &guard_leaf::ebx, 3, true},
        Row{"IBPB", 0x80000008, &guard_leaf::ebx, 12, false}, Row{"CPPC", 0x80000008, &guard_leaf::ebx, 27, true});
    INFO(row.name);
    CHECK(bit(ask(row.leaf).*row.part, row.bit) != row.hidden);
}

TEST_CASE("leaves about things that nobody here has say nothing")
{
    for (const u32 leaf : {0xfu, 0x10u, 0x12u, 0x14u, 0x1bu, 0x8000000au, 0x8000001bu, 0x8000001fu, 0x80000020u})
        for (const u32 subleaf : {0u, 1u, 7u})
            CHECK(silent(ask(leaf, subleaf)));
    for (const u32 leaf : {0u, 2u, 4u, 0xbu, 0xdu, 0x80000000u, 0x80000002u, 0x8000001eu})
        CHECK_FALSE(silent(ask(leaf, 1)));
    CHECK(ask(7, 1).eax == ~0u);
}
