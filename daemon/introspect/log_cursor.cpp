// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/log_cursor.h"

namespace parker::introspect {

LogCursor::Step LogCursor::next(const PrintkRing& ring, bool dead)
{
    Step step;
    for (std::uint64_t looked = 0; looked < ring.most_records(); ++looked) {
        LogRecord record;
        switch (ring.read(next_, record, dead)) {
        case PrintkRing::Outcome::record:
            ++next_;
            step.record = std::move(record);
            return step;
        case PrintkRing::Outcome::lost:
            ++step.lost;
            ++next_;
            continue;
        case PrintkRing::Outcome::gone:
        case PrintkRing::Outcome::pending:
            break;
        }
        const auto first = ring.first();
        const auto last = ring.last();
        if (ring.look().over()) { // then nothing that was read just now is true
            step.given_up = true;
            return step;
        }
        // A record that was read stays the newest or has newer ones: the ring never goes back.
        step.broken =
            !first || !last || *last - *first >= ring.most_records() || static_cast<std::int64_t>(next_ - *last) > 1;
        if (step.broken)
            return step;
        if (static_cast<std::int64_t>(*first - next_) > 0) { // overwritten meanwhile
            step.lost += *first - next_;
            next_ = *first;
        } else if (dead && static_cast<std::int64_t>(*last - next_) > 0) { // never finished, but others came after it
            ++step.lost;
            ++next_;
        } else {
            return step;
        }
    }
    return step;
}

} // namespace parker::introspect
