// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace parker::cli {

// A verb that does one thing with each of the partitions named. One that fails does not keep the others from theirs;
// the exit code is the first failure's.
inline Run for_each(CLI::App& command, const Common& common,
                    std::function<void(Client& client, const std::string& name)> act)
{
    const auto names = std::make_shared<std::vector<std::string>>();
    command.add_option("NAME", *names, "Partitions")->required();
    return [names, &common, act = std::move(act)] {
        Client client{common.bus(), common.ask_password};
        int code = 0;
        for (const auto& name : *names) {
            try {
                const Progress progress{client, name};
                act(client, name);
            } catch (const Error& error) {
                print_error(error);
                code = code != 0 ? code : info(error.code()).exit_code;
            }
        }
        return code;
    };
}

} // namespace parker::cli
