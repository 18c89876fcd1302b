// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/platform.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <optional>

#include "machine/cpuinfo.h"
#include "machine/ecam.h"
#include "machine/kernel_words.h"
#include "machine/text.h"

namespace parker {
namespace {

constexpr std::size_t iomem_limit = 4 * MiB;
constexpr std::size_t cpuinfo_limit = 32 * MiB;    // some 2 KiB a CPU
constexpr std::size_t interrupts_limit = 64 * MiB; // a line an interrupt, a column a CPU

// The kernel remaps all interrupts or none, and then says so in the names of its interrupt chips: "IR-PCI-MSI",
// "IR-PCI-MSIX-0000:01:00.0", "IR-IO-APIC" (drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/iommu.c,
// arch/x86/kernel/apic/io_apic.c). nullopt: another kind of chip.
std::optional<bool> is_remapped(std::string_view chip)
{
    const bool remapped = chip.starts_with("IR-");
    if (remapped)
        chip.remove_prefix(3);
    if (!chip.starts_with("PCI-MSI") && !chip.starts_with("IO-APIC"))
        return std::nullopt;
    return remapped;
}

std::optional<bool> interrupt_remapping(const Files& files)
{
    for (const auto& irq : files.list("sys/kernel/irq"))
        if (const auto remapped = is_remapped(files.line("sys/kernel/irq/" + irq + "/chip_name")))
            return remapped;
    const auto interrupts = files.read("proc/interrupts", interrupts_limit);
    if (!interrupts)
        return std::nullopt;
    std::string_view rest = *interrupts;
    while (!rest.empty()) {
        auto line = text::take_line(rest);
        while (!line.empty())
            if (const auto remapped = is_remapped(text::take_until(line, ' ')))
                return remapped;
    }
    return std::nullopt;
}

std::optional<std::vector<Machine::Ecam>> read_ecam(const Files& files)
{
    // What the kernel has accepted goes before what the firmware claims: the kernel checks that the area is reserved,
    // and knows machines whose table is wrong.
    if (const auto iomem = files.read("proc/iomem", iomem_limit))
        if (auto areas = parse_iomem_ecam(*iomem))
            return areas;
    if (const auto table = files.read("sys/firmware/acpi/tables/MCFG"))
        if (auto areas = parse_mcfg(*table))
            return areas;
    return std::nullopt;
}

bool is_sysfs(const char* folder)
{
    struct statfs status {};
    return ::statfs(folder, &status) == 0 && status.f_type == SYSFS_MAGIC;
}

std::string kernel_release(const Files& files)
{
    if (auto release = files.line("proc/sys/kernel/osrelease"); !release.empty())
        return release;
    const auto version = files.line("proc/version"); // "Linux version 6.1.0-18-amd64 (…"
    std::string_view words = version;
    if (!words.starts_with("Linux version "))
        return {};
    words.remove_prefix(14);
    return std::string{text::take_until(words, ' ')};
}

std::vector<std::pair<std::string, std::string>> vulnerabilities(const Files& files)
{
    const std::string folder = "sys/devices/system/cpu/vulnerabilities";
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& name : files.list(folder))
        all.emplace_back(text::printable(name), files.line(folder + '/' + name));
    return all;
}

// Memory that the boot kernel has encrypted reads as noise in a partition, and what a partition writes as noise in the
// boot kernel: SME on AMD if it is asked for, and guests of SEV and TDX, who may share nothing with anybody.
std::string memory_encryption(const Files& files, const CpuInfo& cpus, std::string_view cmdline)
{
    if (cpus.tdx || files.exists("sys/devices/virtual/misc/tdx_guest"))
        return "TDX";
    if (files.exists("sys/devices/platform/sev-guest") || files.exists("sys/devices/virtual/misc/sev-guest"))
        return "SEV";
    return cpus.sme && last_value(cmdline, "mem_encrypt") == "on" ? "SME" : "";
}

void read_cpus(const Files& files, Machine& machine)
{
    const auto cpus = parse_cpuinfo(files.read("proc/cpuinfo", cpuinfo_limit).value_or(""));
    machine.cpu_vendor = cpus.vendor;
    machine.in_virtual_machine = cpus.hypervisor;
    machine.has_hfi = cpus.hfi;
    machine.far_cpus = cpus.far;
    machine.memory_encryption = memory_encryption(files, cpus, machine.kernel_cmdline);
    machine.microcode =
        files.line("sys/devices/system/cpu/cpu" + std::to_string(machine.boot_cpu) + "/microcode/version");
    machine.late_microcode = files.exists("sys/devices/system/cpu/microcode/reload");
}

} // namespace

void read_platform(const Files& files, bool is_live, Machine& machine)
{
    machine.kernel_release = kernel_release(files);
    machine.kernel_cmdline = files.line("proc/cmdline");
    machine.interrupt_broadcast = files.exists("proc/cmdline") && broadcasts_interrupts(machine.kernel_cmdline);
    read_cpus(files, machine);
    machine.vendor = files.line("sys/class/dmi/id/sys_vendor");
    machine.product = files.line("sys/class/dmi/id/product_name");
    // Where somebody has put another /sys in the kernel's place, as containers and tests do, /proc/iomem is another
    // machine's.
    const bool is_one_machine = !is_live || is_sysfs("/sys");
    const auto ecam = is_one_machine ? read_ecam(files) : std::nullopt;
    machine.ecam = ecam.value_or(std::vector<Machine::Ecam>{});
    machine.ecam_known = ecam.has_value();
    machine.vulnerabilities = vulnerabilities(files);

    // An IOMMU is listed there once the kernel drives it. Whether a device's own domain translates (the group's type
    // "DMA") or not ("identity", with iommu=pt) does not matter: a partition's devices get another domain.
    machine.iommu = !files.list("sys/class/iommu").empty();
    // A kernel without support for them has no such folder, nor has a snapshot that leaves it out.
    machine.iommu_known = is_live || files.exists("sys/class/iommu");
    const auto remapping = interrupt_remapping(files);
    machine.interrupt_remapping = remapping.value_or(false);
    machine.interrupt_remapping_known = remapping.has_value();
    if (!remapping && files.exists("proc/interrupts"))
        machine.problems.emplace_back("whether interrupts are remapped cannot be told: no interrupt chip is named");
}

} // namespace parker
