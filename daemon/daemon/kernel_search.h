// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "control/control.h"
#include "partition/inside.h"

namespace parker {

// Looks for the kernel in the memory of a partition that runs, a part of it at a time, again and again until it is
// found: soon again after a start, seldom later, and far more seldom when the memory leads astray.
class KernelSearch {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t pages_at_once = 65536; // 256 MiB: then followers have their turn

    explicit KernelSearch(Control& control) : control_{control} {}

    // Another kernel runs now; what was found is forgotten.
    void begin(const HeldPartition& held, std::shared_ptr<introspect::Look> look);
    // None runs. What was found may be taken over by whoever ends it.
    void end() { held_.reset(); }
    std::unique_ptr<Inside> release() { return std::move(inside_); }

    bool runs() const { return held_.has_value(); }
    const std::optional<HeldPartition>& held() const { return held_; }

    // Goes on, if it is time. True: there is more memory to go through now.
    bool go_on();
    Clock::time_point next() const { return next_; }

    // What came of it, when go_on() came to the end of the memory and there is no kernel.
    struct Verdict {
        std::string why;
        bool is_usual = true;  // most kernels that have just started are not found yet
        bool given_up = false; // it cost too much
    };
    const std::optional<Verdict>& verdict() const { return verdict_; }

    const Inside* inside() const { return inside_.get(); }
    const introspect::Kernel* kernel() const { return inside_ ? inside_->kernel() : nullptr; }
    void drop_kernel() { inside_->drop_kernel(); } // it was overwritten
    void unmap() { inside_.reset(); }              // nobody needs it now

private:
    Control& control_;
    std::optional<HeldPartition> held_;
    std::shared_ptr<introspect::Look> look_;
    std::unique_ptr<Inside> inside_;
    std::optional<Verdict> verdict_;
    Clock::time_point since_;
    Clock::time_point next_;
    Clock::duration took_{}; // since the last pause
};

// Why there is no log, in words for who wants to read it. An empty reason: there is none that could be seen.
std::string no_log(const std::string& reason);
std::string gave_up_search(const std::string& why);

} // namespace parker
