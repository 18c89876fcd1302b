// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/inotify.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace parker {

// An sd-event loop with C++ callbacks. An exception that leaves a callback is a bug or a broken invariant: it ends the
// loop, run() throws it on, and systemd starts the daemon again from what the kernel holds.
class Loop {
public:
    using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as sd-event's timers here

    class Source { // ends with the object
    public:
        virtual ~Source();
        Source(const Source&) = delete;
        Source& operator=(const Source&) = delete;
        void at(std::optional<Clock::time_point> when); // timers: none is off

    protected:
        explicit Source(Loop& loop) : loop_{loop} {}
        friend class Loop;
        Loop& loop_;
        sd_event_source* source_ = nullptr;
    };
    using Handle = std::unique_ptr<Source>;

    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    sd_event* get() { return event_; }

    Handle on_signal(int signal, std::function<void()> call); // must be blocked in all threads
    Handle on_readable(int fd, std::function<void()> call);
    Handle on_urgent(int fd, std::function<void()> call); // EPOLLPRI: how files of /proc tell of a change
    Handle on_inotify(const std::string& path, std::uint32_t mask, std::function<void(const inotify_event&)> call);
    Handle timer(std::function<void()> call); // off until at()
    Handle after_events(std::function<void()> call);

    void run();  // until stop(), or an exception left a callback
    void stop(); // with the turn that is under way
    void fail(std::exception_ptr failure);

private:
    Handle on_descriptor(int fd, std::uint32_t events, std::function<void()> call);

    template <typename... Arguments>
    struct Callback;
    template <typename... Arguments>
    static int dispatch(void* self, Arguments... arguments);

    sd_event* event_ = nullptr;
    std::exception_ptr failure_;
};

} // namespace parker
