// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/look.h"

#include <algorithm>

namespace parker::introspect {
namespace {

constexpr std::uint64_t between_checks = 1024; // steps: a tenth of a millisecond

std::uint64_t less(std::uint64_t from, std::uint64_t what)
{
    return from - std::min(from, what);
}

} // namespace

// Notes and tables are one step a page each, and random bytes often look like a table for two or three more.
Look::Limits Look::search(std::uint64_t pages)
{
    constexpr std::uint64_t steps_for_candidates = 16'000'000;
    return {8 * pages + steps_for_candidates, 64 * pages + 2 * GiB,
            std::chrono::seconds{30} + pages * std::chrono::microseconds{2}};
}

void Look::begin(const Limits& limits)
{
    limits_ = limits;
    steps_ = bytes_ = check_at_ = 0;
    begun_ = Clock::now();
    end_ = cancelled_ ? End::cancelled : End::none;
}

bool Look::spend(std::uint64_t bytes, std::uint64_t steps)
{
    if (end_ != End::none)
        return false;
    steps_ += steps;
    bytes_ += bytes;
    if (cancelled_)
        end_ = End::cancelled;
    else if (steps_ > limits_.steps)
        end_ = End::steps;
    else if (bytes_ > limits_.bytes)
        end_ = End::bytes;
    return end_ == End::none && (steps_ < check_at_ || check());
}

// What is too dear to be asked at each step.
bool Look::check()
{
    check_at_ = steps_ + between_checks;
    const auto now = Clock::now();
    if (wanted_elsewhere_ && wanted_elsewhere_())
        cancelled_ = true;
    if (cancelled_)
        end_ = End::cancelled;
    else if (now >= deadline_ || now - begun_ > limits_.time)
        end_ = End::time;
    return end_ == End::none;
}

std::string Look::why() const
{
    using std::chrono::duration_cast;
    using std::chrono::seconds;
    switch (end_) {
    case End::none:
        break;
    case End::steps:
        return "after " + std::to_string(limits_.steps) + " steps";
    case End::bytes:
        return "after reading " + format_bytes(limits_.bytes);
    case End::time:
        return "after " +
               std::to_string(std::max<std::int64_t>(
                   duration_cast<seconds>(std::min(limits_.time, Clock::now() - begun_)).count(), 1)) +
               " s";
    case End::cancelled:
        return "as something else is to be done to the partition";
    }
    return {};
}

Look::Limits Look::left() const
{
    const auto took = Clock::now() - begun_;
    return {less(limits_.steps, steps_), less(limits_.bytes, bytes_),
            limits_.time - std::min<Clock::duration>(limits_.time, took)};
}

} // namespace parker::introspect
