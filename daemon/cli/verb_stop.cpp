// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/each.h"

namespace parker::cli {

Run declare_stop(CLI::App& command, const Common& common)
{
    command.footer("Returns when everything has been given back. A partition that does not power off within "
                   "`timeouts.stop` of its manifest is killed.");
    return for_each(command, common, [&common](Client& client, const std::string& name) {
        (void)client.partition(name);
        if (!common.session)
            client.run_unit(Client::UnitVerb::stop, name);
        // Without its unit, or if it was started behind the unit's back, it still runs.
        if (const auto state = client.partition(name).state; state == "active" || state == "activating")
            client.run(Client::Verb::stop, name);
    });
}

} // namespace parker::cli
