// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"

namespace parker::introspect {

// What a look into a partition's memory may cost. Its kernel fills that memory, and can make it so that whoever follows
// what stands there goes on for days, one short read at a time. So each read is paid for here, as is what is done with
// what was read, and when the look is over, nothing can be read any more: whoever looks ends as if there were no more
// memory, and asks over() to tell the two apart.
//
// Used by one thread at a time, except for cancel().
class Look {
public:
    using Clock = std::chrono::steady_clock;

    // Steps and bytes say what a look may cost on any machine; the time is for one that is slow beyond measure.
    struct Limits {
        std::uint64_t steps = 0; // each about 100 ns: a read of a page at most, an entry of a page table, a name
        std::uint64_t bytes = 0; // copied
        Clock::duration time{};
    };
    // What there is to see at one moment: the next part of a log, the books, where memory is mapped.
    static constexpr Limits reading{4'000'000, 128 * MiB, std::chrono::seconds{5}};
    // For one who is not in a hurry, and does not say how much it is to be.
    static constexpr Limits usual{64'000'000, 4 * GiB, std::chrono::hours{24}};
    // A whole log, of a kernel that wrote for years into a ring of the largest size.
    static constexpr Limits whole_log{128'000'000, 4 * GiB, std::chrono::seconds{30}};
    // Once through so many pages, and what is found there tried: candidates by the dozen, not by the thousand.
    static Limits search(std::uint64_t pages);

    enum class End { none, steps, bytes, time, cancelled };

    explicit Look(const Limits& limits = usual) { begin(limits); }
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;

    // The next look, by the same eyes. One that was cancelled stays so.
    void begin(const Limits& limits);
    // A time at which this look and those after it end, however little they have cost.
    void until(Clock::time_point deadline) { deadline_ = deadline; }
    // Asked now and then: true cancels.
    void cancel_when(std::function<bool()> wanted_elsewhere) { wanted_elsewhere_ = std::move(wanted_elsewhere); }

    // Before it is done. False: it is over, now or since before, and is not to be done.
    bool spend(std::uint64_t bytes, std::uint64_t steps = 1);

    bool over() const { return end_ != End::none; }
    End end() const { return end_; }
    std::string why() const; // it is over: "after 4000000 steps"
    std::uint64_t steps() const { return steps_; }
    std::uint64_t bytes() const { return bytes_; }
    Limits left() const;

    // By any thread: what is under way ends with its next step, and no other begins.
    void cancel() { cancelled_ = true; }
    bool is_cancelled() const { return cancelled_; }

private:
    bool check();

    Limits limits_;
    std::uint64_t steps_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t check_at_ = 0; // steps
    Clock::time_point begun_;
    Clock::time_point deadline_ = Clock::time_point::max();
    End end_ = End::none;
    std::function<bool()> wanted_elsewhere_;
    std::atomic<bool> cancelled_ = false;
};

} // namespace parker::introspect
