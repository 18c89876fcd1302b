// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "control/control.h"
#include "daemon/kernel_search.h"
#include "daemon/log_follower.h"
#include "introspect/vitals.h"

namespace parker {

// Looks into one partition's memory for those who follow its kernel's log, ten times a second, and for those who ask
// how it fares. The thread is the partition's own: whatever its memory is like, no other partition waits for it. It is
// there, and memory is mapped, only while somebody follows or has asked a while ago.
class Watcher {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds interval{100};
    // After a look that brought that much, so that a ring of the usual size does not wrap in between.
    static constexpr std::size_t busy_records = 100;
    static constexpr std::chrono::milliseconds busy_interval{10};
    // Who asks waits so long for a kernel, if it is looked for until then, and what is found is kept for so long after,
    // as who asks often asks again.
    static constexpr std::chrono::seconds patience{3};
    static constexpr std::chrono::seconds keep{5};

    // What a kernel's books say; nothing in it where no kernel was found. Called once, in the thread or by whoever ends
    // the kernel, and must not wait.
    using VitalsAnswer = std::function<void(const introspect::Vitals&)>;
    // Called in the thread, once a run, when looking at its memory costs too much. Must not wait.
    using GivenUp = std::function<void(const LogRun& run, const std::string& why)>;

    Watcher(Control& control, GivenUp given_up);
    ~Watcher(); // as take(), waits for the look's next step
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // These never wait.
    void follow(std::vector<std::unique_ptr<LogFollower>> followers);
    void ask(VitalsAnswer answer);
    void runs(const HeldPartition& held, const LogRun& run); // may be said again
    void gone();                                             // followers hear the end of it
    void cancel();                                           // what is under way, as for the end of all
    bool is_idle() const;                                    // nothing runs there, and nobody waits for that

    // Whoever ends the kernel takes over what there is, and nothing is mapped here any more. A look that is under way
    // is given up, which takes no longer than one of its steps.
    struct Ask {
        VitalsAnswer answer;
        Clock::time_point until;
    };
    struct Taken {
        std::unique_ptr<Inside> inside; // null: not mapped
        std::optional<LogRun> run;      // nothing: none was known of
        std::vector<std::unique_ptr<LogFollower>> followers;
        std::vector<Ask> asks;
    };
    Taken take();

private:
    struct Poll;
    struct News { // what the thread has yet to hear of
        std::vector<std::unique_ptr<LogFollower>> followers;
        std::vector<Ask> asks;
        bool another_run = false; // of `held`, or none
        bool gone = false;
    };

    void wake(); // with mutex_ held
    void work();
    bool hear(); // false: nothing is to be done any more
    bool round(Poll& poll);
    bool look(Poll& poll);
    void answer(Clock::time_point next_search);
    bool is_wanted(Clock::time_point now) const { return !followers_.empty() || !asks_.empty() || now < keep_until_; }

    GivenUp given_up_;
    Fd doorbell_; // eventfd

    mutable std::mutex mutex_; // held for a moment only
    News news_;
    std::optional<HeldPartition> held_; // nothing: no kernel runs there
    LogRun run_;
    std::shared_ptr<introspect::Look> look_; // of this run
    bool running_ = false;                   // the thread
    bool stopping_ = false;
    std::thread thread_;

    std::mutex looking_; // held while the thread is at work; what follows is whose it is
    KernelSearch search_;
    LogRun seen_run_;
    bool said_given_up_ = false;
    std::vector<std::unique_ptr<LogFollower>> followers_;
    std::vector<Ask> asks_;
    Clock::time_point keep_until_;                  // for those who may ask again
    std::optional<introspect::VitalPlaces> places_; // of this run's kernel, once somebody asked
};

// Everybody who waits is told, of a kernel with a note or, where it is null, of none.
void answer_all(std::vector<Watcher::Ask>& asks, const introspect::Kernel* kernel, const HeldPartition* held,
                std::optional<introspect::VitalPlaces>& places);

// The kernel, if more of it was found than an early log.
const introspect::Kernel* with_note(const introspect::Kernel* kernel);

} // namespace parker
