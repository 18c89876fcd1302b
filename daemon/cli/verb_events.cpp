// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "cli/client.h"
#include "cli/verb.h"

namespace parker::cli {
namespace {

std::uint64_t now_usec()
{
    using namespace std::chrono;
    return static_cast<std::uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

} // namespace

Run declare_events(CLI::App& /*command*/, const Common& common)
{
    return [&common]() -> int {
        Client client{common.bus()};
        client.on_event([&common](const Client::Event& event) {
            const auto now = now_usec();
            if (common.json != JsonMode::off)
                print_json({{"realtime_usec", now}, {"partition", event.partition}, {"event", event.text}},
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
