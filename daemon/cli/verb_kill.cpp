// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/each.h"

namespace parker::cli {

Run declare_kill(CLI::App& command, const Common& common)
{
    command.footer("Its file systems may need a check afterwards. Overtakes a start or a stop that is under way, and "
                   "gives everything back. The unit's `Restart=` does not start it again.");
    return for_each(command, common,
                    [](Client& client, const std::string& name) { client.run(Client::Verb::kill, name); });
}

} // namespace parker::cli
