// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/cmdline.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/kernel_line.h"
#include "firmware/word_rules.h"

namespace parker::firmware {
namespace {

// Each of these undoes something that a stock kernel does to more than its own CPUs. Spellings and effects are those of
// Linux 5.10, 6.1 and 6.12.
constexpr std::string_view machine_wide =
    // PCI configuration ports, which the boot kernel uses for each access: pci_check_type1() would probe them.
    // Reserved, they are left alone (kernel/resource.c, arch/x86/pci/direct.c), and devices are reached by memory all
    // the same.
    " reserve=0xcf8,8"
    // Cache and bandwidth shares: a package's first CPU to come up would reset those of the boot kernel.
    " rdt=!l3cat,!l3cdp,!l2cat,!l2cdp,!mba,!smba,!bmec,!cmt,!mbmtotal,!mbmlocal"
    // Corrected machine checks: a kernel claims each bank whose owner lets go of it.
    " mce=no_cmci";

// Drivers of registers that a whole package shares, such as power limits, clocks outside of cores, thermal thresholds
// and counters; and `msr`, which gives all of them to programs.
constexpr std::string_view package_drivers =
    "intel_rapl_common,intel_rapl_msr,intel_rapl_tpmi,intel_uncore,intel_uncore_frequency,"
    "intel_uncore_frequency_common,amd_uncore,x86_pkg_temp_thermal,intel_tcc_cooling,isst_if_common,isst_if_mbox_msr,"
    "msr";
// Those that udev would load by itself. modprobe knows of this list, so that nobody asks the kernel, which says aloud
// each time what it refuses.
constexpr std::string_view loaded_by_udev =
    "intel_rapl_msr,intel_uncore,intel_uncore_frequency,amd_uncore,x86_pkg_temp_thermal,intel_tcc_cooling,"
    "isst_if_mbox_msr";

// KVM: a CPU in VMX operation ignores INIT, so that a kernel that hangs with KVM loaded could never be stopped (Intel
// SDM 3C, "Restrictions on VMX Operation"; since 6.12 it is enough that kvm_intel is loaded). Neither of these words
// taints the kernel, as clearcpuid= does. The first is for modules, whoever loads them; the other for kernels that have
// KVM built in, by the names of what starts it.
constexpr std::string_view kvm_modules = "kvm,kvm_intel,kvm_amd";
constexpr std::string_view kvm_initcalls = "vmx_init,vt_init,svm_init";
// HFI: it gives the package a physical address that outlives the partition (drivers/thermal/intel/intel_hfi.c).
constexpr std::string_view hfi_initcall = "thermal_throttle_init_device";

constexpr std::size_t longest_value = 1024; // param_set_charp() takes no more, and then has none at all

bool is_one_word(std::string_view text)
{
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_';
    });
}

// Linux had no driver for SGX before 5.11, and hands words that it does not know to init.
bool knows_sgx(std::string_view release)
{
    const auto take = [&release] {
        unsigned number = 0;
        const auto [stop, error] = std::from_chars(release.data(), release.data() + release.size(), number);
        release.remove_prefix(static_cast<std::size_t>(stop - release.data()));
        if (release.starts_with('.'))
            release.remove_prefix(1);
        return error == std::errc{} ? number : 0;
    };
    const auto major = take();
    const auto minor = take();
    return std::pair{major, minor} >= std::pair{5U, 11U};
}

void add(std::string& list, std::string_view items)
{
    if (!list.empty() && !items.empty())
        list += ',';
    list += items;
}

// Linux keeps the last module_blacklist= alone, so the user's is put together with parkerd's.
struct Words {
    std::string line;             // without module_blacklist=
    std::string module_blacklist; // the last one's value
};

Words take_module_blacklist(const std::string& line)
{
    Words words;
    auto rest = line.begin();
    for (const auto& word : kernel_words(line)) {
        if (word.name != "module_blacklist")
            continue;
        if (!word.value.empty() && !std::ranges::all_of(word.value, [](char c) {
                return c == ',' || is_one_word({&c, 1});
            }))
            throw Error{Code::bad_value, fmt::format("kernel command line word \"{}\"", word.text),
                        "no module has such a name", "names of modules, with commas between them"};
        const auto at = line.begin() + (word.text.data() - line.data());
        words.line.append(rest, at);
        rest = at + static_cast<std::ptrdiff_t>(word.text.size());
        words.module_blacklist = word.value;
    }
    words.line.append(rest, line.end());
    words.line.erase(0, words.line.find_first_not_of(' '));
    return words;
}

std::string module_words(const Request& request, std::string_view user_blacklist)
{
    std::string blacklist;
    std::string quietly{loaded_by_udev};
    std::string initcalls;
    if (!request.virtualization) {
        add(blacklist, kvm_modules);
        add(quietly, "kvm_intel,kvm_amd");
        add(initcalls, kvm_initcalls);
    }
    add(blacklist, package_drivers);
    add(blacklist, user_blacklist);
    if (blacklist.size() > longest_value)
        throw Error{Code::bad_value, "kernel command line word module_blacklist",
                    fmt::format("with parkerd's own modules it has {} bytes, and Linux takes {}", blacklist.size(),
                                longest_value),
                    "name fewer modules there, and others with modprobe.blacklist="};
    if (request.hide_hfi)
        add(initcalls, hfi_initcall);
    auto words = fmt::format(" module_blacklist={} modprobe.blacklist={}", blacklist, quietly);
    if (!initcalls.empty())
        words += " initcall_blacklist=" + initcalls;
    return words;
}

} // namespace

std::string build_cmdline(const Request& request, std::string_view release)
{
    check_words(request.cmdline);
    const auto user = take_module_blacklist(request.cmdline);

    auto words = fmt::format("no_ipi_broadcast=1 pci=noearly dis_ucode_ldr efi=runtime reboot=efi,panic_warm panic=1 "
                             "8250.nr_uarts=0 disable_cpu_apicid={}",
                             request.phantom_apic_id);
    words += " sysctl.kernel.kexec_load_disabled=1"; // another kernel would come up without all these words
    if (request.tsc_khz != 0)
        words += fmt::format(" tsc_early_khz={} tsc=reliable", request.tsc_khz);
    words += machine_wide;
    if (knows_sgx(release))
        words += " nosgx"; // it removes each page that CPUID names, those of the boot kernel's enclaves, too
    if (request.in_virtual_machine)
        words += " nopv"; // what a hypervisor offers is the virtual machine's, and the boot kernel has it
    words += module_words(request, user.module_blacklist);
    // systemd before 254 takes these two from nowhere else.
    for (const auto& [credential, word] :
         {std::pair{"system.hostname", "systemd.hostname"}, std::pair{"system.machine_id", "systemd.machine_id"}})
        if (const auto found = request.credentials.find(credential);
            found != request.credentials.end() && is_one_word(found->second))
            words += fmt::format(" {}={}", word, found->second);
    if (!user.line.empty())
        words += ' ' + user.line;
    return words;
}

bool has_boot_config(std::span<const std::byte> initrd)
{
    constexpr std::string_view magic = "#BOOTCONFIG\n";
    constexpr std::size_t padding = 3; // a boot loader's, which the kernel skips (init/main.c); ours is as long
    const auto tail = initrd.last(std::min(initrd.size(), magic.size() + 2 * padding));
    return std::string_view{reinterpret_cast<const char*>(tail.data()), tail.size()}.find(magic) !=
           std::string_view::npos;
}

} // namespace parker::firmware
