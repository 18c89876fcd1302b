// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/kernel_search.h"

#include <algorithm>
#include <utility>

namespace parker {
namespace {

constexpr std::chrono::milliseconds soon{100};
constexpr std::chrono::seconds rarely{10};
constexpr int rest = 4;                        // between two searches, in their own length: a fifth of a CPU at most
constexpr int long_rest = 30;                  // after one that was given up
constexpr std::chrono::seconds early_after{5}; // most kernels have their note by then

} // namespace

std::string no_log(const std::string& reason)
{
    return reason.empty() ? "no log of a kernel (Linux 5.10 or later) is in its memory" : reason;
}

std::string gave_up_search(const std::string& why)
{
    return "the search for its kernel's log was given up " + why + ": its memory leads astray who looks for one there";
}

void KernelSearch::begin(const HeldPartition& held, std::shared_ptr<introspect::Look> look)
{
    held_ = held;
    look_ = std::move(look);
    inside_.reset();
    verdict_.reset();
    since_ = next_ = Clock::now();
    took_ = {};
}

bool KernelSearch::go_on()
{
    verdict_.reset();
    const auto now = Clock::now();
    if (now < next_ || look_->is_cancelled())
        return false;
    Verdict verdict;
    try {
        if (!inside_)
            inside_ = std::make_unique<Inside>(control_, *held_, look_);
        const bool early = inside_->kernel() == nullptr && now - since_ > early_after;
        if (inside_->search(pages_at_once, early)) {
            took_ = {};
            return false;
        }
        took_ += Clock::now() - now;
        if (!inside_->came_round())
            return true;
        if (look_->is_cancelled())
            return false;
        verdict.given_up = !inside_->given_up().empty();
        if (verdict.given_up)
            verdict.why = gave_up_search(inside_->given_up());
    } catch (const Error& error) {
        verdict.why = error.what();
    }
    const auto took = std::exchange(took_, {});
    if (verdict.given_up) {
        next_ = Clock::now() + std::max<Clock::duration>(long_rest * took, rarely);
    } else {
        // A kernel that has just started will write its note soon, one that is no such kernel never will.
        const auto pause = std::max<Clock::duration>((now - since_) / 10, rest * took);
        next_ = Clock::now() + std::clamp<Clock::duration>(pause, soon, rarely);
    }
    if (kernel() != nullptr) // an early one
        return false;
    verdict.is_usual = verdict.why.empty();
    verdict.why = no_log(verdict.why);
    verdict_ = std::move(verdict);
    return false;
}

} // namespace parker
