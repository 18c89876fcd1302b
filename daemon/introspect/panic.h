// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "introspect/printk_ring.h"

namespace parker::introspect {

// Finds in a kernel's log, record by record, the one line that says why it died.
class PanicWatch {
public:
    void see(const LogRecord& record);

    // Printable ASCII, at most `most_bytes`; empty: nothing in the log looks like trouble.
    static constexpr std::size_t most_bytes = 240;
    std::string line() const;

private:
    std::string trouble_; // the last oops, BUG or lockup
    std::string panic_;
};

// The same of all that is in a dead kernel's log.
std::string cause_of_death(const PrintkRing& ring);

} // namespace parker::introspect
