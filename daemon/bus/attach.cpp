// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/attach.h"

#include <sys/epoll.h>

#include <ctime>
#include <utility>

#include "base/error.h"
#include "bus/errors.h"

namespace parker::bus {
std::unique_ptr<sdbus::IConnection> connect(Kind kind)
{
    try {
        return kind == Kind::system ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
    } catch (const sdbus::Error& error) {
        throw Error{Code::daemon_not_running, kind == Kind::system ? "system bus" : "session bus",
                    "cannot be reached: " + error.getMessage()};
    }
}

Attachment::Attachment(sd_event* event, sdbus::IConnection& connection,
                       std::function<void(std::exception_ptr)> on_failure)
    : connection_{connection}, on_failure_{std::move(on_failure)}
{
    check_event(sd_event_add_io(event, &io_, connection.getEventLoopPollData().fd, EPOLLIN, &on_io, this));
    check_event(sd_event_add_time(event, &timer_, CLOCK_MONOTONIC, UINT64_MAX, 0, &on_time, this));
    check_event(sd_event_source_set_prepare(io_, &prepare));
}

Attachment::~Attachment()
{
    sd_event_source_disable_unref(io_);
    sd_event_source_disable_unref(timer_);
}

// Before every wait: what is already queued inside the connection shows as a timeout that has passed.
int Attachment::prepare(sd_event_source* /*source*/, void* self)
{
    auto& attachment = *static_cast<Attachment*>(self);
    try {
        attachment.arm();
    } catch (...) { // nothing may pass through the C code of sd-event
        attachment.on_failure_(std::current_exception());
    }
    return 0;
}

void Attachment::arm()
{
    const auto poll = connection_.getEventLoopPollData();
    // The poll(2) and epoll(7) flags for in and out are the same bits.
    check_event(sd_event_source_set_io_events(io_, static_cast<std::uint32_t>(poll.events)));
    check_event(sd_event_source_set_time(timer_, poll.timeout_usec));
    check_event(sd_event_source_set_enabled(timer_, poll.timeout_usec == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT));
}

int Attachment::on_io(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*revents*/, void* self)
{
    static_cast<Attachment*>(self)->process();
    return 0;
}

int Attachment::on_time(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* self)
{
    static_cast<Attachment*>(self)->process();
    return 0;
}

void Attachment::process()
{
    try {
        // One message a turn: what is left shows again in prepare(), and others get their turn in between.
        connection_.processPendingRequest();
    } catch (...) {
        on_failure_(std::current_exception());
    }
}

} // namespace parker::bus
