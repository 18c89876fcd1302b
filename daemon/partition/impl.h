// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>

#include "partition/fleet.h"
#include "partition/give_back.h"
#include "partition/launch.h"
#include "partition/reserve.h"
#include "partition/tally.h"
#include "partition/transitions.h"

namespace parker {

// A kernel that has not loaded its button driver yet misses a press. One that is going down does not mind another.
inline constexpr std::chrono::seconds press_again{5};
// How long a partition that rebooted keeps what it has for the start that is to follow. Its unit waits RestartSec=, and
// a boot kernel that has only few CPUs left may be slow to start anything; memory that went back meanwhile might not be
// had again.
inline constexpr std::chrono::seconds reboot_grace{60};

// The executor's lane in which a plan is made and what it gives is taken: no other plan may come in between. The other
// lanes are partitions' names, which have no slash.
inline constexpr auto taking_lane = "/taking";

// One partition as the Fleet knows it. What it holds is a copy of the module's word, renewed after each step.
struct FleetPartition : std::enable_shared_from_this<FleetPartition> {
    std::string name;

    // What the manifests say.
    std::shared_ptr<const Manifest> manifest; // the last good one; null: none has spoken of it
    std::string definition;                   // digest of its source
    Findings findings;                        // about it, from reading
    Origin origin;                            // of the manifest
    bool broken = false;                      // the manifest has become invalid
    bool taken_out = false;                   // it is no longer in its file: gone once the partition has been stopped
    bool vanished = false;                    // the manifest is gone: so will the partition be, once it is at rest
    bool reserve_wanted = false;              // reserve: always, and not yet tried with this definition
    bool release_wanted = false;              // what it holds at rest is there without a reason
    bool in_place = false;                    // it starts after a reboot, on memory that was its own
    bool rebooting = false;                   // it asked for a reboot, and waits for the next start in reboot_grace

    // What happens to it.
    Phase phase;
    std::uint64_t state_change_usec = 0;
    Tally tally;
    Result result = Result::success;
    std::string message;          // why it failed
    std::optional<Error> failure; // of the last job, once it has ended
    std::string left_over;        // why something would not go back
    Findings run_findings;        // about it, from the last start
    std::optional<Fleet::Job> job;
    std::optional<Fleet::Job> dump;                   // beside `job`
    bool job_waits = false;                           // for the end of a return that was under way when the job came
    std::optional<Error> job_error;                   // how the job will end, known before its end
    bool killed = false;                              // by a job that overtook a start in the worker
    std::optional<Fleet::Clock::time_point> deadline; // of the phase
    Fleet::Clock::time_point stop_by;                 // when stopping: then it is killed
    unsigned returns_failed = 0;
    std::shared_ptr<std::atomic<bool>> hurry; // of the last look that is under way
    bool retrying = false;                    // a return is in the worker, tried again

    // What the module says, and what this was taken and started for.
    std::optional<HeldPartition> held;
    std::shared_ptr<const Manifest> reserved_for;
    std::string reserved_definition; // its digest; empty: not known
    RunRecord run;
    std::uint64_t heartbeat = 0;
    std::uint64_t heartbeat_usec = 0;
    Fleet::Clock::time_point heartbeat_at;

    bool reserved_always() const { return manifest && manifest->reserve == Manifest::Reserve::always && !vanished; }
    bool keeps() const { return reserved_always() || (rebooting && !vanished); } // what it holds, when it ends
    bool runs() const
    {
        return phase.sub_state == SubState::booting || phase.sub_state == SubState::running ||
               phase.sub_state == SubState::stopping;
    }
    bool need_restart() const { return runs() && !run.definition.empty() && run.definition != definition; }
    Manifest::Timeouts timeouts() const { return manifest ? manifest->timeouts : Manifest::Timeouts{}; }
};

// Functions take a partition by reference; whoever calls them from outside holds a shared_ptr, as the partition may be
// gone from the Fleet when they return.
struct Fleet::Impl {
    using Partition = FleetPartition;
    using Ref = std::shared_ptr<Partition>;

    Environment environment;
    FleetObserver& observer;
    std::map<std::string, Ref> partitions;
    using Definitions = std::shared_ptr<const std::vector<Manifest>>;
    Definitions definitions = std::make_shared<std::vector<Manifest>>();
    Findings findings;
    Reading reading;
    std::uint32_t last_job = 0;
    std::shared_ptr<int> alive = std::make_shared<int>(); // a step that ends after the Fleet finds this gone

    Impl(Environment environment_, FleetObserver& observer_) : environment{std::move(environment_)}, observer{observer_}
    {
    }

    // fleet.cpp: jobs, and what all of them need
    Ref find(const std::string& name) const;
    std::vector<Ref> all() const;
    static Status status(const Partition& p);
    std::uint32_t begin(Partition& p, Verb verb);
    void check(const Partition& p, Verb verb) const;
    void dispatch(Partition& p, Verb verb);
    void overtake(Partition& p);
    void finish(Partition& p, const std::optional<Error>& error);
    void enter(Partition& p, Event event);
    void arm(Partition& p);
    void submit(Partition& p, std::function<void()> work, std::function<void(Partition&, std::optional<Error>)> done,
                Executor::Lanes more_lanes = {});
    void submit_beside(Partition& p, std::function<void()> work,
                       std::function<void(Partition&, std::optional<Error>)> done, Executor::Lanes more_lanes = {});

    // fleet.cpp: plans for those who ask
    using PlanDone = std::function<void(const std::optional<Error>&, Preview)>;
    std::vector<PlanDone> plan_asked; // since the plan that is under way began
    bool planning = false;
    void submit_plan();

    // dump.cpp
    std::uint32_t begin_dump(Partition& p, Dump dump);

    // define.cpp: manifests
    void adopt(const HeldPartition& held);
    void define(const Manifests& manifests);
    bool define(const Manifest& manifest, const Manifests& all);
    bool miss(Partition& p, const Manifests& manifests);
    void reconcile(Partition& p);

    // start.cpp
    void start(Partition& p);
    void reserve(Partition& p);
    void submit_rehearsal(Partition& p);
    void submit_reservation(Partition& p, Definitions all);
    Definitions wish(Partition& p) const;
    void reserved(Partition& p, const Reserved& reserved, std::optional<Error> error);
    void load(Partition& p, const Reserved& reserved);
    void loaded(Partition& p, const Launched& launched, std::optional<Error> error);

    // stop.cpp
    void stop(Partition& p);
    void press_power_button(Partition& p);
    void give_back(Partition& p, bool keep);
    void submit_return(Partition& p, bool keep);
    LastLook last_look(Partition& p, const std::shared_ptr<std::string>& cause) const;
    void settle(Partition& p, bool keep, std::optional<Error> left);
    void retry(Partition& p);

    // events.cpp
    void look(Partition& p);
    void read_heartbeat(Partition& p, std::uint64_t heartbeat);
    void ended(Partition& p, HeldPartition::Exit exit, bool by_other_hand);
    void fail(Partition& p, Result result, const std::string& message);
    void on_deadline(Partition& p);
};

} // namespace parker
