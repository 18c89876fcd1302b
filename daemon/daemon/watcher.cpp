// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/watcher.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace parker {

using introspect::Look;

const introspect::Kernel* with_note(const introspect::Kernel* kernel)
{
    return kernel != nullptr && kernel->has_note() ? kernel : nullptr;
}

void answer_all(std::vector<Watcher::Ask>& asks, const introspect::Kernel* kernel, const HeldPartition* held,
                std::optional<introspect::VitalPlaces>& places)
{
    if (asks.empty())
        return;
    introspect::Vitals vitals;
    if (kernel != nullptr && held != nullptr) {
        std::uint64_t bytes = 0;
        for (const auto& range : held->memory)
            bytes += range.bytes();
        kernel->look().begin(Look::reading);
        if (!places)
            places = introspect::VitalPlaces::find(*kernel);
        kernel->look().begin(Look::reading);
        vitals = introspect::read_vitals(kernel->space(), *places, bytes, static_cast<unsigned>(held->cpus.size()));
    }
    for (const auto& ask : std::exchange(asks, {}))
        ask.answer(vitals);
}

// What the thread waits for.
struct Watcher::Poll {
    std::vector<pollfd> fds;
    std::vector<std::uint64_t> followers; // of fds, from the second on
    int timeout = -1;                     // milliseconds
    std::set<std::uint64_t> closed;       // by their readers

    void wait_at_most(std::chrono::milliseconds time)
    {
        const auto count = static_cast<int>(std::max<std::chrono::milliseconds::rep>(time.count(), 0));
        timeout = timeout < 0 ? count : std::min(timeout, count);
    }
};

Watcher::Watcher(Control& control, GivenUp given_up)
    : given_up_{std::move(given_up)}, doorbell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      look_{std::make_shared<Look>()}, search_{control}
{
    if (!doorbell_)
        throw_errno(Code::failed, "logs", "eventfd");
}

Watcher::~Watcher()
{
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        look_->cancel();
        (void)::eventfd_write(doorbell_.get(), 1);
    }
    if (thread_.joinable())
        thread_.join();
}

void Watcher::wake()
{
    if (running_) {
        (void)::eventfd_write(doorbell_.get(), 1); // fails only when it already rings
        return;
    }
    if (thread_.joinable()) // it has said its last word
        thread_.join();
    try {
        thread_ = std::thread{[this] { work(); }};
    } catch (const std::system_error& error) {
        throw Error{Code::failed, "logs", std::string{"no thread can be had: "} + error.what(), "try again"};
    }
    running_ = true;
    (void)::pthread_setname_np(thread_.native_handle(), "looks");
}

void Watcher::follow(std::vector<std::unique_ptr<LogFollower>> followers)
{
    const std::lock_guard lock{mutex_};
    if (followers.empty())
        return;
    wake();
    std::ranges::move(followers, std::back_inserter(news_.followers));
}

void Watcher::ask(VitalsAnswer answer)
{
    const std::lock_guard lock{mutex_};
    wake();
    news_.asks.push_back({std::move(answer), Clock::now() + patience});
}

void Watcher::runs(const HeldPartition& held, const LogRun& run)
{
    const std::lock_guard lock{mutex_};
    if (held_ && run_.id == run.id)
        return;
    held_ = held;
    run_ = run;
    look_->cancel(); // what the old one is about does not count any more
    look_ = std::make_shared<Look>();
    news_.another_run = true;
    if (running_)
        wake();
}

void Watcher::gone()
{
    const std::lock_guard lock{mutex_};
    held_.reset();
    look_->cancel();
    news_.another_run = news_.gone = true;
    if (running_)
        wake();
}

void Watcher::cancel()
{
    const std::lock_guard lock{mutex_};
    look_->cancel();
}

bool Watcher::is_idle() const
{
    const std::lock_guard lock{mutex_};
    return !running_ && !held_;
}

Watcher::Taken Watcher::take()
{
    {
        const std::lock_guard lock{mutex_};
        look_->cancel();
    }
    const std::lock_guard looking{looking_};
    const std::lock_guard lock{mutex_};
    Taken taken;
    if (held_)
        taken.run = run_;
    if (!news_.another_run) // else it is of the run before
        taken.inside = search_.release();
    search_.unmap();
    search_.end();
    places_.reset();
    taken.followers = std::move(followers_);
    std::ranges::move(news_.followers, std::back_inserter(taken.followers));
    taken.asks = std::move(asks_);
    std::ranges::move(news_.asks, std::back_inserter(taken.asks));
    followers_.clear();
    asks_.clear();
    news_ = {};
    held_.reset();
    return taken;
}

void Watcher::work()
{
    Poll poll;
    for (;;) {
        bool more = false;
        {
            const std::lock_guard looking{looking_};
            if (!hear())
                return;
            more = round(poll);
        }
        (void)::poll(poll.fds.data(), poll.fds.size(), more ? 0 : poll.timeout);
        eventfd_t rings = 0;
        (void)::eventfd_read(doorbell_.get(), &rings);
        poll.closed.clear();
        for (std::size_t i = 1; i < poll.fds.size(); ++i)
            if ((poll.fds[i].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
                poll.closed.insert(poll.followers[i - 1]);
    }
}

bool Watcher::hear()
{
    std::optional<HeldPartition> held;
    std::shared_ptr<Look> look;
    News news;
    const auto now = Clock::now();
    if (!is_wanted(now))
        search_.unmap();
    {
        const std::lock_guard lock{mutex_};
        const bool nothing = news_.followers.empty() && news_.asks.empty() && !is_wanted(now);
        if (stopping_ || nothing) { // what there is of a run, the next thread hears
            running_ = false;
            return false;
        }
        news = std::exchange(news_, {});
        held = held_;
        look = look_;
        seen_run_ = run_;
    }
    if (news.another_run) {
        search_.unmap();
        search_.end();
        places_.reset();
        said_given_up_ = false;
        if (held)
            search_.begin(*held, std::move(look));
    }
    std::ranges::move(news.followers, std::back_inserter(followers_));
    if (!news.asks.empty())
        keep_until_ = now + keep;
    std::ranges::move(news.asks, std::back_inserter(asks_));
    if (news.gone)
        for (const auto& follower : followers_)
            follower->close();
    return true;
}

bool Watcher::round(Poll& poll)
{
    bool more = false;
    poll.fds.assign(1, {doorbell_.get(), POLLIN, 0});
    poll.followers.clear();
    poll.timeout = -1;
    std::erase_if(followers_, [&poll](const auto& follower) { return poll.closed.contains(follower->id()); });
    const auto now = Clock::now();
    auto next_search = Clock::time_point::max();
    if (search_.runs() && is_wanted(now)) {
        if (!followers_.empty())
            poll.wait_at_most(interval);
        more = look(poll);
        next_search = more ? now : search_.next();
    }
    if (!search_.runs()) // not yet, or no longer: who follows waits for the next
        for (const auto& follower : followers_)
            if (!follower->follows())
                follower->unreadable("no kernel runs there now");
    answer(next_search);
    if (!asks_.empty())
        poll.wait_at_most(interval);
    for (const auto& follower : followers_)
        follower->send();
    std::erase_if(followers_, [](const auto& follower) { return follower->done(); });
    if (followers_.empty()) // until nobody is to be expected to ask again
        poll.wait_at_most(std::chrono::ceil<std::chrono::milliseconds>(keep_until_ - now));
    for (const auto& follower : followers_) {
        poll.fds.push_back({follower->fd(), static_cast<short>(follower->has_pending() ? POLLOUT : 0), 0});
        poll.followers.push_back(follower->id());
    }
    return more;
}

bool Watcher::look(Poll& poll)
{
    for (const auto& follower : followers_)
        follower->begin(seen_run_);
    bool more = search_.go_on();
    if (const auto& verdict = search_.verdict()) {
        const bool is_news = verdict->given_up && !std::exchange(said_given_up_, true);
        for (const auto& follower : followers_)
            if (!follower->follows() || !verdict->is_usual)
                follower->unreadable(verdict->why, is_news);
        if (is_news)
            given_up_(seen_run_, verdict->why);
    }
    const auto* kernel = search_.kernel();
    if (kernel == nullptr)
        return more;
    more = false;
    for (const auto& follower : followers_) {
        more = follower->take(*kernel) || more;
        if (follower->took() >= busy_records)
            poll.wait_at_most(busy_interval);
    }
    if (std::ranges::any_of(followers_, [](const auto& follower) { return follower->is_broken(); })) {
        if (kernel->has_note()) // else its memory is in other use since, and its log is elsewhere
            for (const auto& follower : followers_)
                follower->unreadable("the kernel's log was overwritten; looking for it again");
        search_.drop_kernel();
        places_.reset();
    }
    return more && !kernel->look().is_cancelled();
}

// Everybody who waits, once there is a kernel or none is to be expected soon.
void Watcher::answer(Clock::time_point next_search)
{
    const auto* kernel = search_.runs() ? with_note(search_.kernel()) : nullptr;
    const auto now = Clock::now();
    std::vector<Ask> due;
    std::erase_if(asks_, [&due, kernel, soonest = std::max(now, next_search)](Ask& ask) {
        if (kernel == nullptr && soonest < ask.until)
            return false;
        due.push_back(std::move(ask));
        return true;
    });
    answer_all(due, kernel, search_.held() ? &*search_.held() : nullptr, places_);
}

} // namespace parker
