// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/fleet.h"

#include <algorithm>

#include "base/clock.h"
#include "manifest/missing.h"
#include "partition/impl.h"

namespace parker {
namespace {

Error wrong_state(const std::string& name, const std::string& reason, const std::string& suggestion = {})
{
    return Error{Code::wrong_state, "partition " + name, reason, suggestion};
}

Finding unplugged(const FleetPartition& p, const Bdf& bdf)
{
    Finding finding;
    finding.code = Code::no_such_device;
    finding.severity = Severity::warning;
    if (p.manifest)
        finding.at = p.manifest->name.at;
    finding.partition = p.name;
    finding.message = bdf.to_string() + " was unplugged; the partition goes on without it";
    finding.suggestion = "plug it in again, then restart the partition";
    return finding;
}

std::string in_words(Phase phase)
{
    return std::string{to_string(phase.state)} + " (" + std::string{to_string(phase.sub_state)} + ')';
}

} // namespace

Fleet::Impl::Ref Fleet::Impl::find(const std::string& name) const
{
    const auto found = partitions.find(name);
    if (found != partitions.end())
        return found->second;
    std::vector<std::string> names;
    for (const auto& [each, partition] : partitions)
        names.push_back(each);
    throw why_none(name, names, findings, reading);
}

std::vector<Fleet::Impl::Ref> Fleet::Impl::all() const
{
    std::vector<Ref> result;
    for (const auto& [name, partition] : partitions)
        result.push_back(partition);
    return result;
}

Status Fleet::Impl::status(const Partition& p)
{
    Status status;
    status.name = p.name;
    status.state = p.phase.state;
    status.sub_state = p.phase.sub_state;
    status.result = p.result;
    status.message = p.message + (p.message.empty() || p.left_over.empty() ? "" : "; ") + p.left_over;
    if (p.failure) {
        status.error_code = info(p.failure->code()).name;
        status.suggestion = p.failure->suggestion();
    }
    status.state_change_usec = p.state_change_usec;
    status.need_restart = p.need_restart();
    status.need_reload = p.broken || p.taken_out;
    status.kernel_release = p.run.kernel_release;
    status.cmdline = p.run.cmdline;
    status.run_id = p.run.id;
    status.run_started_usec = p.run.started_usec;
    if (p.manifest) {
        status.description = p.manifest->description;
        status.manifest_path = p.manifest->name.at.file;
        status.autostart = p.manifest->autostart;
        status.kernel_image = p.manifest->kernel.image.value;
        if (status.cmdline.empty())
            status.cmdline = p.manifest->kernel.cmdline.value;
    }
    if (p.held) {
        status.cpus = p.held->cpus;
        status.memory = p.held->memory;
        status.devices = p.held->devices;
        status.dma = p.held->dma;
    }
    status.counters = p.tally.counters();
    status.findings = p.findings;
    status.findings.insert(status.findings.end(), p.run_findings.begin(), p.run_findings.end());
    if (p.held)
        for (const auto& bdf : p.held->lost)
            status.findings.push_back(unplugged(p, bdf));
    return status;
}

void Fleet::Impl::check(const Partition& p, Verb verb) const
{
    const bool rests = at_rest(p.phase);
    const bool joins = p.phase.sub_state == SubState::returning; // without a job: it ended by itself
    const bool booting = p.phase.sub_state == SubState::booting; // without a job: adopted
    const bool running = p.phase.sub_state == SubState::running;
    switch (verb) {
    case Verb::start:
    case Verb::reserve:
        if (p.vanished)
            throw wrong_state(p.name, "its manifest is gone");
        if (!p.manifest)
            throw Error{Code::invalid_manifest, "partition " + p.name, "no valid manifest speaks of it",
                        "see `parkerctl validate`"};
        if (running && verb == Verb::start)
            throw wrong_state(p.name, "it runs already");
        if (!rests && !(verb == Verb::start && (joins || booting)))
            throw wrong_state(p.name, "it is " + in_words(p.phase));
        return;
    case Verb::stop:
        if (!running && !booting && !joins)
            throw wrong_state(p.name, "it does not run: it is " + in_words(p.phase));
        return;
    case Verb::kill:
        if (rests && !p.held)
            throw wrong_state(p.name, "it does not run and holds nothing");
        return;
    case Verb::release:
        if (!rests || !p.held)
            throw wrong_state(p.name, rests ? "it holds nothing" : "it is " + in_words(p.phase), "stop it first");
        return;
    case Verb::dump:
        if (!p.held || (!rests && !p.runs()))
            throw wrong_state(p.name, "it has no kernel in its memory: it is " + in_words(p.phase),
                              "`dump: on-crash` in its manifest keeps the memory of a kernel that crashes");
        return;
    }
}

std::uint32_t Fleet::Impl::begin(Partition& p, Verb verb)
{
    const bool overtakes = verb == Verb::kill && p.job && (p.job->verb == Verb::start || p.job->verb == Verb::stop) &&
                           (p.phase.sub_state != SubState::returning || p.job_waits);
    if (p.job && !overtakes)
        throw Error{Code::busy, "partition " + p.name, "another job is under way: it is " + in_words(p.phase),
                    "wait for its end, or use `parkerctl kill`"};
    check(p, verb);
    if (overtakes)
        overtake(p);
    const auto id = ++last_job;
    p.job = Job{id, verb, p.name};
    observer.job_new(id, p.name);
    dispatch(p, verb);
    return id;
}

// The job ends here, its work does not: the phase says what is under way and where the kill comes in.
void Fleet::Impl::overtake(Partition& p)
{
    const auto job = *p.job;
    p.job.reset();
    p.job_waits = false;
    p.job_error.reset();
    observer.job_removed(job.id, p.name,
                         job.verb == Verb::start
                             ? Error{Code::start_failed, "partition " + p.name, "it was killed while it started"}
                             : Error{Code::wrong_state, "partition " + p.name, "it was killed while it stopped"});
}

void Fleet::Impl::dispatch(Partition& p, Verb verb)
{
    if (p.phase.sub_state == SubState::returning) {
        p.job_waits = verb == Verb::start;
        p.rebooting = p.rebooting && p.job_waits;
        if (verb == Verb::kill && p.hurry)
            *p.hurry = true;
        return; // a stop or kill ends with the return
    }
    switch (verb) {
    case Verb::start:
        if (p.phase.sub_state != SubState::booting) // else it ends with the first heartbeat, as any start
            start(p);
        return;
    case Verb::reserve:
        reserve(p);
        return;
    case Verb::stop:
        stop(p);
        return;
    case Verb::kill:
        p.killed = p.phase.sub_state == SubState::reserving || p.phase.sub_state == SubState::loading;
        if (p.killed)
            return; // after the worker's step
        if (!at_rest(p.phase)) {
            p.result = Result::killed;
            p.message.clear();
        }
        p.rebooting = false;
        give_back(p, p.keeps());
        return;
    case Verb::release:
        give_back(p, false);
        return;
    case Verb::dump: // begin_dump()
        return;
    }
}

void Fleet::Impl::finish(Partition& p, const std::optional<Error>& error)
{
    p.job_error.reset();
    p.killed = false;
    if (p.job && p.job_waits) {
        p.job_waits = false;
        start(p);
        return;
    }
    if (p.job) {
        const auto job = *p.job;
        p.job.reset();
        observer.job_removed(job.id, p.name, error);
    }
    reconcile(p);
}

void Fleet::Impl::enter(Partition& p, Event event)
{
    const auto before = p.phase;
    p.phase = transition(before, event);
    p.tally.note(before, p.phase, p.result, environment.now());
    p.state_change_usec = realtime_usec();
    if (p.phase.sub_state == SubState::running)
        p.heartbeat_at = environment.now();
    arm(p);
    observer.partition_changed(p.name);
}

// The phase's deadline, from now.
void Fleet::Impl::arm(Partition& p)
{
    const auto now = environment.now();
    switch (p.phase.sub_state) {
    case SubState::booting:
        p.deadline = now + p.timeouts().boot;
        break;
    case SubState::running:
        p.deadline = now + p.timeouts().heartbeat / 4; // looks that often, so that a loss is seen in time
        break;
    case SubState::stopping:
        p.stop_by = now + p.timeouts().stop;
        p.deadline = std::min(now + press_again, p.stop_by);
        break;
    case SubState::held:
        if (p.rebooting)
            p.deadline = now + reboot_grace;
        else
            p.deadline.reset();
        break;
    case SubState::partially_returned:
        p.deadline = now + std::chrono::seconds{1U << std::min(p.returns_failed, 6U)}; // at most about a minute
        break;
    default:
        p.deadline.reset();
    }
}

// Steps of a partition's life. A dump holds the partition's lane, and must not hold up its life.
void Fleet::Impl::submit(Partition& p, std::function<void()> work,
                         std::function<void(Partition&, std::optional<Error>)> done, Executor::Lanes more_lanes)
{
    if (p.dump)
        p.dump->progress->cancelled = true;
    submit_beside(p, std::move(work), std::move(done), std::move(more_lanes));
}

void Fleet::Impl::submit_beside(Partition& p, std::function<void()> work,
                                std::function<void(Partition&, std::optional<Error>)> done, Executor::Lanes more_lanes)
{
    more_lanes.push_back(p.name);
    environment.executor.submit(more_lanes, std::move(work),
                                [partition = p.shared_from_this(), fleet = std::weak_ptr{alive},
                                 done = std::move(done)](std::optional<Error> error) {
                                    if (!fleet.expired())
                                        done(*partition, std::move(error));
                                });
}

Fleet::Fleet(Environment environment, FleetObserver& observer)
    : impl_{std::make_unique<Impl>(std::move(environment), observer)}
{
}

Fleet::~Fleet() = default;

void Fleet::adopt()
{
    for (const auto& held : impl_->environment.control.list())
        impl_->adopt(held);
}

void Fleet::define(const Manifests& manifests)
{
    impl_->define(manifests);
}

void Fleet::plan(std::function<void(const std::optional<Error>&, Preview)> done)
{
    impl_->plan_asked.push_back(std::move(done));
    if (!impl_->planning)
        impl_->submit_plan();
}

// One plan for all who have asked by now: thousands who ask do not hold up a start, which is planned in the same lane.
void Fleet::Impl::submit_plan()
{
    planning = true;
    const auto result = std::make_shared<Preview>();
    environment.executor.submit(
        {taking_lane},
        [&environment = environment, definitions = definitions, result] {
            *result = make_preview(environment.machine(), *definitions, holdings(environment.control.list()),
                                   complete(environment.options, environment.control));
        },
        [this, fleet = std::weak_ptr{alive}, result,
         asked = std::exchange(plan_asked, {})](const std::optional<Error>& error) {
            if (fleet.expired())
                return;
            planning = false;
            if (!plan_asked.empty())
                submit_plan();
            for (auto& change : result->changes) // another kernel or command line asks for one, too
                if (const auto found = partitions.find(change.name); found != partitions.end())
                    change.needs_restart = change.needs_restart || found->second->need_restart();
            result->findings.insert(result->findings.begin(), findings.begin(), findings.end());
            for (const auto& done : asked)
                done(error, *result);
        });
}

std::vector<std::string> Fleet::names() const
{
    std::vector<std::string> result;
    for (const auto& [name, partition] : impl_->partitions)
        result.push_back(name);
    return result;
}

Status Fleet::status(const std::string& name) const
{
    return impl_->status(*impl_->find(name));
}

Heartbeat Fleet::heartbeat(const std::string& name) const
{
    auto& p = *impl_->find(name);
    if (p.runs())
        if (const auto count = impl_->environment.control.heartbeat(name))
            impl_->read_heartbeat(p, *count);
    return {p.heartbeat, p.heartbeat_usec};
}

const Findings& Fleet::findings() const
{
    return impl_->findings;
}

const Reading& Fleet::reading() const
{
    return impl_->reading;
}

std::uint32_t Fleet::begin(Verb verb, const std::string& name)
{
    const auto partition = impl_->find(name);
    return impl_->begin(*partition, verb);
}

std::uint32_t Fleet::begin_dump(const std::string& name, Dump dump)
{
    const auto partition = impl_->find(name);
    return impl_->begin_dump(*partition, std::move(dump));
}

void Fleet::cancel(std::uint32_t job)
{
    for (const auto& found : jobs())
        if (found.id == job && found.progress)
            found.progress->cancelled = true;
        else if (found.id == job)
            throw wrong_state(found.partition, "only a memory dump can be cancelled",
                              "parkerctl kill " + found.partition);
}

std::vector<Fleet::Job> Fleet::jobs() const
{
    std::vector<Job> result;
    for (const auto& [name, partition] : impl_->partitions)
        for (const auto& job : {partition->job, partition->dump})
            if (job)
                result.push_back(*job);
    std::ranges::sort(result, {}, &Job::id);
    return result;
}

void Fleet::on_module_event(const std::string& name)
{
    const auto found = impl_->partitions.find(name);
    if (found != impl_->partitions.end()) {
        const auto partition = found->second;
        impl_->look(*partition);
    }
}

std::optional<Fleet::Clock::time_point> Fleet::next_deadline() const
{
    std::optional<Clock::time_point> next;
    for (const auto& [name, partition] : impl_->partitions)
        if (partition->deadline && (!next || *partition->deadline < *next))
            next = partition->deadline;
    return next;
}

void Fleet::on_deadline()
{
    const auto now = impl_->environment.now();
    for (const auto& partition : impl_->all())
        if (partition->deadline && *partition->deadline <= now) {
            partition->deadline.reset();
            impl_->on_deadline(*partition);
        }
}

} // namespace parker
