// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "control/control.h"
#include "daemon/log_follower.h"
#include "introspect/vitals.h"
#include "partition/inside.h"

namespace parker {

// The logs of all partitions' kernels, for whoever follows them, and how these kernels fare, for whoever asks. A thread
// of its own looks into the memory of those that are followed, ten times a second, and of those that are asked about;
// nothing is mapped, and nothing wakes up, while nobody follows and nobody has asked for a while.
class LogHub {
public:
    static constexpr std::chrono::milliseconds interval{100};
    // After a look that brought that much, so that a ring of the usual size does not wrap in between.
    static constexpr std::size_t busy_records = 100;
    static constexpr std::chrono::milliseconds busy_interval{10};
    static constexpr std::size_t most_followers = 32; // of one partition
    // Who asks waits so long for a kernel, if it is looked for until then, and what is found is kept for so long after,
    // as who asks often asks again.
    static constexpr std::chrono::seconds patience{3};
    static constexpr std::chrono::seconds keep{5};

    // What becomes of a kernel's end beside its followers, both called in end()'s thread. First the cause, in a line,
    // of the kernel in its memory, or of null where none was found. Then, when they have heard of the end, whatever
    // takes longer; null: the memory cannot be mapped.
    using Autopsy = std::function<std::string(const introspect::Kernel*)>;
    using Afterwards = std::function<void(const Inside*)>;

    // What a kernel's books say; nothing in it where no kernel was found. Called once, in the hub's thread or end()'s,
    // and must not wait.
    using VitalsAnswer = std::function<void(const introspect::Vitals&)>;

    explicit LogHub(Control& control);
    ~LogHub();
    LogHub(const LogHub&) = delete;
    LogHub& operator=(const LogHub&) = delete;

    // These never wait. open() gives the reader's end of a socket; too_large: that many read it already.
    Fd open(const std::string& name, bool follow);
    void ask_vitals(const std::string& name, VitalsAnswer answer);
    void runs(const HeldPartition& held, const LogRun& run); // it has been started; may be said again
    void gone(const std::string& name);                      // followers hear the end of it

    // In an executor's thread, while the partition's CPUs stand still: the last of the log goes out, and nothing of its
    // memory is mapped any more when this returns. An exception of the calls' passes. `again`: the next kernel may find
    // this memory as it is.
    std::string end(const HeldPartition& held, const LogRun& run, const std::string& result, bool again,
                    const Autopsy& autopsy, const Afterwards& afterwards);

private:
    using Clock = std::chrono::steady_clock;
    struct Ask {
        VitalsAnswer answer;
        Clock::time_point until;
    };
    struct Entry {                         // of a partition
        std::optional<HeldPartition> held; // nothing: no kernel runs there
        LogRun run;
        Clock::time_point since; // it is looked for
        Clock::time_point search_at;
        Clock::duration search_took{}; // since the last pause
        std::unique_ptr<Inside> inside;
        std::vector<std::unique_ptr<LogFollower>> followers;
        std::vector<Ask> asks;
        Clock::time_point keep_until;                  // for those who may ask again
        std::optional<introspect::VitalPlaces> places; // of this run's kernel, once somebody asked

        bool is_wanted(Clock::time_point now) const { return !followers.empty() || now < keep_until; }
    };
    using Command = std::function<void()>; // changes entries_
    struct Poll;

    void tell(Command command);
    void ring();
    void obey();
    void work();
    bool round(Poll& poll); // true: there is more to do at once
    bool look(Entry& entry, Poll& poll);
    bool find_kernel(Entry& entry);
    static void answer(Entry& entry, Clock::time_point next_search);
    static introspect::Vitals vitals(Entry& entry);

    Control& control_;
    std::mutex commands_mutex_; // held for a moment only
    std::vector<Command> commands_;
    std::map<std::string, std::size_t> readers_; // about how many each has
    bool stopping_ = false;
    std::mutex entries_mutex_; // held while the thread is at work, a few milliseconds
    std::map<std::string, Entry> entries_;
    std::uint64_t last_id_ = 0;
    Fd doorbell_; // eventfd
    std::thread thread_;
};

} // namespace parker
