// SPDX-License-Identifier: LGPL-2.1-or-later
// The way down: the power button, its deadline, and the return of what was held.
#include <parker.h>
#include <parker_control.h>

#include <cstring>
#include <utility>

#include "partition/give_back.h"
#include "partition/impl.h"

namespace parker {
namespace {

void write_command(Control& control, const std::string& name, std::uint32_t command)
{
    const auto held = control.find(name);
    if (!held || held->state != HeldPartition::State::running)
        return; // it ended meanwhile, and its event is on its way
    const auto page = held->slice + PARKER_SLICE_CONTROL;
    const auto mapping = control.map({page, page + page_bytes});
    std::memcpy(mapping->bytes().data() + PARKER_CTL_COMMAND, &command, sizeof command);
}

// Where a partition comes to rest after such an end.
Event rest(Result result, bool holds)
{
    switch (result) {
    case Result::success:
    case Result::reboot:
    case Result::killed:
        return holds ? Event::rest_held : Event::rest_dead;
    case Result::panic:
    case Result::unknown:
        return Event::fail_crashed;
    case Result::hung:
        return Event::fail_hung;
    case Result::boot_timeout:
    case Result::stop_timeout:
    case Result::resources:
    case Result::start_failed:
        break;
    }
    return holds ? Event::fail_held : Event::fail_dead;
}

bool ended_well(Result result)
{
    return rest(result, false) == Event::rest_dead;
}

// With the kernel's own words, where it has left some.
void explain_end(FleetPartition& p, const std::string& cause)
{
    if (cause.empty() || ended_well(p.result))
        return;
    p.message += (p.message.empty() ? "" : ": ") + cause;
    if (p.job_error)
        p.job_error = Error{p.job_error->code(), p.job_error->object(), p.message, p.job_error->suggestion()};
}

} // namespace

void Fleet::Impl::stop(Partition& p)
{
    enter(p, Event::stop);
    press_power_button(p);
}

void Fleet::Impl::press_power_button(Partition& p)
{
    submit(
        p,
        [&control = environment.control, name = p.name] { write_command(control, name, PARKER_COMMAND_POWER_BUTTON); },
        [this](Partition& q, std::optional<Error> error) {
            if (!error || q.phase.sub_state != SubState::stopping)
                return;
            q.result = Result::killed;
            q.message = error->what();
            give_back(q, q.keeps());
        });
}

void Fleet::Impl::give_back(Partition& p, bool keep)
{
    enter(p, Event::give_back);
    submit_return(p, keep);
}

void Fleet::Impl::submit_return(Partition& p, bool keep)
{
    const auto left = std::make_shared<std::optional<Error>>();
    const auto cause = std::make_shared<std::string>();
    submit(
        p,
        [left, keep, &control = environment.control, name = p.name, look = last_look(p, cause)] {
            *left = keep ? end_and_keep(control, name, look) : parker::give_back(control, name, look);
        },
        [this, left, keep, cause](Partition& q, const std::optional<Error>&) {
            q.held = environment.control.find(q.name);
            explain_end(q, *cause);
            settle(q, keep, *left);
        });
}

LastLook Fleet::Impl::last_look(Partition& p, const std::shared_ptr<std::string>& cause) const
{
    p.hurry = std::make_shared<std::atomic<bool>>(false);
    Ending ending{{}, p.result, p.message, p.run, p.reserved_for, p.hurry};
    if (!ending.manifest && p.run.definition == p.definition) // it was adopted
        ending.manifest = p.manifest;
    return [look = environment.last_look, away = environment.look_away, ending, cause](const HeldPartition& held) {
        if (held.state == HeldPartition::State::idle) {
            if (away)
                away(held.name);
            return;
        }
        if (!look)
            return;
        auto complete = ending;
        complete.held = held;
        *cause = look(complete);
    };
}

// Nothing is under way any more: where the partition rests, and how its job ends.
void Fleet::Impl::settle(Partition& p, bool keep, std::optional<Error> left)
{
    if (keep && p.held && !left && !p.keeps()) { // asked to stop while it went down for a reboot
        submit_return(p, false);
        return;
    }
    p.failure = p.job_error ? p.job_error : left;
    p.run = {};
    forget_run(environment.state_directory, p.name);
    if (!p.held)
        p.reserved_definition.clear();
    if (p.held && (!keep || left)) {
        ++p.returns_failed;
        p.left_over = left ? left->what() : "it still holds something that is tried again";
        enter(p, ended_well(p.result) ? Event::rest_partial : Event::fail_partial);
    } else {
        p.returns_failed = 0;
        p.left_over.clear();
        enter(p, rest(p.result, p.held.has_value()));
    }
    const auto error = p.failure; // a copy: what comes next may begin anew
    finish(p, error);
}

// Again and again, ever more seldom, until all is back.
void Fleet::Impl::retry(Partition& p)
{
    p.retrying = true;
    const auto left = std::make_shared<std::optional<Error>>();
    const auto cause = std::make_shared<std::string>();
    submit(
        p,
        [left, &control = environment.control, name = p.name, look = last_look(p, cause)] {
            *left = parker::give_back(control, name, look);
        },
        [this, left, cause](Partition& q, const std::optional<Error>&) {
            q.retrying = false;
            explain_end(q, *cause);
            if (q.phase.sub_state != SubState::partially_returned)
                return; // a job came between
            const auto before = std::exchange(q.held, environment.control.find(q.name));
            if (!q.held) {
                settle(q, false, std::nullopt);
                return;
            }
            // Still the same phase: no transition, but perhaps less is held, or for another reason.
            ++q.returns_failed;
            arm(q);
            const std::string reason = *left ? (*left)->what() : q.left_over;
            const bool changed = reason != q.left_over || !before || before->cpus != q.held->cpus ||
                                 before->memory != q.held->memory || before->devices != q.held->devices;
            q.left_over = reason;
            if (changed)
                observer.partition_changed(q.name);
        });
}

} // namespace parker
