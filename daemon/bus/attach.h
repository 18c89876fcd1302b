// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-event.h>

#include <exception>
#include <functional>
#include <memory>

#include "bus/names.h"

namespace parker::bus {

// Opens the bus; Error (daemon_not_running) if there is none.
std::unique_ptr<sdbus::IConnection> connect(Kind kind);

// Runs a connection in an sd-event loop. sdbus-c++ 1.2 has no call for that, only the poll data.
class Attachment {
public:
    // `on_failure` gets what a handler threw or that the connection broke.
    Attachment(sd_event* event, sdbus::IConnection& connection, std::function<void(std::exception_ptr)> on_failure);
    ~Attachment();
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

private:
    static int prepare(sd_event_source* source, void* self);
    static int on_io(sd_event_source* source, int fd, std::uint32_t revents, void* self);
    static int on_time(sd_event_source* source, std::uint64_t usec, void* self);
    void arm();
    void process();

    sdbus::IConnection& connection_;
    std::function<void(std::exception_ptr)> on_failure_;
    sd_event_source* io_ = nullptr;
    sd_event_source* timer_ = nullptr;
};

} // namespace parker::bus
