// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "base/bytes.h"
#include "cli/bad_manifests.h"
#include "cli/client.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_list(CLI::App& command, const Common& common)
{
    command.footer(
        "What each partition is called, its state and substate, and what it holds at this moment. With "
        "`--json`, all that `show` tells of each. A manifest that never was valid is there, too, in the state "
        "`invalid` or `empty`, with what is wrong; and a file whose name does not end in .yaml, as "
        "`ignored`.");
    return [&common] {
        Client client{common.bus()};
        auto partitions = client.partitions();
        const auto bad = bad_manifests(client.manifests(), partitions);
        partitions.insert(partitions.end(), bad.begin(), bad.end());
        std::ranges::stable_sort(partitions, {}, &PartitionInfo::name);
        if (common.json != JsonMode::off) {
            auto json = nlohmann::ordered_json::array();
            for (const auto& partition : partitions)
                json.push_back(to_json(partition));
            print_json(json, common.json);
            return 0;
        }
        std::vector<std::vector<std::string>> rows{{"NAME", "STATE", "SUB", "CPUS", "MEMORY", "DESCRIPTION"}};
        for (const auto& partition : partitions)
            rows.push_back({partition.name, partition.state, partition.sub_state.empty() ? "-" : partition.sub_state,
                            partition.cpus.empty() ? "-" : partition.cpus,
                            partition.memory.empty() ? "-" : format_bytes(partition.memory_bytes()),
                            partition.sub_state.empty() ? partition.message : partition.description});
        constexpr std::size_t state_column = 1;
        print_table(rows, !common.no_legend && !partitions.empty(), state_column);
        return 0;
    };
}

} // namespace parker::cli
