// SPDX-License-Identifier: LGPL-2.1-or-later
// How simulated application kernels live and end, and what is made to go wrong.
#include <parker_control.h>

#include <algorithm>

#include "control/simulated.h"
#include "control/simulated_partition.h"

namespace parker {
namespace {

using State = HeldPartition::State;
using Exit = HeldPartition::Exit;

} // namespace

std::optional<SimulatedControl::Clock::time_point> SimulatedControl::next_event()
{
    const std::lock_guard lock{mutex_};
    std::optional<Clock::time_point> next;
    for (const auto& [name, partition] : partitions_) {
        if (partition->held.state != State::running || partition->hangs)
            continue;
        const auto own = partition->end ? std::min(*partition->end, partition->next) : partition->next;
        next = next ? std::min(*next, own) : own;
    }
    return next;
}

std::vector<std::string> SimulatedControl::advance()
{
    const std::lock_guard lock{mutex_};
    std::vector<std::string> names;
    for (const auto& [name, partition] : partitions_) {
        bool told = false;
        beat(*partition, told);
        if (told)
            names.push_back(name);
    }
    return names;
}

void SimulatedControl::beat(Partition& partition, bool& told)
{
    const auto now = now_();
    auto& control = *partition.slice;
    while (partition.held.state == State::running && !partition.hangs) {
        if (partition.end && *partition.end <= std::min(now, partition.next)) {
            partition.hangs = !partition.end_as;
            if (partition.end_as) {
                partition.held.state = State::exited;
                partition.held.exit = *partition.end_as;
                told = true;
            }
        } else if (partition.next <= now) {
            const auto beats = control.load<std::uint64_t>(PARKER_CTL_HEARTBEAT);
            control.store(PARKER_CTL_HEARTBEAT, beats + 1);
            told = told || beats == 0;
            if (control.load<std::uint32_t>(PARKER_CTL_COMMAND) == PARKER_COMMAND_POWER_BUTTON) {
                control.store(PARKER_CTL_COMMAND, std::uint32_t{PARKER_COMMAND_NONE});
                const auto off = partition.next + options_.shutdown;
                if (!partition.end || off < *partition.end) {
                    partition.end = off;
                    partition.end_as = Exit::poweroff;
                }
            }
            partition.next += options_.beat;
        } else {
            return;
        }
    }
}

void SimulatedControl::end(const std::string& name, HeldPartition::Exit exit)
{
    const std::lock_guard lock{mutex_};
    auto& held = named(name).held;
    held.state = State::exited;
    held.exit = exit;
}

void SimulatedControl::hang(const std::string& name)
{
    const std::lock_guard lock{mutex_};
    named(name).hangs = true;
}

void SimulatedControl::unplug(const std::string& name, const Bdf& bdf)
{
    const std::lock_guard lock{mutex_};
    named(name).held.lost.push_back(bdf);
}

void SimulatedControl::destine(const std::string& name, std::optional<HeldPartition::Exit> exit, Clock::duration after)
{
    const std::lock_guard lock{mutex_};
    fates_.insert_or_assign(name, Fate{exit, after});
}

void SimulatedControl::fail(Call call, Error error, unsigned times, std::string name)
{
    const std::lock_guard lock{mutex_};
    failures_.push_back({call, std::move(name), std::move(error), times});
}

void SimulatedControl::fail_nth(unsigned nth, Error error)
{
    const std::lock_guard lock{mutex_};
    nth_.emplace(nth, std::move(error));
}

void SimulatedControl::slow_down(Call call, std::chrono::milliseconds time, std::string name)
{
    const std::lock_guard lock{mutex_};
    slow_.push_back({call, std::move(name), time});
}

std::vector<std::string> SimulatedControl::history() const
{
    const std::lock_guard lock{mutex_};
    return history_;
}

void SimulatedControl::forget_history()
{
    const std::lock_guard lock{mutex_};
    history_.clear();
}

} // namespace parker
