// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/log_hub.h"

#include <sys/socket.h>

#include <array>
#include <vector>

namespace parker {
namespace {

using introspect::Look;

constexpr int send_bytes = 1 << 20; // of a socket; the kernel may give less

} // namespace

LogHub::LogHub(Control& control, GivenUp given_up) : control_{control}, given_up_{std::move(given_up)} {}

LogHub::~LogHub()
{
    for (const auto& [name, watcher] : watchers_) // all before the first is waited for
        watcher->cancel();
}

std::shared_ptr<Watcher> LogHub::find(const std::string& name)
{
    const std::lock_guard lock{mutex_};
    const auto found = watchers_.find(name);
    return found == watchers_.end() ? nullptr : found->second;
}

std::shared_ptr<Watcher> LogHub::watcher(const std::string& name)
{
    const std::lock_guard lock{mutex_};
    auto& found = watchers_[name];
    if (!found)
        found = std::make_shared<Watcher>(
            control_, [this, name](const LogRun& run, const std::string& why) { tell_given_up(name, run, why); });
    return found;
}

void LogHub::tell_given_up(const std::string& name, const LogRun& run, const std::string& why)
{
    if (given_up_)
        given_up_(name, run, why);
}

// Of all that is counted, or an Error that says what of it there is too much of.
std::shared_ptr<const void> LogHub::place(const std::string& name, std::optional<std::uint32_t> user)
{
    using Place = std::shared_ptr<const void>;
    std::array<Place, 4> places;
    const auto refuse = [&name](std::size_t most, const std::string& whose) {
        throw Error{Code::limit_exceeded, "partition " + name,
                    "its log has " + std::to_string(most) + " readers" + whose + ", the most there can be",
                    "end one of them"};
    };
    if (places[0] = readers_.take(name); !places[0])
        refuse(most_followers, "");
    if (user) {
        if (places[1] = user_readers_.take({name, *user}); !places[1])
            refuse(most_of_user, " of this user");
        if (places[2] = users_readers_.take(name); !places[2])
            refuse(most_of_users, " who are not root");
        if (places[3] = logs_of_user_.take(*user); !places[3])
            throw Error{Code::limit_exceeded, "caller",
                        "reads " + std::to_string(most_logs_of_user) + " logs already, the most there can be",
                        "end one of them"};
    }
    return std::make_shared<std::array<Place, 4>>(std::move(places));
}

Fd LogHub::open(const std::string& name, bool follow, std::optional<std::uint32_t> user)
{
    auto reserved = place(name, user);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw_errno(Code::failed, "partition " + name, "a socket for its log");
    Fd ours{ends[0]};
    Fd theirs{ends[1]};
    (void)::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    (void)::shutdown(ours.get(), SHUT_RD); // a reader only reads
    std::vector<std::unique_ptr<LogFollower>> follower;
    follower.push_back(std::make_unique<LogFollower>(++last_id_, std::move(ours), follow, std::move(reserved)));
    watcher(name)->follow(std::move(follower));
    return theirs;
}

void LogHub::ask_vitals(const std::string& name, VitalsAnswer answer)
{
    watcher(name)->ask(std::move(answer));
}

void LogHub::runs(const HeldPartition& held, const LogRun& run)
{
    watcher(held.name)->runs(held, run);
}

void LogHub::gone(const std::string& name)
{
    if (const auto found = find(name))
        found->gone();
    std::vector<std::shared_ptr<Watcher>> idle; // goes when the lock has gone
    const std::lock_guard lock{mutex_};
    for (auto each = watchers_.begin(); each != watchers_.end();) {
        // One that somebody else has just found is not idle for long.
        if (each->second.use_count() == 1 && each->second->is_idle()) {
            idle.push_back(std::move(each->second));
            each = watchers_.erase(each);
        } else {
            ++each;
        }
    }
}

void LogHub::away(const std::string& name)
{
    const auto watcher = find(name);
    if (!watcher)
        return;
    auto taken = watcher->take();
    taken.inside.reset();
    std::optional<introspect::VitalPlaces> places;
    answer_all(taken.asks, nullptr, nullptr, places);
    if (taken.run)
        for (const auto& follower : taken.followers)
            follower->end("unknown", "");
    watcher->follow(std::move(taken.followers));
}

std::string LogHub::end(const HeldPartition& held, const LogRun& run, const std::string& result, bool again,
                        const Autopsy& autopsy, const Afterwards& afterwards, const std::function<bool()>& hurry)
{
    const auto watcher = this->watcher(held.name);
    auto [inside, before, followers, asks] = watcher->take();
    const auto look = std::make_shared<Look>();
    look->cancel_when(hurry);
    look->until(Look::Clock::now() + last_look);
    std::string reason;
    try {
        if (inside && with_note(inside->kernel()) == nullptr)
            inside.reset();
        if (inside)
            inside->under(look);
        else // from the beginning
            inside = std::make_unique<Inside>(control_, held, look);
        while (!inside->search(KernelSearch::pages_at_once, true) && !inside->came_round())
            ;
        if (!inside->given_up().empty())
            reason = gave_up_search(inside->given_up());
    } catch (const Error& error) {
        reason = error.what();
    }
    const auto* kernel = inside ? inside->kernel() : nullptr;
    if (inside && !inside->given_up().empty() && look->end() != Look::End::cancelled)
        tell_given_up(held.name, run, reason);
    std::optional<introspect::VitalPlaces> places;
    answer_all(asks, with_note(kernel), &held, places);
    for (const auto& follower : followers) {
        follower->begin(run);
        if (kernel != nullptr)
            follower->take_all(*kernel);
        else
            follower->unreadable(no_log(reason));
    }
    if (kernel != nullptr)
        look->begin(Look::whole_log);
    const auto cause = autopsy(kernel);
    for (const auto& follower : followers)
        follower->end(result, cause);
    watcher->follow(std::move(followers));
    look->until(Look::Clock::time_point::max()); // what takes longer has limits of its own
    look->begin(Look::reading);
    afterwards(inside.get());
    if (again && inside)
        inside->blot_out();
    return cause;
}

} // namespace parker
