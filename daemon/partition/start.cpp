// SPDX-License-Identifier: LGPL-2.1-or-later
// The way up: reserving, loading, booting. Each step is one piece of work, so that others, and a kill, come in between.
#include <algorithm>
#include <iterator>

#include "partition/impl.h"

namespace parker {
namespace {

void forget_last_run(FleetPartition& p)
{
    p.result = Result::success;
    p.message.clear();
    p.failure.reset();
    p.left_over.clear();
    p.run_findings.clear();
    p.run = {};
    p.heartbeat = 0;
    p.heartbeat_usec = 0;
    p.killed = false;
    p.reserve_wanted = false;
    p.release_wanted = false;
    p.rebooting = false;
}

} // namespace

void Fleet::Impl::start(Partition& p)
{
    p.in_place = p.rebooting && p.reserved_definition == p.definition;
    forget_last_run(p);
    enter(p, Event::start);
    submit_rehearsal(p);
}

void Fleet::Impl::reserve(Partition& p)
{
    forget_last_run(p);
    enter(p, Event::reserve);
    submit_reservation(p, wish(p));
}

// Apart from the reservation, which others may wait for: reading the images may take as long as their file system
// likes.
void Fleet::Impl::submit_rehearsal(Partition& p)
{
    auto all = wish(p);
    const auto reserved = std::make_shared<Reserved>();
    reserved->foreign = !p.held; // what has the name now, if anything, this start did not take
    submit(
        p,
        [reserved, manifest = p.manifest, build = environment.build] {
            std::optional<Finding> finding;
            try {
                rehearse(*manifest, build, finding);
            } catch (const Error&) {
                reserved->refused = true;
                if (finding)
                    reserved->findings.push_back(*finding);
                throw;
            }
        },
        [this, reserved, all = std::move(all)](Partition& q, std::optional<Error> error) {
            if (error || q.killed)
                this->reserved(q, *reserved, std::move(error));
            else
                submit_reservation(q, all);
        });
}

// All definitions as they are when the partition's is chosen, which may change before it runs.
Fleet::Impl::Definitions Fleet::Impl::wish(Partition& p) const
{
    p.reserved_for = p.manifest;
    p.reserved_definition = p.definition;
    return definitions;
}

void Fleet::Impl::submit_reservation(Partition& p, Definitions all)
{
    const auto reserved = std::make_shared<Reserved>();
    const Reservation input{p.name, std::move(all), environment.machine, environment.options, p.held.has_value()};
    submit(
        p, [input, reserved, &control = environment.control] { parker::reserve(control, input, *reserved); },
        [this, reserved](Partition& q, std::optional<Error> error) { this->reserved(q, *reserved, std::move(error)); },
        {taking_lane});
}

void Fleet::Impl::reserved(Partition& p, const Reserved& reserved, std::optional<Error> error)
{
    p.run_findings = reserved.findings;
    p.held = reserved.foreign ? std::nullopt : environment.control.find(p.name);
    if (error) {
        p.result = p.killed ? Result::killed : reserved.refused ? Result::start_failed : Result::resources;
        p.message = error->what();
        if (!p.killed)
            p.job_error = std::move(error);
        settle(p, reserved.refused, std::nullopt); // then nothing was touched: what is reserved stays so
    } else if (p.killed) {
        p.result = Result::killed;
        if (p.held)
            give_back(p, p.keeps());
        else // nothing is this start's yet
            settle(p, false, std::nullopt);
    } else {
        enter(p, Event::reserved);
        if (at_rest(p.phase))
            finish(p, std::nullopt);
        else
            load(p, reserved);
    }
}

void Fleet::Impl::load(Partition& p, const Reserved& reserved)
{
    const auto launched = std::make_shared<Launched>();
    const Launch input{p.reserved_for,    p.reserved_definition,       reserved.machine, reserved.fresh || p.in_place,
                       environment.build, environment.state_directory, p.origin};
    submit(
        p, [input, launched, &control = environment.control] { parker::launch(control, input, *launched); },
        [this, launched](Partition& q, std::optional<Error> error) { this->loaded(q, *launched, std::move(error)); });
}

void Fleet::Impl::loaded(Partition& p, const Launched& launched, std::optional<Error> error)
{
    std::ranges::copy(launched.warnings, std::back_inserter(p.run_findings));
    if (launched.finding)
        p.run_findings.push_back(*launched.finding);
    if (p.killed) {
        p.result = Result::killed;
        give_back(p, p.keeps());
    } else if (error) {
        p.result = Result::start_failed;
        p.message = error->what();
        p.job_error = std::move(error);
        give_back(p, p.keeps());
    } else {
        p.run = launched.run;
        enter(p, Event::loaded);
        look(p); // its event may have come while nobody expected it
    }
}

} // namespace parker
