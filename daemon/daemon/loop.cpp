// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/loop.h"

#include <sys/epoll.h>

#include <ctime>
#include <utility>

#include "base/error.h"

namespace parker {
namespace {

void check(int result, const std::string& doing)
{
    if (result < 0)
        throw Error{Code::failed, "event loop", doing + ": " + errno_text(-result)};
}

} // namespace

template <typename... Arguments>
struct Loop::Callback final : Source {
    Callback(Loop& loop, std::function<void(Arguments...)> function) : Source{loop}, call{std::move(function)} {}
    std::function<void(Arguments...)> call;
};

// The boundary for exceptions of event callbacks: nothing may pass through the C code of sd-event.
template <typename... Arguments>
int Loop::dispatch(void* self, Arguments... arguments)
{
    auto& callback = *static_cast<Callback<Arguments...>*>(self);
    auto& loop = callback.loop_; // the call may end the callback's own life
    try {
        callback.call(arguments...);
    } catch (...) {
        loop.fail(std::current_exception());
    }
    return 0;
}

Loop::Source::~Source()
{
    sd_event_source_disable_unref(source_);
}

void Loop::Source::at(std::optional<Clock::time_point> when)
{
    if (when) {
        const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(when->time_since_epoch()).count();
        check(sd_event_source_set_time(source_, static_cast<std::uint64_t>(usec)), "setting a timer");
    }
    check(sd_event_source_set_enabled(source_, when ? SD_EVENT_ONESHOT : SD_EVENT_OFF), "setting a timer");
}

Loop::Loop()
{
    check(sd_event_new(&event_), "making it");
    check(sd_event_set_watchdog(event_, 1), "watchdog"); // does nothing without WATCHDOG_USEC
}

Loop::~Loop()
{
    sd_event_unref(event_);
}

Loop::Handle Loop::on_signal(int signal, std::function<void()> call)
{
    auto callback = std::make_unique<Callback<>>(*this, std::move(call));
    check(sd_event_add_signal(
              event_, &callback->source_, signal,
              [](sd_event_source*, const signalfd_siginfo*, void* self) { return dispatch(self); }, callback.get()),
          "signal");
    return callback;
}

Loop::Handle Loop::on_readable(int fd, std::function<void()> call)
{
    return on_descriptor(fd, EPOLLIN, std::move(call));
}

Loop::Handle Loop::on_urgent(int fd, std::function<void()> call)
{
    return on_descriptor(fd, EPOLLPRI, std::move(call));
}

Loop::Handle Loop::on_descriptor(int fd, std::uint32_t events, std::function<void()> call)
{
    auto callback = std::make_unique<Callback<>>(*this, std::move(call));
    check(sd_event_add_io(
              event_, &callback->source_, fd, events,
              [](sd_event_source*, int, std::uint32_t, void* self) { return dispatch(self); }, callback.get()),
          "file descriptor");
    return callback;
}

Loop::Handle Loop::on_inotify(const std::string& path, std::uint32_t mask,
                              std::function<void(const inotify_event&)> call)
{
    auto callback = std::make_unique<Callback<const inotify_event&>>(*this, std::move(call));
    check(sd_event_add_inotify(
              event_, &callback->source_, path.c_str(), mask,
              [](sd_event_source*, const inotify_event* event, void* self) {
                  return dispatch<const inotify_event&>(self, *event);
              },
              callback.get()),
          "watching " + path);
    // What happened to a file before a client called is seen before the call.
    check(sd_event_source_set_priority(callback->source_, SD_EVENT_PRIORITY_IMPORTANT), "priority");
    return callback;
}

Loop::Handle Loop::timer(std::function<void()> call)
{
    constexpr std::uint64_t accuracy_usec = 10'000; // lets the kernel wake up for several at once
    auto callback = std::make_unique<Callback<>>(*this, std::move(call));
    check(sd_event_add_time(
              event_, &callback->source_, CLOCK_MONOTONIC, 0, accuracy_usec,
              [](sd_event_source*, std::uint64_t, void* self) { return dispatch(self); }, callback.get()),
          "timer");
    callback->at(std::nullopt);
    return callback;
}

Loop::Handle Loop::after_events(std::function<void()> call)
{
    auto callback = std::make_unique<Callback<>>(*this, std::move(call));
    check(sd_event_add_post(
              event_, &callback->source_, [](sd_event_source*, void* self) { return dispatch(self); }, callback.get()),
          "post");
    return callback;
}

void Loop::run()
{
    check(sd_event_loop(event_), "running");
    if (failure_)
        std::rethrow_exception(failure_);
}

void Loop::stop()
{
    (void)sd_event_exit(event_, 0);
}

void Loop::fail(std::exception_ptr failure)
{
    if (!failure_)
        failure_ = std::move(failure);
    stop();
}

} // namespace parker
