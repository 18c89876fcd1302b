// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/each.h"

namespace parker::cli {

Run declare_kill(CLI::App& command, const Common& common)
{
    return for_each(command, common,
                    [](Client& client, const std::string& name) { client.run(Client::Verb::kill, name); });
}

} // namespace parker::cli
