// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/log_follower.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "bus/json.h"

namespace parker {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t batch = std::size_t{256} << 10; // of one look, so that others have their turn
constexpr std::uint32_t caller_is_cpu = 0x8000'0000;  // printk_caller_id() of kernel/printk/printk.c

Json to_json(const introspect::LogRecord& record)
{
    return Json{{"kind", "record"},
                {"seq", record.seq},
                {"time_nsec", record.time_nsec},
                {"level", record.level},
                {"facility", record.facility},
                {"continues", record.continues},
                {"caller",
                 fmt::format("{}{}", (record.caller & caller_is_cpu) != 0 ? 'C' : 'T', record.caller & ~caller_is_cpu)},
                {"text", record.text}};
}

} // namespace

void LogFollower::begin(const LogRun& run)
{
    if (run_ == run.id && !run.id.empty())
        return;
    run_ = run.id;
    cursor_ = introspect::LogCursor{};
    said_unreadable_ = false;
    broken_ = 0;
    pending_ += dump({{"kind", "run"},
                      {"run", run.id},
                      {"kernel_release", run.kernel_release},
                      {"started_usec", run.started_usec}}) +
                '\n';
}

void LogFollower::add(const introspect::LogCursor::Step& step)
{
    if (step.lost > 0)
        pending_ += dump({{"kind", "lost"}, {"records", step.lost}}) + '\n';
    if (step.record)
        pending_ += dump(to_json(*step.record)) + '\n';
}

// After the log was overwritten its numbers may be lower than they were.
void LogFollower::rewind(const introspect::PrintkRing& ring)
{
    const auto first = ring.first();
    const auto last = ring.last();
    if (!first || !last)
        return;
    if (cursor_.seq() > *last + 1)
        cursor_ = introspect::LogCursor{*first};
    rewinds_ = false;
}

bool LogFollower::take(const introspect::Kernel& kernel)
{
    if (last_)
        return false; // it had what there was when it came
    kernel.look().begin(introspect::Look::reading);
    if (rewinds_)
        rewind(kernel.ring());
    const auto enough = pending_.size() + batch;
    for (took_ = 0; pending_.size() < enough; ++took_) {
        if (pending_.size() - sent_ > most_backlog)
            return false;
        const auto step = cursor_.next(kernel.ring(), false);
        add(step);
        if (step.given_up) // where it stopped, the next look goes on
            return true;
        broken_ = step.broken ? broken_ + 1 : 0;
        if (step.none()) {
            if (!follow_)
                close();
            return false;
        }
        said_unreadable_ = false;
    }
    return true;
}

void LogFollower::take_all(const introspect::Kernel& kernel)
{
    kernel.look().begin(introspect::Look::whole_log);
    for (;;) {
        const auto step = cursor_.next(kernel.ring(), true);
        add(step);
        if (step.given_up)
            unreadable("the rest of its log was given up " + kernel.look().why());
        if (step.none() || step.given_up)
            return;
        if (pending_.size() - sent_ > most_last_words) {
            const auto last = kernel.ring().last();
            const auto missed = last && *last >= cursor_.seq() ? *last + 1 - cursor_.seq() : 1;
            pending_ += dump({{"kind", "lost"}, {"records", missed}}) + '\n';
            return;
        }
    }
}

void LogFollower::end(const std::string& result, const std::string& cause)
{
    pending_ += dump({{"kind", "end"}, {"result", result}, {"cause", cause}}) + '\n';
    if (!follow_)
        close();
}

void LogFollower::unreadable(const std::string& why, bool is_news)
{
    if (!std::exchange(said_unreadable_, true) || is_news)
        pending_ += dump({{"kind", "unreadable"}, {"why", why}}) + '\n';
    broken_ = 0;
    rewinds_ = true;
    if (!follow_)
        close();
}

void LogFollower::send()
{
    while (has_pending() && !gone_) {
        const auto sent =
            ::send(socket_.get(), pending_.data() + sent_, pending_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0)
            sent_ += static_cast<std::size_t>(sent);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            gone_ = true;
    }
    if (has_pending() && sent_ < pending_.size() / 2)
        return; // moving the rest to the front is worth it seldom
    pending_.erase(0, sent_);
    sent_ = 0;
}

} // namespace parker
