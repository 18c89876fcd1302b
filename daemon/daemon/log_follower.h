// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/fd.h"
#include "introspect/kernel.h"
#include "introspect/log_cursor.h"

namespace parker {

// Which kernel a log is of.
struct LogRun {
    std::string id;                 // another one at each start; the same for a parkerd that was restarted
    std::string kernel_release;     // as the image says
    std::uint64_t started_usec = 0; // CLOCK_REALTIME; 0: not known
};

// One reader of a partition's log, at the other end of a socket: JSON, an object a line, as schemas/
// org.parker1.Partition.xml says. It has its own place in the log and so its own pace: `most_backlog` is kept for it
// when it is slow; what does not fit is overwritten in the kernel's ring, and it is told how much. Never blocks.
class LogFollower {
public:
    static constexpr std::size_t most_backlog = std::size_t{8} << 20;
    static constexpr std::size_t most_last_words = std::size_t{16} << 20; // of a kernel that ended

    // `id` is told from any other's; `follow`: beyond what there is now, and on to the next run; `place`: kept for as
    // long as this is there.
    LogFollower(std::uint64_t id, Fd socket, bool follow, std::shared_ptr<const void> place = {})
        : id_{id}, socket_{std::move(socket)}, follow_{follow}, place_{std::move(place)}
    {
    }

    // The run that is under way, before anything about it.
    void begin(const LogRun& run);
    // What the kernel has written since, as far as that is asked for now, for as much as one look may cost: true if
    // there is more.
    bool take(const introspect::Kernel& kernel);
    // Its last words, all of them or as much as a look may cost, and how it ended.
    void take_all(const introspect::Kernel& kernel);
    void end(const std::string& result, const std::string& cause);
    // Said once, until there is something to read again, or there is news: why it will stay so.
    void unreadable(const std::string& why, bool is_news = false);
    // Nothing more comes: closed when all is sent.
    void close() { last_ = true; }

    void send(); // as much as the socket takes

    std::size_t took() const { return took_; } // records, in the last take()
    std::uint64_t id() const { return id_; }
    int fd() const { return socket_.get(); }
    bool follows() const { return follow_; }
    bool has_pending() const { return sent_ < pending_.size(); }
    bool done() const { return gone_ || (last_ && !has_pending()); }
    bool is_broken() const { return broken_ >= broken_most; } // its log has been no log for a while

private:
    static constexpr unsigned broken_most = 10; // looks in a row; one alone may have come between two writes
    void add(const introspect::LogCursor::Step& step);
    void rewind(const introspect::PrintkRing& ring);

    std::uint64_t id_;
    Fd socket_;
    bool follow_;
    std::shared_ptr<const void> place_;
    std::string run_; // that it was told of
    introspect::LogCursor cursor_;
    std::string pending_;
    std::size_t sent_ = 0; // of pending_
    std::size_t took_ = 0;
    unsigned broken_ = 0;
    bool said_unreadable_ = false;
    bool rewinds_ = false; // the log may have begun anew
    bool last_ = false;
    bool gone_ = false; // the reader has closed its end
};

} // namespace parker
