// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/cmdline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/error.h"

namespace parker::firmware {
namespace {

struct Danger {
    std::string_view start; // of a word
    std::string_view why;
};

// Documentation/admin-guide/kernel-parameters.txt. A word that starts like this would undo what keeps kernels apart.
constexpr std::array dangers{
    Danger{"acpi=", "the kernel would look for the machine's own tables"},
    Danger{"noacpi", "the kernel would look for the machine's own tables"},
    Danger{"acpi_rsdp=", "the kernel would use the machine's own tables"},
    Danger{"pci=", "configuration ports and quirks are shared with the boot kernel"},
    Danger{"noefi", "without EFI services a reboot would reset the whole machine"},
    Danger{"efi=", "without EFI services a reboot would reset the whole machine"},
    Danger{"reboot=", "another way to reboot would reset the whole machine"},
    Danger{"no_ipi_broadcast=", "interrupts would be sent to every kernel's CPUs"},
    Danger{"disable_cpu_apicid=", "the kernel would take the phantom CPU for a real one"},
    Danger{"dis_ucode_ldr=", "microcode belongs to the boot kernel"},
    Danger{"8250.nr_uarts=", "probing would touch the boot kernel's UART"},
    Danger{"earlyprintk=", "it would write to the boot kernel's UART or screen"},
    Danger{"earlycon=uart", "it would write to the boot kernel's UART"},
    Danger{"memmap=", "the kernel would use memory that is not its own"},
    Danger{"add_efi_memmap", "the kernel would count its memory twice"},
};

bool is_one_word(std::string_view text)
{
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
    });
}

} // namespace

std::string build_cmdline(const Request& request)
{
    for (std::size_t at = 0; at < request.cmdline.size();) {
        const auto end = std::min(request.cmdline.find(' ', at), request.cmdline.size());
        const auto word = std::string_view{request.cmdline}.substr(at, end - at);
        if (word == "--")
            break; // the rest is for init
        for (const auto& danger : dangers)
            if (word.starts_with(danger.start))
                throw Error{Code::bad_value, fmt::format("kernel command line word \"{}\"", word),
                            std::string{danger.why}, "leave it out: parkerd sets what is needed"};
        at = end + 1;
    }

    auto words = fmt::format("no_ipi_broadcast=1 pci=noearly dis_ucode_ldr efi=runtime reboot=efi,panic_warm panic=1 "
                             "8250.nr_uarts=0 disable_cpu_apicid={}",
                             request.phantom_apic_id);
    words += " sysctl.kernel.kexec_load_disabled=1"; // another kernel would come up without all these words
    if (request.tsc_khz != 0)
        words += fmt::format(" tsc_early_khz={} tsc=reliable", request.tsc_khz);
    // systemd before 254 takes these two from nowhere else.
    for (const auto& [credential, word] :
         {std::pair{"system.hostname", "systemd.hostname"}, std::pair{"system.machine_id", "systemd.machine_id"}})
        if (const auto found = request.credentials.find(credential);
            found != request.credentials.end() && is_one_word(found->second))
            words += fmt::format(" {}={}", word, found->second);
    if (!request.cmdline.empty())
        words += ' ' + request.cmdline;
    return words;
}

} // namespace parker::firmware
