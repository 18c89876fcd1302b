// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <systemd/sd-event.h>

#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.h"
#include "cli/client.h"
#include "cli/log_event.h"

namespace parker::cli {

// A partition's log as it comes in, in the client's event loop. parkerd may be restarted meanwhile: opened again, it
// goes on where it was, and nothing comes twice.
class LogTail {
public:
    LogTail(Client& client, std::string name, bool follow, std::function<void(const LogEvent&)> call);
    ~LogTail() { close(); }
    LogTail(const LogTail&) = delete;
    LogTail& operator=(const LogTail&) = delete;

    void open();                                        // if it is not; throws Error
    bool is_open() const { return source_ != nullptr; } // until the other end closes

private:
    static int on_readable(sd_event_source* source, int fd, std::uint32_t events, void* self);
    void read();
    void close();
    void take(LogEvent event);

    Client& client_;
    std::string name_;
    bool follow_;
    std::function<void(const LogEvent&)> call_;
    Fd socket_;
    sd_event_source* source_ = nullptr;
    std::string rest_; // of a line that is not whole yet

    std::string run_;
    std::uint64_t started_usec_ = 0;
    std::uint64_t next_seq_ = 0;
    bool catching_up_ = false; // what comes was there before
};

} // namespace parker::cli
