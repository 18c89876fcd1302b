// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/json.h"
#include "cli/client.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_apply(CLI::App& /*command*/, const Common& common)
{
    return [&common] {
        Client client{common.bus()};
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
