// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/word_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace parker::firmware {
namespace {

// Words are in Linux's Documentation/admin-guide/kernel-parameters.txt; "_" stands for "-", too.
struct Family {
    std::string_view start; // of a word's name
    bool whole;             // it is the whole name: other words may begin so
    std::string_view why;
    std::string_view suggestion = "leave it out: parkerd sets what is needed";
};

constexpr std::string_view not_its_tables = "the kernel would look for the machine's own tables";
constexpr std::string_view not_its_bus = "configuration ports and quirks are shared with the boot kernel";
constexpr std::string_view resets_all = "a reboot would reset the whole machine";
constexpr std::string_view not_its_uart = "it would write to the boot kernel's UART or screen";
constexpr std::string_view not_its_memory = "the kernel would use memory that is not its own";
constexpr std::string_view not_its_interrupts = "interrupts are set up for CPUs that are shared out among kernels";
constexpr std::string_view not_its_cpu = "without what CPUs have, a machine check could take down the whole machine";
constexpr std::string_view not_its_ports = "it would touch I/O ports that belong to the boot kernel";
constexpr std::string_view use_log = "leave it out: `parkerctl log` reads the kernel's log without a console";
constexpr std::string_view use_memory = "leave it out, and say how much memory in `memory`";
constexpr std::string_view use_initrd = "name the file in `kernel.initrd`";

constexpr std::array families{
    Family{"acpi", false, not_its_tables},
    Family{"noacpi", false, not_its_tables},
    Family{"pci", false, not_its_bus},
    Family{"efi", false, resets_all},
    Family{"noefi", false, resets_all},
    Family{"add_efi_memmap", false, "the kernel would count its memory twice"},
    Family{"reboot", false, resets_all},
    Family{"apic", false, not_its_interrupts},
    Family{"noapic", false, not_its_interrupts},
    Family{"lapic", false, not_its_interrupts},
    Family{"nolapic", false, not_its_interrupts},
    Family{"disableapic", false, not_its_interrupts},
    Family{"x2apic", false, not_its_interrupts},
    Family{"nox2apic", false, not_its_interrupts},
    Family{"no_ipi_broadcast", false, "interrupts would be sent to every kernel's CPUs"},
    Family{"disable_cpu_apicid", false, "the kernel would take the phantom CPU for a real one"},
    Family{"nosmp", false, not_its_interrupts, "`maxcpus=1`"},
    Family{"maxcpus", true, not_its_interrupts, "1 or more"},
    Family{"iommu", true, "it would set up an aperture in memory that is not its own"},
    Family{"hpet", false, "the machine's timer belongs to the boot kernel"},
    Family{"pmtmr", false, not_its_ports},
    Family{"tsc_early_khz", false, "its clock would run wrong"},
    Family{"earlycon", false, not_its_uart, use_log},
    Family{"earlyprintk", false, not_its_uart, use_log},
    Family{"console", true, not_its_uart, use_log},
    Family{"8250", false, not_its_uart},
    Family{"kgdb", false, not_its_uart},
    Family{"ekgdb", false, not_its_uart},
    Family{"ohci1394_dma", false, "it would open all memory of the machine to a FireWire port"},
    Family{"mem", true, "without memory the kernel would die, and reset the whole machine", use_memory},
    Family{"memmap", false, not_its_memory, use_memory},
    Family{"initrdmem", true, not_its_memory, use_initrd},
    Family{"initrd", true, not_its_memory, use_initrd},
    Family{"elfcorehdr", false, not_its_memory},
    Family{"phram", false, not_its_memory},
    Family{"slram", false, not_its_memory},
    Family{"physmap", false, not_its_memory},
    Family{"iomem", true, "programs could write to registers that a driver uses"},
    Family{"mem_encrypt", false, "parkerd and the partition's devices could not read its memory"},
    Family{"crashkernel", false, "kexec is closed to a partition, so the memory would lie idle",
           "leave it out: `dump: on-crash` keeps the memory of a kernel that crashes"},
    Family{"bootconfig", true, "the kernel would read more words from its initial RAM disk, unseen",
           "write those words into `kernel.cmdline`"},
    Family{"mce", false, "a machine check on this CPU would take down the whole machine"},
    Family{"nomce", false, "a machine check on this CPU would take down the whole machine"},
    Family{"clearcpuid", true, not_its_cpu},
    Family{"setcpuid", true, not_its_cpu},
    Family{"rdt", false, "cache and bandwidth shares of a package belong to the boot kernel"},
    Family{"enable_mtrr", false, "kinds of memory have to be the same on all CPUs of the machine"},
    Family{"mtrr", false, "kinds of memory have to be the same on all CPUs of the machine"},
    Family{"split_lock_detect", false, "each split lock stops the memory of the whole machine for a moment"},
    Family{"microcode", false, "microcode belongs to the boot kernel"},
    Family{"thermal.", false, "the heartbeat that parkerd watches comes from a thermal zone"},
    Family{"i8042", false, not_its_ports},
    Family{"isapnp", false, not_its_ports},
    Family{"parport", false, not_its_ports},
    Family{"floppy", false, not_its_ports},
    Family{"ipmi_si", false, not_its_ports},
    Family{"ether", true, not_its_ports},
    Family{"netdev", true, not_its_ports},
};

// What a family's words may be all the same.
struct Harmless {
    enum Values { any, each, first }; // of a list with commas, each or only the first must be among `values`

    std::string_view name; // the whole of it; with a dot at its end: a module, whatever its parameter
    Values check = Values::any;
    std::string_view values = {}; // "|" between them; "tty*" is whatever begins so; an empty one is no value at all
};

constexpr std::array harmless{
    Harmless{"acpi", Harmless::each, "force"},
    Harmless{"acpi_osi"},
    Harmless{"acpi_os_name"},
    Harmless{"acpi_backlight"},
    Harmless{"acpi_rev_override"},
    Harmless{"acpi_no_memhotplug"},
    Harmless{"acpi.debug_layer"},
    Harmless{"acpi.debug_level"},
    Harmless{"pci", Harmless::each,
             "noearly|noaer|noats|nomsi|pcie_bus_tune_off|pcie_bus_safe|pcie_bus_perf|pcie_bus_peer2peer"},
    Harmless{"pcie_aspm"},
    Harmless{"pcie_aspm.policy"},
    Harmless{"pcie_pme"},
    Harmless{"pcie_port_pm"},
    Harmless{"pcie_ports"},
    Harmless{"pci_stub."},
    Harmless{"efi", Harmless::each, "debug|runtime"},
    Harmless{"efi_pstore."},
    Harmless{"apic", Harmless::each, "quiet|verbose|debug"},
    Harmless{"no_ipi_broadcast", Harmless::each, "1"},
    Harmless{"maxcpus", Harmless::each, "1*|2*|3*|4*|5*|6*|7*|8*|9*"},
    Harmless{"iommu", Harmless::each, "pt|nopt|soft|off"},
    Harmless{"hpet", Harmless::each, "disable"},
    Harmless{"console", Harmless::first, "|tty*|hvc*|null"},
    Harmless{"8250.nr_uarts", Harmless::each, "0"},
    Harmless{"kgdboc", Harmless::first, "tty*|hvc*"},
    Harmless{"kgdbcon"},
    Harmless{"mem", Harmless::each, "nopentium"},
    Harmless{"iomem", Harmless::each, "strict"},
    Harmless{"mem_encrypt", Harmless::each, "off"},
    Harmless{"mce", Harmless::each, "no_cmci|no_lmce|dont_log_ce|print_all|ignore_ce"},
    Harmless{"split_lock_detect", Harmless::each, "warn|fatal|ratelimit:*"},
    Harmless{"initrd", Harmless::first, "/*|\\*|i*"}, // a boot loader left it there; addresses are numbers
    Harmless{"libata.force"},
    Harmless{"i8042.noaux"},
    Harmless{"i8042.nokbd"},
};

// A module's parameter that says where a device is.
constexpr std::array<std::string_view, 19> places{"io",     "ioport",   "io_port",      "iobase",    "io_base",
                                                  "ioaddr", "port",     "irq",          "mem",       "membase",
                                                  "addr",   "address",  "mem_start",    "force",     "mem_address",
                                                  "ser",    "force_id", "force_iobase", "force_addr"};

// Among the early readers' words, only these can do harm where the kernel's own reader does not see them.
constexpr std::array<std::string_view, 5> early_names{"earlyprintk", "console", "acpi_rsdp", "mem_encrypt",
                                                      "split_lock_detect"};

std::string_view take_until(std::string_view& text, char separator)
{
    const auto at = text.find(separator);
    const auto taken = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return taken;
}

bool is_one_of(std::string_view value, std::string_view values)
{
    if (value.empty())
        return values.starts_with('|');
    while (!values.empty()) {
        const auto one = take_until(values, '|');
        if (one.ends_with('*') ? value.starts_with(one.substr(0, one.size() - 1)) : value == one)
            return true;
    }
    return false;
}

bool is_harmless(const KernelWord& word)
{
    const auto found = std::ranges::find_if(harmless, [&word](const Harmless& each) {
        return each.name.ends_with('.') ? word.name.starts_with(each.name) : word.name == each.name;
    });
    if (found == harmless.end())
        return false;
    if (found->check == Harmless::any)
        return true;
    std::string_view rest = word.value;
    auto is_known = is_one_of(take_until(rest, ','), found->values);
    while (found->check == Harmless::each && is_known && !rest.empty())
        is_known = is_one_of(take_until(rest, ','), found->values);
    return is_known;
}

bool says_where(std::string_view name)
{
    const auto dot = name.find('.'); // systemd's and dracut's words have more of them
    return dot != std::string_view::npos && dot != 0 && std::ranges::find(places, name.substr(dot + 1)) != places.end();
}

[[noreturn]] void refuse(const KernelWord& word, const Refusal& refusal)
{
    throw Error{Code::bad_value, fmt::format("kernel command line word \"{}\"", word.text), std::string{refusal.why},
                std::string{refusal.suggestion}};
}

} // namespace

std::optional<Refusal> judge(const KernelWord& word)
{
    if (is_harmless(word))
        return std::nullopt;
    const auto family = std::ranges::find_if(families, [&word](const Family& each) {
        return each.whole ? word.name == each.start : word.name.starts_with(each.start);
    });
    if (family != families.end())
        return Refusal{family->why, family->suggestion};
    if (says_where(word.name))
        return Refusal{"it tells a driver where to look for a device, which would not be the partition's",
                       "leave it out: a partition's devices are found by PCI"};
    return std::nullopt;
}

std::optional<Refusal> judge_early(const KernelWord& word)
{
    return std::ranges::find(early_names, word.name) == early_names.end() ? std::nullopt : judge(word);
}

void check_words(std::string_view line)
{
    for (const auto& word : kernel_words(line))
        if (const auto refusal = judge(word))
            refuse(word, *refusal);
    for (const auto& word : early_words(line))
        if (const auto refusal = judge_early(word))
            refuse(word, *refusal);

    // One more than it has room for, and a kernel panics before it can end in any other way than with the machine.
    constexpr std::size_t most = 26; // of 32; parkerd's own and what every kernel sets itself need the rest
    std::size_t arguments = init_words(line);
    std::size_t variables = 0;
    for (const auto& word : kernel_words(line))
        if (word.name.find('.') == std::string::npos)
            ++(word.has_value ? variables : arguments);
    if (std::max(arguments, variables) > most)
        throw Error{Code::bad_value, "kernel command line",
                    fmt::format("it has {} words that may be for init, and more than {} can panic a kernel at once",
                                std::max(arguments, variables), most),
                    "leave some out"};
}

} // namespace parker::firmware
