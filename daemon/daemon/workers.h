// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "daemon/loop.h"
#include "partition/fleet.h"

namespace parker {

// Threads for slow work, as many as there is work that may go on at once: whatever work of one partition waits for, all
// others find a thread.
class Workers : public Executor {
public:
    explicit Workers(Loop& loop);
    ~Workers() override { stop(); }

    void submit(const Lanes& lanes, std::function<void()> work,
                std::function<void(std::optional<Error>)> done) override;
    void post(std::function<void()> call) override;

    // Waits for the work under way and drops what has not begun.
    void stop();

private:
    struct Task {
        Lanes lanes;
        std::function<void()> work;
        std::function<void(std::optional<Error>)> done;
    };

    void work();
    void staff();
    void join_ended();
    std::deque<Task>::iterator next(); // with mutex_ held: the first whose lanes are all free
    void run(Task& task);
    void deliver();

    Loop& loop_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Task> tasks_;                  // not begun
    std::set<std::string> taken_;             // lanes of what is under way
    std::deque<std::function<void()>> calls_; // for the loop's thread
    std::size_t idle_ = 0;                    // threads
    bool stopping_ = false;
    Fd doorbell_; // eventfd
    Loop::Handle source_;
    std::map<std::thread::id, std::thread> threads_;
    std::vector<std::thread> ended_; // that others have yet to join
};

} // namespace parker
