// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "introspect/printk_ring.h"

namespace parker::introspect {

// One reader's place in a kernel's log. The ring is the only buffer: who is too slow for it is told how much he missed.
class LogCursor {
public:
    explicit LogCursor(std::uint64_t next = 0) : next_{next} {}

    struct Step {
        std::uint64_t lost = 0; // records before this one, or before what comes next
        std::optional<LogRecord> record;
        bool broken = false;   // the ring is no ring at this moment: if that stays so, somebody overwrote it
        bool given_up = false; // the memory's look is over: there may be more, for the next one

        bool none() const { return lost == 0 && !record; }
    };
    // The next record. A call looks at as many as the ring has at most, whatever the ring says.
    Step next(const PrintkRing& ring, bool dead);

    std::uint64_t seq() const { return next_; } // of the record that comes next

private:
    std::uint64_t next_;
};

} // namespace parker::introspect
