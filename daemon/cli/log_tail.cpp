// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/log_tail.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace parker::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_line = std::size_t{1} << 20; // a text of 64 KiB, each byte of it escaped, and some

std::string text_of(const Json& json, const char* key)
{
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::uint64_t number_of(const Json& json, const char* key)
{
    const auto found = json.find(key);
    return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

} // namespace

std::optional<LogEvent> LogEvent::parse(const std::string& line)
{
    LogEvent event;
    event.json = Json::parse(line, nullptr, false);
    if (!event.json.is_object())
        return std::nullopt;
    const auto kind = text_of(event.json, "kind");
    constexpr std::array<std::string_view, 5> kinds{"run", "record", "lost", "unreadable", "end"};
    const auto* found = std::ranges::find(kinds, kind);
    if (found == kinds.end())
        return std::nullopt;
    event.kind = static_cast<Kind>(found - kinds.begin());
    event.run = text_of(event.json, "run");
    event.kernel_release = text_of(event.json, "kernel_release");
    event.started_usec = number_of(event.json, "started_usec");
    event.seq = number_of(event.json, "seq");
    event.time_nsec = number_of(event.json, "time_nsec");
    event.level = static_cast<unsigned>(number_of(event.json, "level") & 7);
    event.facility = static_cast<unsigned>(number_of(event.json, "facility") & 0xff);
    const char* text = event.kind == Kind::unreadable ? "why" : event.kind == Kind::end ? "cause" : "text";
    event.text = text_of(event.json, text);
    event.records = number_of(event.json, "records");
    event.result = text_of(event.json, "result");
    return event;
}

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
    if (const int result = sd_event_add_io(client_.event(), &source_, socket_.get(), EPOLLIN, &on_readable, this);
        result < 0)
        throw Error{Code::failed, "event loop", errno_text(-result)};
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
