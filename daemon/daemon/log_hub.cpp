// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/log_hub.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>
#include <utility>

namespace parker {
namespace {

constexpr std::size_t search_pages = 65536; // 256 MiB in a round, so that others have their turn
constexpr std::chrono::seconds search_rarely{10};
constexpr int rest = 4; // between two searches, in their own length: they take a fifth of a CPU at most
constexpr std::chrono::seconds early_after{5}; // most kernels have their note by then
constexpr int send_bytes = 1 << 20;            // of a socket; the kernel may give less

std::string no_log(const std::string& reason)
{
    return reason.empty() ? "no log of a kernel (Linux 5.10 or later) is in its memory" : reason;
}

// The kernel, if more of it was found than an early log.
const introspect::Kernel* with_note(const Inside* inside)
{
    const auto* kernel = inside != nullptr ? inside->kernel() : nullptr;
    return kernel != nullptr && kernel->has_note() ? kernel : nullptr;
}

} // namespace

// What the thread waits for.
struct LogHub::Poll {
    std::vector<pollfd> fds;
    std::vector<std::uint64_t> followers; // of fds, from the second on
    int timeout = -1;                     // milliseconds
    std::set<std::uint64_t> closed;       // by their readers

    void wait_at_most(std::chrono::milliseconds time)
    {
        const auto count = static_cast<int>(time.count());
        timeout = timeout < 0 ? count : std::min(timeout, count);
    }
};

LogHub::LogHub(Control& control) : control_{control}, doorbell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}
{
    if (!doorbell_)
        throw_errno(Code::failed, "logs", "eventfd");
    thread_ = std::thread{[this] { work(); }};
    (void)::pthread_setname_np(thread_.native_handle(), "logs");
}

LogHub::~LogHub()
{
    tell([this] { stopping_ = true; });
    thread_.join();
}

void LogHub::tell(Command command)
{
    {
        const std::lock_guard lock{commands_mutex_};
        commands_.push_back(std::move(command));
    }
    ring();
}

void LogHub::ring()
{
    (void)::eventfd_write(doorbell_.get(), 1); // fails only when it already rings
}

// With entries_mutex_ held.
void LogHub::obey()
{
    std::vector<Command> commands;
    {
        const std::lock_guard lock{commands_mutex_};
        commands.swap(commands_);
    }
    for (const auto& command : commands)
        command();
}

Fd LogHub::open(const std::string& name, bool follow)
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw_errno(Code::failed, "partition " + name, "a socket for its log");
    Fd ours{ends[0]};
    Fd theirs{ends[1]};
    (void)::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    (void)::shutdown(ours.get(), SHUT_RD); // a reader only reads
    const auto follower = std::make_shared<std::unique_ptr<LogFollower>>(
        std::make_unique<LogFollower>(++last_id_, std::move(ours), follow));
    {
        const std::lock_guard lock{commands_mutex_};
        if (readers_[name] >= most_followers)
            throw Error{Code::busy, "partition " + name,
                        "its log has " + std::to_string(most_followers) + " readers, the most there can be"};
        ++readers_[name];
        commands_.emplace_back([this, name, follower] { entries_[name].followers.push_back(std::move(*follower)); });
    }
    ring();
    return theirs;
}

void LogHub::ask_vitals(const std::string& name, VitalsAnswer answer)
{
    tell([this, name, answer = std::move(answer)] {
        const auto now = Clock::now();
        auto& entry = entries_[name];
        entry.asks.push_back({answer, now + patience});
        entry.keep_until = now + keep;
    });
}

void LogHub::runs(const HeldPartition& held, const LogRun& run)
{
    tell([this, held, run] {
        auto& entry = entries_[held.name];
        if (entry.held && entry.run.id == run.id)
            return;
        entry.held = held;
        entry.run = run;
        entry.since = entry.search_at = Clock::now();
        entry.inside.reset();
        entry.places.reset();
    });
}

void LogHub::gone(const std::string& name)
{
    tell([this, name] {
        if (const auto entry = entries_.find(name); entry != entries_.end()) {
            entry->second.held.reset();
            entry->second.inside.reset();
            for (const auto& follower : entry->second.followers)
                follower->close();
        }
    });
}

void LogHub::work()
{
    Poll poll;
    for (;;) {
        bool more = false;
        {
            const std::lock_guard lock{entries_mutex_};
            obey();
            if (stopping_)
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

bool LogHub::round(Poll& poll)
{
    bool more = false;
    poll.fds.assign(1, {doorbell_.get(), POLLIN, 0});
    poll.followers.clear();
    poll.timeout = -1;
    std::map<std::string, std::size_t> readers;
    for (auto each = entries_.begin(); each != entries_.end();) {
        auto& entry = each->second;
        std::erase_if(entry.followers, [&poll](const auto& follower) { return poll.closed.contains(follower->id()); });
        const auto now = Clock::now();
        auto next_search = Clock::time_point::max();
        if (entry.held && entry.is_wanted(now)) {
            if (!entry.followers.empty())
                poll.wait_at_most(interval);
            const bool searching = look(entry, poll);
            more = more || searching;
            next_search = searching ? now : entry.search_at;
        }
        if (!entry.held) // not yet, or no longer: who follows waits for the next
            for (const auto& follower : entry.followers)
                if (!follower->follows())
                    follower->unreadable("no kernel runs there now");
        answer(entry, next_search);
        if (!entry.asks.empty())
            poll.wait_at_most(interval);
        for (const auto& follower : entry.followers)
            follower->send();
        std::erase_if(entry.followers, [](const auto& follower) { return follower->done(); });
        if (!entry.is_wanted(now))
            entry.inside.reset();
        else if (entry.inside && entry.followers.empty())
            poll.wait_at_most(std::chrono::ceil<std::chrono::milliseconds>(entry.keep_until - now));
        for (const auto& follower : entry.followers) {
            poll.fds.push_back({follower->fd(), static_cast<short>(follower->has_pending() ? POLLOUT : 0), 0});
            poll.followers.push_back(follower->id());
        }
        if (!entry.followers.empty())
            readers[each->first] = entry.followers.size();
        each = entry.followers.empty() && !entry.held ? entries_.erase(each) : std::next(each);
    }
    const std::lock_guard lock{commands_mutex_};
    if (commands_.empty()) // else there are some that do not count yet
        readers_ = std::move(readers);
    return more;
}

bool LogHub::look(Entry& entry, Poll& poll)
{
    for (const auto& follower : entry.followers)
        follower->begin(entry.run);
    const bool searching = find_kernel(entry);
    const auto* kernel = entry.inside ? entry.inside->kernel() : nullptr;
    if (kernel == nullptr)
        return searching;
    bool more = false;
    for (const auto& follower : entry.followers) {
        more = follower->take(*kernel) || more;
        if (follower->took() >= busy_records)
            poll.wait_at_most(busy_interval);
    }
    if (std::ranges::any_of(entry.followers, [](const auto& follower) { return follower->is_broken(); })) {
        if (kernel->has_note()) // else its memory is in other use since, and its log is elsewhere
            for (const auto& follower : entry.followers)
                follower->unreadable("the kernel's log was overwritten; looking for it again");
        entry.inside->drop_kernel();
        entry.places.reset();
    }
    return more;
}

// True: there is more memory to go through now.
bool LogHub::find_kernel(Entry& entry)
{
    const auto now = Clock::now();
    if (now < entry.search_at)
        return false;
    std::string reason;
    try {
        if (!entry.inside)
            entry.inside = std::make_unique<Inside>(control_, *entry.held);
        const bool early = entry.inside->kernel() == nullptr && now - entry.since > early_after;
        if (entry.inside->search(search_pages, early)) {
            entry.search_took = {};
            return false;
        }
        entry.search_took += Clock::now() - now;
        if (!entry.inside->came_round())
            return true;
    } catch (const Error& error) {
        reason = error.what();
    }
    // A kernel that has just started will write its note soon, one that is no such kernel never will.
    const auto pause = std::max((now - entry.since) / 10, rest * std::exchange(entry.search_took, {}));
    entry.search_at = Clock::now() + std::clamp<Clock::duration>(pause, interval, search_rarely);
    if (entry.inside && entry.inside->kernel() != nullptr) // an early one
        return false;
    for (const auto& follower : entry.followers)
        if (!follower->follows() || !reason.empty())
            follower->unreadable(no_log(reason));
    return false;
}

// Everybody who waits, once there is a kernel or none is to be expected soon.
void LogHub::answer(Entry& entry, Clock::time_point next_search)
{
    const bool found = entry.held && with_note(entry.inside.get()) != nullptr;
    const auto now = Clock::now();
    std::vector<Ask> due;
    std::erase_if(entry.asks, [&due, found, soonest = std::max(now, next_search)](Ask& ask) {
        if (!found && soonest < ask.until)
            return false;
        due.push_back(std::move(ask));
        return true;
    });
    if (due.empty())
        return;
    const auto found_vitals = found ? vitals(entry) : introspect::Vitals{};
    for (const auto& ask : due)
        ask.answer(found_vitals);
}

// Of an entry whose kernel is found, with its note.
introspect::Vitals LogHub::vitals(Entry& entry)
{
    const auto& kernel = *entry.inside->kernel();
    if (!entry.places)
        entry.places = introspect::VitalPlaces::find(kernel);
    std::uint64_t bytes = 0;
    for (const auto& range : entry.held->memory)
        bytes += range.bytes();
    return introspect::read_vitals(kernel.space(), *entry.places, bytes,
                                   static_cast<unsigned>(entry.held->cpus.size()));
}

std::string LogHub::end(const HeldPartition& held, const LogRun& run, const std::string& result, bool again,
                        const Autopsy& autopsy, const Afterwards& afterwards)
{
    Entry entry;
    {
        const std::lock_guard lock{entries_mutex_};
        obey();
        if (const auto found = entries_.find(held.name); found != entries_.end()) {
            entry = std::move(found->second);
            entries_.erase(found);
        }
    }
    std::string reason;
    try {
        if (with_note(entry.inside.get()) == nullptr) // from the beginning
            entry.inside = std::make_unique<Inside>(control_, held);
        while (!entry.inside->search(search_pages, true) && !entry.inside->came_round())
            ;
    } catch (const Error& error) {
        reason = error.what();
    }
    const auto* kernel = entry.inside ? entry.inside->kernel() : nullptr;
    answer(entry, Clock::time_point::max());
    for (const auto& follower : entry.followers) {
        follower->begin(run);
        if (kernel != nullptr)
            follower->take_all(*kernel);
        else
            follower->unreadable(no_log(reason));
    }
    const auto cause = autopsy(kernel);
    for (const auto& follower : entry.followers)
        follower->end(result, cause);
    const auto followers = std::make_shared<std::vector<std::unique_ptr<LogFollower>>>(std::move(entry.followers));
    tell([this, name = held.name, followers] {
        if (followers->empty())
            return;
        auto& back = entries_[name].followers;
        std::ranges::move(*followers, std::back_inserter(back));
    });
    afterwards(entry.inside.get());
    if (again && entry.inside)
        entry.inside->blot_out();
    return cause;
}

} // namespace parker
