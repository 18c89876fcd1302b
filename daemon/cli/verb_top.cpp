// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/screen.h"
#include "cli/top_look.h"
#include "cli/verb.h"

namespace parker::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    std::vector<std::string> names;
    double delay_seconds = 2;
    std::optional<unsigned> iterations;
    bool cpus = false;
};

constexpr double least_delay = 0.1, most_delay = 86400;
constexpr std::chrono::milliseconds first_delay{500}; // until there is something to compare with

class Top {
public:
    Top(const Options& options, const Common& common) : options_{options}, common_{common}, client_{common.bus()}
    {
        if (!(options.delay_seconds >= least_delay && options.delay_seconds <= most_delay))
            throw Error{Code::usage, "--delay", fmt::format("it must be {} to {} seconds", least_delay, most_delay)};
        const bool watched = common.json == JsonMode::off && ::isatty(STDOUT_FILENO) == 1;
        iterations_ = options.iterations.value_or(watched ? 0 : 1);
        look(); // names that are wrong are told before the screen is anybody's
        if (watched && iterations_ != 1)
            screen_ = std::make_unique<Screen>(client_.event());
    }

    int run()
    {
        const auto delay =
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{options_.delay_seconds});
        if (std::ranges::any_of(look_.partitions, [](const auto& partition) { return !partition.cpus.empty(); }))
            wait(std::min<Clock::duration>(delay, first_delay));
        for (unsigned shown = 0; !ended();) {
            look();
            show();
            if (++shown == iterations_)
                break;
            wait(delay);
        }
        screen_.reset();
        if (refusal_)
            complain(fmt::format("parkerctl: {}", refusal_->what()));
        return 0;
    }

private:
    bool ended() const { return screen_ && screen_->ended(); }

    void wait(Clock::duration time)
    {
        const auto until = Clock::now() + time;
        for (auto now = Clock::now(); now < until && !ended(); now = Clock::now())
            client_.turn(std::chrono::ceil<std::chrono::microseconds>(until - now));
    }

    void look()
    {
        TopLook next;
        std::vector<PartitionInfo> infos;
        if (options_.names.empty())
            infos = client_.partitions();
        for (const auto& name : options_.names)
            infos.push_back(client_.partition(name));
        for (auto& info : infos) {
            const auto before = std::ranges::find(look_.partitions, info.name,
                                                  [](const auto& partition) { return partition.info.name; });
            auto vitals = vitals_of(info);
            next.partitions.push_back(top_partition(std::move(info), std::move(vitals),
                                                    before != look_.partitions.end() ? &*before : nullptr));
        }
        next.realtime_usec = realtime_usec();
        look_ = std::move(next);
    }

    // Empty for what does not run, or is not everybody's to see: its state and heartbeat are.
    VitalsInfo vitals_of(const PartitionInfo& info)
    {
        if (refusal_ || info.state == "inactive" || info.state == "failed")
            return {};
        try {
            return client_.vitals(info.name);
        } catch (const Error& error) {
            if (error.code() == Code::not_permitted)
                refusal_ = error;
            else if (error.code() != Code::wrong_state &&
                     error.code() != Code::no_such_partition) // since it was listed
                throw;
            return {};
        }
    }

    void show() const
    {
        if (common_.json != JsonMode::off) {
            print_json(to_json(look_), iterations_ == 1 ? common_.json : JsonMode::short_);
        } else {
            constexpr std::size_t state_column = 1;
            const auto lines = table_lines(top_rows(look_, options_.cpus),
                                           !common_.no_legend && !look_.partitions.empty(), state_column);
            if (screen_)
                screen_->draw(lines);
            else
                fmt::print("{}\n", fmt::join(lines, "\n"));
        }
        std::fflush(stdout);
    }

    const Options& options_;
    const Common& common_;
    unsigned iterations_ = 1; // 0: without end
    Client client_;
    TopLook look_;
    std::optional<Error> refusal_; // to tell more than states and heartbeats
    std::unique_ptr<Screen> screen_;
};

} // namespace

Run declare_top(CLI::App& command, const Common& common)
{
    command.footer(
        "On a terminal, again and again until you press q; otherwise once. UPTIME is since the kernel was started, "
        "HEARTBEAT how long ago its heart was last seen to beat, about once a second. The rest is read out of the "
        "memory of kernels of 6.0 or later, also of one that is hung: LOAD of the last 1, 5 and 15 minutes, the memory "
        "that is free and all of it, and how busy its CPUs were since the look before: 200 is two of them all the "
        "time. "
        "- is not known. With `--json`, an object for each look.");
    const auto options = std::make_shared<Options>();
    command.add_option("NAME", options->names, "Partitions; all, if none is named");
    command.add_option("-d,--delay", options->delay_seconds, "So long from look to look; 2, if nothing is said")
        ->type_name("SECONDS");
    command.add_option("-n,--iterations", options->iterations, "So many looks; 0: without end")->type_name("COUNT");
    command.add_flag("--cpus", options->cpus, "A line for each CPU, by the partition's own numbers");
    return [options, &common] { return Top{*options, common}.run(); };
}

} // namespace parker::cli
