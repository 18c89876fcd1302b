// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "base/error.h"
#include "firmware/word_rules.h"

using namespace parker;
using firmware::check_words;

TEST_CASE("words that would reach for what is not the kernel's own are refused in each spelling")
{
    const auto* line = GENERATE(
        // As they stand.
        "acpi=off", "acpi=ht", "acpi=noirq", "noacpi", "acpi_rsdp=0x1000", "acpi_enforce_resources=lax",
        "acpi_apic_instance=2", "pci=off", "pci=conf1", "pci=noaer,nommconf", "pcie_acs_override=downstream",
        "efi=noruntime", "noefi", "efi=debug,old_map", "efi_fake_mem=1G@4G:0x10000", "add_efi_memmap", "reboot=k",
        "reboot=t", "reboot=bios", "reboot_type=x", "apic=bigsmp", "apic_extnmi=all", "noapic", "nolapic", "lapic",
        "disableapic", "nox2apic", "x2apic_phys", "no_ipi_broadcast=0", "disable_cpu_apicid=1", "nosmp", "maxcpus=0",
        "maxcpus=0x1", "iommu=memaper=3", "iommu=force", "hpet=force", "pmtmr=0x408", "tsc_early_khz=1", "earlycon",
        "earlycon=uart8250,io,0x3f8", "earlyprintk", "earlyprintk=serial", "earlyprintk=vga", "earlyprintk=dbgp",
        "console=uart", "console=uart8250,io,0x3f8,115200n8", "console=uart,mmio,0xfe000000", "console=pl011,0x1",
        "console=ns16550a,io,0x3f8", "console=lp0", "console=brl,ttyS0", "8250.nr_uarts=4", "8250.share_irqs=1",
        "8250_core.nr_uarts=1", "kgdboc=kbd", "kgdb8250=io,3f8", "kgdbdbgp=0", "ohci1394_dma=early", "mem=2G",
        "memmap=1G$4G", "memmap=1G@0", "memmap=exactmap", "elfcorehdr=1M", "phram.phram=a,1,2", "iomem=relaxed",
        "mem_encrypt=on", "crashkernel=256M", "bootconfig", "initrdmem=0x100000,4096", "initrd=0x100000,4096",
        "initrd=4G,1M", "clearcpuid=mce", "clearcpuid=7", "setcpuid=sgx", "mce=off", "mceoff", "mce", "mce=3", "nomce",
        "rdt=l3cat", "enable_mtrr_cleanup", "mtrr_gran_size=1M", "rdtl3cat", "split_lock_detect=off",
        "microcode.force_minrev=0", "thermal.off=1", "thermal.tzp=0", "i8042.nopnp", "isapnp.disable=0",
        "parport_pc.io=0x378", "ipmi_si.ports=0xca2", "netdev=5,0x300,eth0",
        // A driver that is told where to look.
        "ne.io=0x300", "snd_sb8.port=0x220", "ramoops.mem_address=0x1000", "nct6775.force_id=1", "foo.irq=4",
        // Spelt otherwise.
        "\"acpi=off\"", "acpi=\"off\"", "\"acpi=off", "quiet \"reboot=bios\" ro", "\"pci=\"off\"\"", "a\tacpi=off",
        "a\nacpi=off",
        "root=\xc3\xa0"
        "acpi=off",
        "x\xa0reboot=t", "no-ipi-broadcast=0", "disable-cpu-apicid=1", "8250.nr-uarts=4", "acpi-rsdp=1",
        "mem-encrypt=on", "ramoops.mem-address=1", "efi=runtime,noruntime", "efi=runtime efi=noruntime",
        "acpi=force acpi=off", "console=tty0 console=uart,io,0x3f8", "\"--\"x reboot=t", "--= acpi=off",
        "\"bootconfig\"", "boot\xc2\xa0reboot=t",
        // Seen by the early readers alone: in quotes, and behind "--".
        "x=\"a earlyprintk=serial b\"", "root=/dev/vda -- earlyprintk=ttyS0", "-- console=uart8250,io,0x3f8",
        "\"a console=uart,io,0x2f8,9600 b\"", "-- acpi_rsdp=0x1000", "x=\"a split_lock_detect=off b\"",
        "-- mem_encrypt=on");
    CAPTURE(line);
    CHECK_THROWS_AS(check_words(line), Error);
}

TEST_CASE("other words pass")
{
    const auto* line = GENERATE(
        "", "root=/dev/nvme0n1p1 ro quiet", "root=/dev/x -- acpi=off", "root=/dev/x -- reboot=t",
        "dyndbg=\"file drivers/nvme/* +p\"", "dyndbg=\"file drivers/acpi/* +p; acpi=off\"", "acpi_osi=Linux",
        "acpi_osi=! acpi_osi=\"Windows 2015\"", "acpi.debug_level=0x2", "systemd.setenv=\"A=b c\"",
        "root=LABEL=donn\xc3\xa9"
        "es",
        "console=ttyS0,115200n8", "console=tty0 console=ttyS0", "console=hvc0", "console=", "console=ttynull",
        "console=null", "consoleblank=0", "console_msg_format=syslog", "init=/bin/sh", "rdinit=/bin/sh -- -c id",
        "systemd.unit=rescue.target", "rd.break=pre-mount", "ip=dhcp", "net.ifnames=0", "nfsroot=10.0.0.1:/srv",
        "BOOT_IMAGE=/vmlinuz", "isolcpus=1-3 nohz_full=1-3 rcu_nocbs=1-3", "idle=poll",
        "processor.max_cstate=1 intel_idle.max_cstate=0", "mitigations=off", "nokaslr", "panic=0", "loglevel=7",
        "ignore_loglevel", "memtest=4", "memory_hotplug.memmap_on_memory=1", "mem_sleep_default=s2idle",
        "hugepagesz=1G hugepages=4", "transparent_hugepage=never", "maxcpus=1", "maxcpus=12", "nr_cpus=4", "nosmt",
        "iommu=pt", "iommu.passthrough=1 iommu.strict=0", "intel_iommu=on amd_iommu=on intremap=off", "pci=noaer",
        "pci=noats,pcie_bus_safe", "pcie_aspm=off", "pci-stub.ids=1234:5678", "efi=debug",
        "efi_pstore.pstore_disable=1", "apic=verbose", "mce=no_cmci,ignore_ce", "split_lock_detect=fatal",
        "split_lock_detect=ratelimit:10", "mem_encrypt=off", "hpet=disable", "nohpet", "clocksource=tsc tsc=nowatchdog",
        "8250.nr_uarts=0", "no_ipi_broadcast=1", "module_blacklist=pcspkr", "initcall_blacklist=acpi_cpufreq_init",
        "nopv", "nf_conntrack_ftp.ports=21,2121", "nvme_core.io_timeout=30", "nvme.poll_queues=2",
        "usbcore.autosuspend=-1", "sysctl.kernel.panic=1", "video=1024x768", "lsm=apparmor", "a.b.io=1", ".io=1",
        "threadirqs", "libata.force=noncq", "initrd=/boot/initrd.img", "initrd=\\initrd.img", "initrd=initrd.img-6.1",
        "nmi_watchdog=0", "x=early_printk", "my_earlyprintk=serial", "x=\"a console=tty0 b\"", "a=\"b\"c\" reboot=t",
        "-- console=tty0");
    CAPTURE(line);
    CHECK_NOTHROW(check_words(line));
}

TEST_CASE("a refusal names the word and says what to do instead")
{
    const auto refusal = [](const char* line) {
        try {
            check_words(line);
        } catch (const Error& error) {
            CHECK(error.code() == Code::bad_value);
            return std::string{error.what()} + " | " + error.suggestion();
        }
        return std::string{};
    };
    CHECK(refusal("quiet \"acpi=off\" ro") ==
          "kernel command line word \"\"acpi=off\"\": the kernel would look for the machine's own tables | leave it "
          "out: parkerd sets what is needed");
    CHECK_THAT(refusal("crashkernel=1G"), Catch::Contains("kexec is closed") && Catch::Contains("`dump: on-crash`"));
    CHECK_THAT(refusal("mem=4G"), Catch::Contains("`memory`"));
    CHECK_THAT(refusal("earlycon"), Catch::Contains("`parkerctl log`"));
}

TEST_CASE("more words than a kernel has room for are refused, as it would panic")
{
    const auto many = [](unsigned count, const char* word) {
        std::string line;
        for (unsigned i = 0; i < count; ++i)
            line += word;
        return line;
    };
    CHECK_NOTHROW(check_words(many(26, " a=b") + many(26, " c") + many(40, " d.e=f")));
    CHECK_THROWS_AS(check_words(many(27, " a=b")), Error);
    CHECK_THROWS_AS(check_words(many(27, " c")), Error);
    CHECK_THROWS_AS(check_words(many(14, " c") + " --" + many(13, " d=e")), Error);
}
