// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/each.h"

namespace parker::cli {

Run declare_start(CLI::App& command, const Common& common)
{
    command.footer(
        "Returns with the first heartbeat. A start that fails gives back all that it took, and the exit code "
        "says why it failed.");
    return for_each(command, common, [&common](Client& client, const std::string& name) {
        (void)client.partition(name); // "no such partition" says more than what systemd would
        if (common.session)
            client.run(Client::Verb::start, name);
        else
            client.run_unit(Client::UnitVerb::start, name);
    });
}

} // namespace parker::cli
