// SPDX-License-Identifier: LGPL-2.1-or-later
#include <csignal>
#include <memory>

#include "cli/supervisor.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_run(CLI::App& command, const Common& common)
{
    command.footer("Starts the partition, or attaches to it if it runs, tells systemd when it is ready and that it is "
                   "alive, and ends when it ends: 0 after a power-off, 133 after a reboot, 1 after a panic or the loss "
                   "of its heartbeat, 75 if what it asks for is in use. SIGTERM stops the partition.");
    const auto name = std::make_shared<std::string>();
    command.add_option("NAME", *name, "Partition")->required();
    return [name, &common] {
        sigset_t set; // sd-event takes them from a signalfd
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        Client client{common.bus()};
        return Supervisor{client, *name}.run();
    };
}

} // namespace parker::cli
