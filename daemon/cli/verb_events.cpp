// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <cstdio>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_events(CLI::App& command, const Common& common)
{
    command.footer("A line for each change of a partition's state, for each job that begins or ends, and when parkerd "
                   "comes or goes, until it is interrupted. With `--json`, an object a line: realtime_usec, partition, "
                   "event, and state and sub_state where they have changed.");
    return [&common]() -> int {
        Client client{common.bus()};
        client.on_event([&common](const Client::Event& event) {
            const auto now = realtime_usec();
            if (common.json != JsonMode::off)
                print_json({{"realtime_usec", now},
                            {"partition", event.partition},
                            {"event", event.text},
                            {"state", event.state},
                            {"sub_state", event.sub_state}},
                           JsonMode::short_);
            else
                fmt::print("{} {}{}{}\n", local_time(now), event.partition, event.partition.empty() ? "" : ": ",
                           event.text);
            std::fflush(stdout);
        });
        for (;;) // until a signal
            client.turn();
    };
}

} // namespace parker::cli
