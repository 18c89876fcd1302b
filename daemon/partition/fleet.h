// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "control/control.h"
#include "firmware/firmware.h"
#include "machine/machine.h"
#include "manifest/load.h"
#include "partition/run_record.h"
#include "partition/status.h"
#include "plan/preview.h"

namespace parker {

// Runs slow work elsewhere and its completion in the loop's thread. Work that shares a lane is done one after the
// other, in the order given; all other work side by side.
class Executor {
public:
    using Lanes = std::vector<std::string>;

    virtual ~Executor() = default;
    // `work` may throw Error; `done` gets it, or nothing.
    virtual void submit(const Lanes& lanes, std::function<void()> work,
                        std::function<void(std::optional<Error>)> done) = 0;
    virtual void post(std::function<void()> call) = 0; // from inside `work`: run in the loop's thread
};

// Told of everything that others may see; called in the loop's thread, after the fact.
class FleetObserver {
public:
    virtual ~FleetObserver() = default;
    virtual void partition_appeared(const std::string& name) = 0;
    virtual void partition_changed(const std::string& name) = 0;
    virtual void partition_gone(const std::string& name) = 0;
    virtual void job_new(std::uint32_t id, const std::string& partition) = 0;
    virtual void job_removed(std::uint32_t id, const std::string& partition, const std::optional<Error>& error) = 0;
    // It may look at the Fleet, but must not change it: no begin(), define() or event from in here.
};

// A kernel that ran and stands still now, its memory as it left it.
struct Ending {
    HeldPartition held; // as before its end
    Result result = Result::unknown;
    std::string message; // why it failed
    RunRecord run;
    std::shared_ptr<const Manifest> manifest; // that it ran with, as far as that is known; may be null
    // Becomes true when somebody wants the partition back at once: what takes long is given up then. May be null.
    std::shared_ptr<const std::atomic<bool>> hurry = {};
};

// All partitions of the machine: what their manifests say, what the module holds, and the jobs that bring one to the
// other. Lives in the loop's thread and never blocks it: slow steps go through the Executor. Keeps no state of its own
// that the module could tell: a new Fleet adopts what is held.
class Fleet {
public:
    using Clock = std::chrono::steady_clock;
    enum class Verb { start, stop, kill, reserve, release, dump };

    struct Environment {
        Control& control;
        Executor& executor;
        std::function<Machine()> machine; // reads it anew at each call, by the executor
        std::function<Clock::time_point()> now;
        PlanOptions options;
        std::function<firmware::Firmware(const firmware::Request&)> build; // firmware::build, called by the executor
        // The last chance to look into an ended kernel's memory, called by the executor. Gives a line of why it died,
        // or an empty one; never throws. May be null.
        std::function<std::string(const Ending&)> last_look;
        // Called by the executor before memory is given back in which no kernel was ended just now: whoever looks into
        // it is to stop. May be null.
        std::function<void(const std::string& name)> look_away;
        std::filesystem::path state_directory; // for what the module cannot remember of a run; empty: nothing is kept
    };

    Fleet(Environment environment, FleetObserver& observer);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    // Takes over what the module holds: once, before anything else. What a crash of the daemon left half way is put
    // right by the first define(), which knows whether it is to be kept.
    void adopt();

    // The new truth about all manifests (interfaces.md, Reconciling): new ones appear, changed ones are used at the
    // next start, a broken one keeps its last good definition, and so does one that is not found although nobody
    // removed it; vanished ones are stopped and go. One that was taken out of its file goes when it has been stopped.
    void define(const Manifests& manifests);

    // What the manifests would come to now, with the findings of reading them; worked out in the executor.
    void plan(std::function<void(const std::optional<Error>&, Preview)> done);

    std::vector<std::string> names() const;
    Status status(const std::string& name) const; // no_such_partition, or invalid_manifest if it never had a good one
    Heartbeat heartbeat(const std::string& name) const; // as it is now; what does not run keeps its last; as status()
    const Findings& findings() const;                   // of all files
    const Reading& reading() const;                     // how each file came out

    // Begin a job and return its id, or throw: no_such_partition, busy, wrong_state, invalid_manifest. Jobs end by
    // FleetObserver::job_removed, which may come before begin() returns. Start ends with the first heartbeat, stop with
    // everything given back, or kept (reserve: always). `kill` may overtake a start or stop that is under way, which
    // then fails. While a partition that ended by itself is being returned, a start waits for it and a stop joins it.
    std::uint32_t begin(Verb verb, const std::string& name);

    // Begins to write all of the partition's memory to a file, as introspect/core_writer.h says. Throws as begin(),
    // also wrong_state for a kernel that runs, unless `live`: then memory changes while it is written. Such a job runs
    // beside others, one for a partition, and whatever is to be done to the partition ends it (cancelled).
    struct Dump {
        Fd file;
        bool live = false;
        bool compress = false; // by zstd
    };
    std::uint32_t begin_dump(const std::string& name, Dump dump);

    struct Progress { // written by one thread, read by others
        std::atomic<std::uint64_t> bytes = 0;
        std::atomic<std::uint64_t> bytes_total = 0; // 0: not known yet
        std::atomic<bool> cancelled = false;
    };
    struct Job {
        std::uint32_t id = 0;
        Verb verb = Verb::start;
        std::string partition;
        std::shared_ptr<Progress> progress = {}; // of a dump; null: of any other
    };
    std::vector<Job> jobs() const;

    // Has a dump given up soon. wrong_state: the job is another one, which only ends by itself or by a kill.
    void cancel(std::uint32_t job);

    // Events: the module told of a change of this partition (its first heartbeat, its end); a deadline has passed.
    void on_module_event(const std::string& name);
    std::optional<Clock::time_point> next_deadline() const;
    void on_deadline();

    // Looking into the memory of this run of a partition cost too much: a finding says so, until the next start.
    void on_look_given_up(const std::string& name, const std::string& run, const std::string& why);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace parker
