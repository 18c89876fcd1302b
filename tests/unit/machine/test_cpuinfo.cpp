// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "machine/cpuinfo.h"
#include "machine/kernel_words.h"
#include "machine/read.h"
#include "sysroot.h"

using namespace parker;

TEST_CASE("what /proc/cpuinfo says about CPUs")
{
    const auto info = parse_cpuinfo("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: a: b\napicid\t\t: 254\n"
                                    "flags\t\t: fpu vmx hypervisor hfi\n\n"
                                    "processor\t: 1\nvendor_id\t: Other\napicid\t\t: 255\nflags\t\t: sme tdx_guest\n\n"
                                    "processor\t: 7\napicid\t\t: 1024\n");
    CHECK(info.vendor == "GenuineIntel");
    CHECK(info.far == CpuSet{1, 7});
    CHECK(info.hypervisor);
    CHECK(info.hfi);
    CHECK_FALSE(info.sme);
    CHECK_FALSE(info.tdx);
    CHECK(parse_cpuinfo("flags : sme\n").sme);
    CHECK(parse_cpuinfo("flags:tdx_guest").tdx);
}

TEST_CASE("what /proc/cpuinfo should not say")
{
    CHECK(parse_cpuinfo("").far.empty());
    CHECK(parse_cpuinfo("apicid : 300\nprocessor : x\napicid : 300\nprocessor : 99999999\napicid : 300\n").far.empty());
    CHECK(parse_cpuinfo("processor : 1\napicid : -1\nprocessor\n:\n: :\n").far.empty());
    CHECK(parse_cpuinfo("vendor_id : a\x1b[2J\n").vendor == "a?[2J");
    CHECK_FALSE(parse_cpuinfo("flags : xhypervisor hypervisor2\n").hypervisor);
}

TEST_CASE("whether the boot kernel sends interrupts to all CPUs is what its last word says")
{
    CHECK(broadcasts_interrupts(""));
    CHECK(broadcasts_interrupts("ro no_ipi_broadcast=0"));
    CHECK(broadcasts_interrupts("no_ipi_broadcast"));
    CHECK(broadcasts_interrupts("no_ipi_broadcast=on"));
    CHECK(broadcasts_interrupts("no_ipi_broadcast=0x0"));
    CHECK(broadcasts_interrupts("no_ipi_broadcast=1 no_ipi_broadcast=0"));
    CHECK(broadcasts_interrupts("x=\"a no_ipi_broadcast=1\""));
    CHECK(broadcasts_interrupts("-- no_ipi_broadcast=1"));
    CHECK_FALSE(broadcasts_interrupts("quiet no_ipi_broadcast=1"));
    CHECK_FALSE(broadcasts_interrupts("\"no-ipi-broadcast=1\""));
    CHECK_FALSE(broadcasts_interrupts("no_ipi_broadcast=0x10"));
    CHECK_FALSE(broadcasts_interrupts("no_ipi_broadcast=0 no_ipi_broadcast=2"));
}

TEST_CASE("a machine says what keeps it from having partitions")
{
    const test::Sysroot sysroot;
    sysroot.add_cpus(1);
    const auto read = [&sysroot] { return read_machine({sysroot.path(), {}}); };
    CHECK_FALSE(read().interrupt_broadcast); // a snapshot that leaves the command line out
    sysroot.write("proc/cmdline", "ro\n");
    CHECK(read().interrupt_broadcast);
    sysroot.write("proc/cmdline", "ro no_ipi_broadcast=1\n");
    CHECK_FALSE(read().interrupt_broadcast);
    CHECK(read().memory_encryption.empty());

    sysroot.write("proc/cpuinfo", "processor : 0\nvendor_id : AuthenticAMD\napicid : 0\nflags : sme hypervisor hfi\n\n"
                                  "processor : 3\napicid : 256\n");
    CHECK(read().cpu_vendor == "AuthenticAMD");
    CHECK(read().far_cpus == CpuSet{3});
    CHECK(read().in_virtual_machine);
    CHECK(read().has_hfi);
    CHECK(read().memory_encryption.empty()); // it could, but does not
    sysroot.write("proc/cmdline", "no_ipi_broadcast=1 mem_encrypt=on\n");
    CHECK(read().memory_encryption == "SME");
    sysroot.write("proc/cmdline", "no_ipi_broadcast=1 mem_encrypt=on mem-encrypt=off\n");
    CHECK(read().memory_encryption.empty());
    sysroot.write("sys/devices/platform/sev-guest/uevent", "");
    CHECK(read().memory_encryption == "SEV");
    sysroot.write("proc/cpuinfo", "flags : tdx_guest\n");
    CHECK(read().memory_encryption == "TDX");

    CHECK(read().microcode.empty());
    CHECK_FALSE(read().late_microcode);
    sysroot.write("sys/devices/system/cpu/cpu0/microcode/version", "0xd0003a5\n");
    sysroot.write("sys/devices/system/cpu/microcode/reload", "");
    CHECK(read().microcode == "0xd0003a5");
    CHECK(read().late_microcode);
}
