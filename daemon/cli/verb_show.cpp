// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>

#include "bus/json.h"
#include "cli/client.h"
#include "cli/verb.h"

namespace parker::cli {

// The keys and their meaning are stable, other than what `status` prints.
Run declare_show(CLI::App& command, const Common& common)
{
    command.footer("A line KEY=VALUE for each property, as org.parker1(5) describes them. Keys keep their names and "
                   "meaning from version to version. With `--json`, one object.");
    const auto name = std::make_shared<std::string>();
    command.add_option("NAME", *name, "Partition")->required();
    return [name, &common] {
        const auto json = to_json(Client{common.bus()}.partition(*name));
        if (common.json != JsonMode::off) {
            print_json(json, common.json);
            return 0;
        }
        for (const auto& [key, value] : json.items())
            fmt::print("{}={}\n", key, value.is_string() ? value.get<std::string>() : dump(value));
        return 0;
    };
}

} // namespace parker::cli
