// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "cli/host_report.h"
#include "cli/machine_source.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "control/kernel.h"
#include "machine/save.h"

namespace parker::cli {

namespace {

// What only the module sees. It answers root alone.
void ask_module(Machine& machine)
{
    try {
        machine.x2apic_locked = KernelControl{}.info().x2apic_stays && !machine.in_virtual_machine;
    } catch (const Error&) { // no module, or not root
        machine.x2apic_locked = false;
    }
}

} // namespace

Run declare_host(CLI::App& command, const Common& common)
{
    command.footer("CPUs, cores, caches, NUMA nodes and PCI functions of this machine, which of the functions a "
                   "partition can have and why not the others, and advice on the boot kernel's command line. Needs no "
                   "parkerd.");
    const auto folder = std::make_shared<std::string>();
    command
        .add_option("--save", *folder,
                    "Copy what is looked at to a new folder instead, for `--sysroot` there or elsewhere. As root, "
                    "nothing is missing; the copy has the kernel's command line and where file systems are mounted")
        ->type_name("DIR");
    return [folder, &common] {
        if (!folder->empty()) {
            if (common.machine)
                throw Error{Code::usage, "--save", "a description has no files to copy", "leave out --machine"};
            save_machine(common.sysroot, *folder);
            fmt::print("parkerctl --sysroot {} host\n", *folder);
            return 0;
        }
        auto machine = read_machine(common);
        if (common.sysroot == "/" && !machine.described)
            ask_module(machine);
        HostReport report{machine, std::filesystem::exists(common.sysroot / "sys/class/parker")};
        if (common.json != JsonMode::off)
            print_json(report.to_json(), common.json);
        else
            report.print(!common.no_legend);
        return 0;
    };
}

} // namespace parker::cli
