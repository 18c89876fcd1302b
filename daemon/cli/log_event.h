// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace parker::cli {

// A line of what Partition.OpenLog sends (schemas/org.parker1.Partition.xml).
struct LogEvent {
    enum class Kind { run, record, lost, unreadable, end };
    Kind kind = Kind::record;
    std::string run;                // run: its ID
    std::string kernel_release;     // run
    std::uint64_t started_usec = 0; // run, record: CLOCK_REALTIME; 0: not known
    std::uint64_t seq = 0;          // record
    std::uint64_t time_nsec = 0;    // record: the kernel's clock
    unsigned level = 6;             // record: as syslog(3)
    unsigned facility = 0;          // record
    std::string text;               // record; unreadable: why; end: the cause
    std::uint64_t records = 0;      // lost
    std::string result;             // end
    nlohmann::ordered_json json;

    // nullopt: not of this form, or of a kind that is not known here.
    static std::optional<LogEvent> parse(const std::string& line);
};

} // namespace parker::cli
