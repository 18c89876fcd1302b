// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "introspect/memory.h"

namespace parker::introspect {

// Goes through all pages of a partition's memory in steps, as there may be terabytes of them, and then again.
class PageWalk {
public:
    explicit PageWalk(const PhysicalMemory& memory) : memory_{&memory} {}

    // Looks at the next `pages` pages, by their physical addresses, until one is `found`, or the last is behind.
    template <typename Found>
    void on(std::size_t pages, const Found& found)
    {
        done_ = false;
        const auto& pieces = memory_->pieces();
        for (looked_ = 0; looked_ < pages && piece_ < pieces.size(); ++looked_) {
            const auto address = align_up(pieces[piece_].start, page_bytes) + page_ * page_bytes;
            if (address - pieces[piece_].start >= pieces[piece_].bytes.size()) {
                ++piece_;
                page_ = 0;
                continue;
            }
            ++page_;
            if (found(address)) {
                ++looked_;
                return;
            }
        }
        done_ = piece_ >= pieces.size();
        if (done_)
            piece_ = page_ = 0;
    }

    void restart() { piece_ = page_ = 0; }
    std::size_t looked() const { return looked_; } // pages, in the last step
    bool done() const { return done_; }            // the last step came to the end

private:
    const PhysicalMemory* memory_;
    std::size_t piece_ = 0;
    std::size_t page_ = 0; // in the piece
    std::size_t looked_ = 0;
    bool done_ = false;
};

} // namespace parker::introspect
