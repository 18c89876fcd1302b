// SPDX-License-Identifier: LGPL-2.1-or-later
// What happens by itself: heartbeats, ends, deadlines.
#include <algorithm>

#include "base/clock.h"
#include "partition/impl.h"

namespace parker {

void Fleet::Impl::look(Partition& p)
{
    if (!p.runs())
        return; // a step is under way, and looks for itself at its end
    auto held = environment.control.find(p.name);
    const auto state = held ? held->state : HeldPartition::State::idle;
    const auto exit = held ? held->exit : HeldPartition::Exit::unknown;
    const auto heartbeat = held ? held->heartbeat : 0;
    const bool unplugged = p.held && held && p.held->lost != held->lost;
    p.held = std::move(held);
    if (unplugged)
        observer.partition_changed(p.name);
    if (state != HeldPartition::State::running) {
        ended(p, exit, state == HeldPartition::State::idle);
        return;
    }
    if (p.phase.sub_state == SubState::booting && heartbeat != 0) {
        read_heartbeat(p, heartbeat);
        enter(p, Event::beat);
        finish(p, std::nullopt);
    }
}

void Fleet::Impl::read_heartbeat(Partition& p, std::uint64_t heartbeat)
{
    if (heartbeat == p.heartbeat)
        return; // "another value" and not "a higher one": it is the application kernel's own word
    p.heartbeat = heartbeat;
    p.heartbeat_at = environment.now();
    p.heartbeat_usec = realtime_usec();
}

void Fleet::Impl::ended(Partition& p, HeldPartition::Exit exit, bool by_other_hand)
{
    using Exit = HeldPartition::Exit;
    p.result = Result::unknown;
    p.message = "it ended, and the kernel module does not know why";
    if (by_other_hand) {
        p.message = "another program than parkerd ended it";
    } else if (exit == Exit::poweroff || exit == Exit::reboot) {
        p.result = exit == Exit::reboot ? Result::reboot : Result::success;
        p.message.clear();
    } else if (exit == Exit::panic) {
        p.result = Result::panic;
        p.message = "the application kernel panicked";
    }
    if (p.phase.sub_state == SubState::booting) { // whatever it did, it never came up
        if (p.message.empty()) {
            p.message = "it ended before its first heartbeat, by " + std::string{to_string(exit)};
            p.result = Result::start_failed;
        }
        p.job_error = Error{Code::start_failed, "partition " + p.name, p.message, "parkerctl log " + p.name};
    }
    p.rebooting = p.result == Result::reboot && p.phase.sub_state == SubState::running;
    give_back(p, p.keeps());
}

void Fleet::Impl::fail(Partition& p, Result result, const std::string& message)
{
    p.result = result;
    p.message = message;
    if (result == Result::boot_timeout)
        p.job_error = Error{Code::boot_timeout, "partition " + p.name, message, "parkerctl log " + p.name};
    give_back(p, p.keeps());
}

void Fleet::on_look_given_up(const std::string& name, const std::string& run, const std::string& why)
{
    const auto found = impl_->partitions.find(name);
    if (found == impl_->partitions.end())
        return;
    auto& p = *found->second;
    const bool said = std::ranges::find(p.run_findings, Code::look_given_up, &Finding::code) != p.run_findings.end();
    if (said || (!p.run.id.empty() && p.run.id != run)) // it has been started again since
        return;
    Finding finding;
    finding.severity = Severity::warning;
    finding.code = Code::look_given_up;
    if (p.manifest)
        finding.at = p.manifest->name.at;
    finding.partition = name;
    finding.message = why;
    finding.suggestion = "the partition goes on; ask its own dmesg(1) for the log";
    p.run_findings.push_back(std::move(finding));
    impl_->observer.partition_changed(name);
}

void Fleet::Impl::on_deadline(Partition& p)
{
    if (p.phase.sub_state == SubState::partially_returned) {
        retry(p);
        return;
    }
    if (p.rebooting) { // nobody started it again
        p.rebooting = false;
        p.release_wanted = !p.keeps();
        reconcile(p);
        return;
    }
    const auto before = p.phase;
    look(p); // an event may have been lost, or be behind this deadline in the queue
    if (p.phase != before)
        return;
    const auto seconds = [](std::chrono::milliseconds time) { return std::to_string(time.count() / 1000) + " s"; };
    const auto timeouts = p.timeouts();
    switch (p.phase.sub_state) {
    case SubState::booting:
        fail(p, Result::boot_timeout, "no heartbeat within " + seconds(timeouts.boot));
        return;
    case SubState::stopping:
        if (environment.now() >= p.stop_by) {
            fail(p, Result::stop_timeout, "did not power off within " + seconds(timeouts.stop) + " and was killed");
        } else {
            p.deadline = std::min(environment.now() + press_again, p.stop_by);
            press_power_button(p);
        }
        return;
    case SubState::running: {
        read_heartbeat(p, p.held->heartbeat);
        const auto last = p.heartbeat_at + timeouts.heartbeat;
        if (environment.now() >= last)
            fail(p, Result::hung, "no heartbeat for " + seconds(timeouts.heartbeat));
        else
            p.deadline = std::min(environment.now() + timeouts.heartbeat / 4, last);
        return;
    }
    default:
        return;
    }
}

} // namespace parker
