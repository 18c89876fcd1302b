// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <systemd/sd-event.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/fd.h"
#include "cli/client.h"

namespace parker::cli {

// A line of what Partition.OpenLog sends (schemas/org.parker1.Partition.xml).
struct LogEvent {
    enum class Kind { run, record, lost, unreadable, end };
    Kind kind = Kind::record;
    std::string run;                // run: its ID
    std::string kernel_release;     // run
    std::uint64_t started_usec = 0; // run, record: CLOCK_REALTIME; 0: not known
    std::uint64_t seq = 0;          // record
    std::uint64_t time_nsec = 0;    // record: the kernel's clock
    unsigned level = 6;             // record: as syslog(3)
    unsigned facility = 0;          // record
    std::string text;               // record; unreadable: why; end: the cause
    std::uint64_t records = 0;      // lost
    std::string result;             // end
    nlohmann::ordered_json json;

    // nullopt: not of this form, or of a kind that is not known here.
    static std::optional<LogEvent> parse(const std::string& line);
};

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
