// SPDX-License-Identifier: LGPL-2.1-or-later
#include <csignal>
#include <memory>

#include "cli/supervisor.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_run(CLI::App& command, const Common& common)
{
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
