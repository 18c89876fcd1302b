// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/log_tail.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace parker::cli {
namespace {

constexpr std::size_t most_line = std::size_t{1} << 20; // a text of 64 KiB, each byte of it escaped, and some

} // namespace

LogTail::LogTail(Client& client, std::string name, bool follow, std::function<void(const LogEvent&)> call)
    : client_{client}, name_{std::move(name)}, follow_{follow}, call_{std::move(call)}
{
}

void LogTail::open()
{
    if (is_open())
        return;
    socket_ = client_.open_log(name_, follow_);
    (void)::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
    check_event(sd_event_add_io(client_.event(), &source_, socket_.get(), EPOLLIN, &on_readable, this));
    catching_up_ = next_seq_ > 0;
}

void LogTail::close()
{
    source_ = sd_event_source_disable_unref(source_);
    socket_.reset();
    rest_.clear();
}

int LogTail::on_readable(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self)
{
    static_cast<LogTail*>(self)->read();
    return 0;
}

void LogTail::read()
{
    std::array<char, 65536> bytes;
    const auto got = ::read(socket_.get(), bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        close();
        return;
    }
    rest_.append(bytes.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
        if (auto event = LogEvent::parse(rest_.substr(begin, end - begin)))
            take(std::move(*event));
        begin = end + 1;
    }
    rest_.erase(0, begin);
    if (rest_.size() > most_line) // no parkerd writes that
        close();
}

void LogTail::take(LogEvent event)
{
    using Kind = LogEvent::Kind;
    if (event.kind == Kind::run) {
        if (event.run == run_)
            return;
        run_ = event.run;
        started_usec_ = event.started_usec;
        next_seq_ = 0;
        catching_up_ = false;
    }
    if (event.kind == Kind::lost && catching_up_)
        return; // of these, some had been read in time: counted below
    if (event.kind == Kind::record) {
        if (catching_up_ && event.seq < next_seq_)
            return;
        if (std::exchange(catching_up_, false) && event.seq > next_seq_) {
            LogEvent lost;
            lost.kind = Kind::lost;
            lost.records = event.seq - next_seq_;
            lost.json = {{"kind", "lost"}, {"records", lost.records}};
            call_(lost);
        }
        next_seq_ = event.seq + 1;
        event.started_usec = started_usec_;
    }
    call_(event);
}

} // namespace parker::cli
