// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/each.h"

namespace parker::cli {

Run declare_restart(CLI::App& command, const Common& common)
{
    command.footer(
        "Stops, takes what the manifest asks for now, and starts. A partition that does not run is started.");
    return for_each(command, common, [&common](Client& client, const std::string& name) {
        const auto state = client.partition(name).state;
        if (!common.session) {
            client.run_unit(Client::UnitVerb::restart, name);
            return;
        }
        if (state == "active" || state == "activating")
            client.run(Client::Verb::stop, name);
        client.run(Client::Verb::start, name);
    });
}

} // namespace parker::cli
