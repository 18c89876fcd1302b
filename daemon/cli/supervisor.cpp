// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/supervisor.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include "cli/log_journal.h"
#include "cli/output.h"

namespace parker::cli {
namespace {

constexpr std::chrono::seconds unwatched_interval{10};
// While a job goes on, parkerd's own timeouts (the manifest's) decide, not systemd's: each tick asks for this much
// more.
constexpr std::chrono::seconds more_time{60};
constexpr std::chrono::seconds job_interval{5};
constexpr std::chrono::seconds last_words{5};

int exit_code(const CodeInfo& code)
{
    constexpr int resources = 6;
    return code.retryable && code.exit_code == resources ? Supervisor::exit_busy : code.exit_code;
}

std::chrono::microseconds watch_interval()
{
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(0, &usec) > 0)
        return std::chrono::microseconds{usec / 2};
    return unwatched_interval;
}

} // namespace

Supervisor::Supervisor(Client& client, std::string name)
    : client_{client}, name_{std::move(name)}, interval_{watch_interval()}, log_{client, name_, true,
                                                                                 [this](const LogEvent& event) {
                                                                                     forward(event);
                                                                                 }}
{
    check_event(sd_event_add_signal(client.event(), &terminate_, SIGTERM, &on_signal, this));
    check_event(sd_event_add_signal(client.event(), &interrupt_, SIGINT, &on_signal, this));
    check_event(sd_event_add_time_relative(client.event(), &timer_, CLOCK_MONOTONIC, 0, 0, &on_tick, this));
    client.on_event([this](const Client::Event& event) {
        if (event.partition.empty() || event.partition == name_)
            look_ = true;
    });
}

Supervisor::~Supervisor()
{
    client_.on_event({});
    sd_event_source_disable_unref(terminate_);
    sd_event_source_disable_unref(interrupt_);
    sd_event_source_disable_unref(timer_);
}

int Supervisor::on_signal(sd_event_source* /*source*/, const signalfd_siginfo* /*signal*/, void* self)
{
    auto& supervisor = *static_cast<Supervisor*>(self);
    supervisor.stopping_ = true;
    supervisor.look_ = true;
    sd_notify(0, "STOPPING=1");
    return 0;
}

int Supervisor::on_tick(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* self)
{
    auto& supervisor = *static_cast<Supervisor*>(self);
    supervisor.look_ = true;
    supervisor.tick();
    return 0;
}

int Supervisor::run()
{
    look_ = true;
    for (;;) {
        while (std::exchange(look_, false))
            if (const auto code = step()) {
                await_last_words();
                return *code;
            }
        client_.turn();
    }
}

std::optional<int> Supervisor::step()
{
    // Calling a parkerd that is away would start it: that is right at the beginning and at the end, but while the
    // partition runs somebody may have stopped parkerd on purpose.
    if (!client_.daemon_runs() && was_alive_ && !stopping_) {
        job_.reset();
        sd_notify(0, "STATUS=parkerd is away; the partition runs on");
        return std::nullopt;
    }
    try {
        follow_log();
        if (const auto code = await_job(); code || job_)
            return code;
        return look(client_.partition(name_));
    } catch (const Error& error) {
        switch (error.code()) {
        case Code::daemon_not_running:
            if (!was_alive_)
                throw;
            job_.reset();
            return std::nullopt; // until it is back
        case Code::busy:         // somebody else's job: the end of that is an event
            return std::nullopt;
        case Code::no_such_partition:
            if (!was_alive_)
                throw;
            return 0; // its manifest was taken away, and it was stopped for that
        default:
            throw;
        }
    }
}

std::optional<int> Supervisor::await_job()
{
    if (!job_)
        return std::nullopt;
    const auto result = client_.result(*job_);
    if (!result) {
        if (stopping_ && job_verb_ == Client::Verb::start) // never mind how far it has come
            begin(Client::Verb::kill);
        return std::nullopt;
    }
    job_.reset();
    if (*result == "done" && job_verb_ == Client::Verb::start)
        be_ready();
    if (*result == "done" || stopping_)
        return std::nullopt;
    const auto info = client_.partition(name_);
    if (info.state == "active")
        return std::nullopt;
    const auto* row = find_code(*result);
    const auto failure =
        info.failure(row != nullptr ? row->code : Code::failed, fmt::format("partition {}: {}", name_, *result));
    print_error(failure);
    return exit_code(parker::info(failure.code()));
}

void Supervisor::begin(Client::Verb verb)
{
    job_ = client_.begin(verb, name_);
    job_verb_ = verb;
    was_alive_ = true;
    tick();
    arm_tick();
}

void Supervisor::be_ready()
{
    if (std::exchange(ready_, true))
        return;
    sd_notify(0, "READY=1");
    arm_tick();
}

std::optional<int> Supervisor::look(const PartitionInfo& info)
{
    sd_notifyf(0, "STATUS=%s (%s)%s%s", info.state.c_str(), info.sub_state.c_str(), info.cpus.empty() ? "" : ", CPUs ",
               info.cpus.c_str());
    if (info.state == "active") {
        was_alive_ = true;
        if (stopping_)
            begin(Client::Verb::stop);
        else
            be_ready();
        if (info.heartbeat != heartbeat_) {
            heartbeat_ = info.heartbeat;
            sd_notify(0, "WATCHDOG=1");
        }
        return std::nullopt;
    }
    if (info.state == "activating") { // not by us: parkerd was restarted, or somebody else began it
        was_alive_ = true;
        if (stopping_)
            begin(Client::Verb::kill);
        return std::nullopt;
    }
    if (info.state == "deactivating")
        return std::nullopt;
    if (was_alive_ || stopping_)
        return ended(info);
    begin(Client::Verb::start);
    return std::nullopt;
}

std::optional<int> Supervisor::ended(const PartitionInfo& info)
{
    if (info.state == "failed") {
        complain(info.message.empty() ? fmt::format("partition {}: {}", name_, info.result) : info.message);
        return 1;
    }
    if (stopping_)
        return 0;
    if (!ready_) {
        complain(
            fmt::format("partition {}: the start was given up (parkerd went away, or somebody stopped it)", name_));
        return 1;
    }
    if (info.result == "success" || info.result == "killed") // asked for, by whatever road
        return 0;
    if (info.result == "reboot")
        return exit_reboot;
    complain(fmt::format("partition {}: {}", name_, info.result));
    return 1;
}

// From before the start, so that nothing is missed, and again after parkerd was away.
void Supervisor::follow_log()
{
    if (log_.is_open())
        return;
    try {
        log_.open();
    } catch (const Error& error) {
        // Without its log a partition runs as well.
        if (error.code() != Code::busy && error.code() != Code::not_permitted && error.code() != Code::failed)
            throw;
        if (!std::exchange(log_failed_, true))
            complain(fmt::format("the log cannot be followed: {}", error.what()));
    }
}

void Supervisor::forward(const LogEvent& event)
{
    switch (event.kind) {
    case LogEvent::Kind::run:
        log_goes_on_ = true;
        return;
    case LogEvent::Kind::record:
        to_journal(name_, event);
        return;
    case LogEvent::Kind::lost:
        complain(fmt::format("{} line{} of the log lost", event.records, event.records == 1 ? "" : "s"));
        return;
    case LogEvent::Kind::unreadable:
        complain(event.text);
        return;
    case LogEvent::Kind::end:
        log_goes_on_ = false;
        return;
    }
}

// parkerd reads the last of the log before it says that the kernel has ended; it is on its way.
void Supervisor::await_last_words()
{
    const auto deadline = std::chrono::steady_clock::now() + last_words;
    while (log_goes_on_ && log_.is_open() && std::chrono::steady_clock::now() < deadline)
        client_.turn(std::chrono::milliseconds{100});
}

void Supervisor::tick()
{
    if (job_)
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%lld", static_cast<long long>(std::chrono::microseconds{more_time}.count()));
    // Where the heartbeat cannot be seen, or need not move, it is not this process that is stuck.
    if (!client_.daemon_runs() || job_ || !ready_)
        sd_notify(0, "WATCHDOG=1");
    arm_tick();
}

void Supervisor::arm_tick()
{
    const auto interval = job_ ? std::min<std::chrono::microseconds>(job_interval, interval_) : interval_;
    check_event(sd_event_source_set_time_relative(timer_, static_cast<std::uint64_t>(interval.count())));
    check_event(sd_event_source_set_enabled(timer_, SD_EVENT_ONESHOT));
}

} // namespace parker::cli
