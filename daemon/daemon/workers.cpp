// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/workers.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

namespace parker {
namespace {

// Kept when there is nothing to do. While there is, lanes alone say how many there are: one for each partition, and few
// others.
constexpr std::size_t most_idle = 16;

} // namespace

Workers::Workers(Loop& loop) : loop_{loop}, doorbell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}
{
    if (!doorbell_)
        throw_errno(Code::failed, "workers", "eventfd");
    source_ = loop.on_readable(doorbell_.get(), [this] { deliver(); });
}

void Workers::submit(const Lanes& lanes, std::function<void()> work, std::function<void(std::optional<Error>)> done)
{
    {
        const std::lock_guard lock{mutex_};
        join_ended();
        tasks_.push_back({lanes, std::move(work), std::move(done)});
        staff();
    }
    wake_.notify_one();
}

void Workers::post(std::function<void()> call)
{
    {
        const std::lock_guard lock{mutex_};
        calls_.push_back(std::move(call));
    }
    (void)::eventfd_write(doorbell_.get(), 1); // fails only when it already rings
}

void Workers::stop()
{
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        tasks_.clear();
    }
    wake_.notify_all();
    for (;;) {
        std::thread thread;
        {
            const std::lock_guard lock{mutex_};
            join_ended();
            if (threads_.empty())
                return;
            thread = std::move(threads_.extract(threads_.begin()).mapped());
        }
        thread.join();
    }
}

// With mutex_ held. Called whenever a task may have become ready, or a thread has gone to work.
void Workers::staff()
{
    if (idle_ > 0 || next() == tasks_.end())
        return;
    try {
        std::thread thread{[this] { work(); }};
        (void)::pthread_setname_np(thread.native_handle(), "worker");
        const auto id = thread.get_id();
        threads_.emplace(id, std::move(thread));
    } catch (const std::system_error&) {
        if (threads_.empty())
            throw; // else one of them will come to it
    }
}

// With mutex_ held, which they have no more use for.
void Workers::join_ended()
{
    for (auto& thread : ended_)
        thread.join();
    ended_.clear();
}

void Workers::work()
{
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        const auto found = next();
        if (found == tasks_.end()) {
            if (idle_ == most_idle) { // none waits for it: what is there now waits for lanes
                if (auto self = threads_.extract(std::this_thread::get_id()); !self.empty())
                    ended_.push_back(std::move(self.mapped()));
                return;
            }
            ++idle_;
            wake_.wait(lock);
            --idle_;
            continue;
        }
        auto task = std::move(*found);
        tasks_.erase(found);
        taken_.insert(task.lanes.begin(), task.lanes.end());
        staff();
        lock.unlock();
        run(task);
        lock.lock();
        for (const auto& lane : task.lanes)
            taken_.erase(lane);
        wake_.notify_all(); // more than one may have waited for these lanes
    }
}

std::deque<Workers::Task>::iterator Workers::next()
{
    auto busy = taken_;
    for (auto task = tasks_.begin(); task != tasks_.end(); ++task) {
        if (std::ranges::none_of(task->lanes, [&busy](const std::string& lane) { return busy.contains(lane); }))
            return task;
        busy.insert(task->lanes.begin(), task->lanes.end()); // nobody overtakes it there
    }
    return tasks_.end();
}

void Workers::run(Task& task)
{
    std::optional<Error> failure;
    try {
        task.work();
    } catch (const Error& error) {
        failure = error;
    } catch (...) { // a bug: it ends the loop as it would have there
        post([this, bug = std::current_exception()] { loop_.fail(bug); });
        return;
    }
    task.work = {}; // what it holds goes before others hear of its end
    post([done = std::move(task.done), failure = std::move(failure)] { done(failure); });
}

void Workers::deliver()
{
    eventfd_t rings = 0;
    (void)::eventfd_read(doorbell_.get(), &rings);
    std::deque<std::function<void()>> calls;
    {
        const std::lock_guard lock{mutex_};
        calls.swap(calls_);
    }
    for (auto& call : calls)
        call();
}

} // namespace parker
