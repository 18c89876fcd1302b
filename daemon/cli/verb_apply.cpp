// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/json.h"
#include "cli/client.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_apply(CLI::App& command, const Common& common)
{
    command.footer(
        "parkerd also does so by itself when manifests change. Answers when the new definitions are in force, "
        "and prints what is wrong with those that are not. `systemctl reload parkerd` does the same.");
    return [&common] {
        Client client{common.bus(), common.ask_password};
        client.reload();
        const auto findings = client.findings();
        if (common.json != JsonMode::off)
            print_json(parker::to_json(findings), common.json);
        else
            print_findings(findings);
        return exit_code(findings);
    };
}

} // namespace parker::cli
