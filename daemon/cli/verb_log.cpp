// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/client.h"
#include "cli/log_tail.h"
#include "cli/verb.h"
#include "manifest/scalar.h"
#include "partition/log_text.h"
#include "partition/run_record.h"

namespace parker::cli {
namespace {

constexpr std::chrono::milliseconds moment{300};

struct Options {
    std::string name;
    bool follow = false;
    std::string since;
};

class Printer {
public:
    Printer(const Options& options, JsonMode json) : follow_{options.follow}, json_{json}
    {
        if (options.since.empty())
            return;
        const auto ago = parse_duration(options.since);
        if (!ago)
            throw Error{Code::usage, "--since", "'" + options.since + "' is no time", "--since 90s, 10min or 2h"};
        since_usec_ = realtime_usec() -
                      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(*ago).count());
    }

    void print(const LogEvent& event)
    {
        // A kernel's clock starts soon after it does; when a run's start is not known, all of it is shown.
        if (event.kind == LogEvent::Kind::record && event.started_usec != 0 &&
            event.started_usec + event.time_nsec / 1000 < since_usec_)
            return;
        if (json_ != JsonMode::off)
            print_json(event.json, JsonMode::short_);
        else
            print_text(event);
        std::fflush(stdout);
        if (event.kind == LogEvent::Kind::unreadable)
            unreadable_ = event.text;
    }

    const std::string& unreadable() const { return unreadable_; }

private:
    void print_text(const LogEvent& event) const
    {
        switch (event.kind) {
        case LogEvent::Kind::record:
            fmt::print("{}", log_text(event.time_nsec, event.text));
            return;
        case LogEvent::Kind::lost:
            fmt::print("-- {} line{} lost\n", event.records, event.records == 1 ? "" : "s");
            return;
        case LogEvent::Kind::run:
            if (follow_)
                fmt::print("-- kernel {}, started {}\n", event.kernel_release, local_time(event.started_usec));
            return;
        case LogEvent::Kind::end:
            fmt::print("-- ended: {}{}{}\n", event.result, event.text.empty() ? "" : ": ", event.text);
            return;
        case LogEvent::Kind::unreadable:
            if (follow_)
                fmt::print("-- {}\n", event.text);
            return;
        }
    }

    bool follow_;
    JsonMode json_;
    std::uint64_t since_usec_ = 0; // CLOCK_REALTIME
    std::string unreadable_;       // why, if it was said last
};

int run(const Options& options, const Common& common)
{
    Printer printer{options, common.json};
    Client client{common.bus(), common.ask_password};
    LogTail tail{client, options.name, options.follow, [&printer](const LogEvent& event) { printer.print(event); }};
    tail.open();
    while (tail.is_open() || options.follow) {
        client.turn();
        if (tail.is_open() || !options.follow)
            continue;
        // Either the partition is gone, which open() says, or parkerd, which the bus tells in a moment.
        const auto until = std::chrono::steady_clock::now() + moment;
        while (std::chrono::steady_clock::now() < until)
            client.turn(moment);
        if (client.daemon_runs())
            tail.open();
    }
    if (!printer.unreadable().empty())
        throw Error{Code::failed, "partition " + options.name, printer.unreadable(),
                    "journalctl -u " + bus::unit_name(options.name)};
    return 0;
}

} // namespace

Run declare_log(CLI::App& command, const Common& common)
{
    command.footer(
        "Read out of the partition's memory: nothing in it needs to help, and it may be hung. What it said in "
        "earlier runs is in the journal: `journalctl -u parker@NAME`.");
    const auto options = std::make_shared<Options>();
    command.add_option("NAME", options->name, "Partition")->required();
    command.add_flag("-f,--follow", options->follow, "Go on as it is written, also through restarts");
    command.add_option("--since", options->since, "Only what is not older than this: 90s, 10min, 2h")
        ->type_name("TIME");
    return [options, &common] { return run(*options, common); };
}

} // namespace parker::cli
