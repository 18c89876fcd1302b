// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>

#include "base/clock.h"
#include "base/replace_file.h"
#include "cli/client.h"
#include "cli/metrics.h"
#include "cli/verb.h"

namespace parker::cli {
namespace {

constexpr mode_t for_all_to_read = 0644;

std::string text_now(const Common& common)
{
    try {
        Client client{common.bus()};
        if (!client.daemon_runs()) // and whoever counts must not start it
            return metrics_text(std::nullopt, {}, 0);
        const auto daemon = client.daemon();
        const auto partitions = client.partitions();
        return metrics_text(daemon, partitions, realtime_usec());
    } catch (const Error& error) {
        if (error.code() != Code::daemon_not_running)
            throw;
        return metrics_text(std::nullopt, {}, 0);
    }
}

} // namespace

Run declare_metrics(CLI::App& command, const Common& common)
{
    command.footer("The text format that Prometheus reads. A parkerd that does not run is not started: parker_up is 0 "
                   "then. parker-metrics.timer writes them twice a minute where node_exporter's textfile collector "
                   "looks.");
    const auto file = std::make_shared<std::string>();
    command.add_option("-o,--output", *file, "Replace FILE in one step, instead of printing")->type_name("FILE");
    return [file, &common] {
        const auto text = text_now(common);
        if (file->empty())
            fmt::print("{}", text);
        else
            replace_file(*file, text, for_all_to_read);
        return 0;
    };
}

} // namespace parker::cli
