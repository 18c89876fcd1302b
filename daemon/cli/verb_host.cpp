// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/host_report.h"
#include "cli/machine_source.h"
#include "cli/output.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_host(CLI::App& command, const Common& common)
{
    command.footer("CPUs, cores, caches, NUMA nodes and PCI functions of this machine, which of the functions a "
                   "partition can have and why not the others, and advice on the boot kernel's command line. Needs no "
                   "parkerd.");
    return [&common] {
        const auto machine = read_machine(common);
        HostReport report{machine, std::filesystem::exists(common.sysroot / "sys/class/parker")};
        if (common.json != JsonMode::off)
            print_json(report.to_json(), common.json);
        else
            report.print(!common.no_legend);
        return 0;
    };
}

} // namespace parker::cli
