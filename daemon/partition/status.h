// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bdf.h"
#include "base/bytes.h"
#include "base/cpu_set.h"
#include "control/control.h"
#include "manifest/finding.h"

namespace parker {

// As systemd's unit states, so that people know what to expect.
enum class State { inactive, activating, active, deactivating, failed };

enum class SubState {
    dead, // nothing held, nothing runs
    held, // reserved, not running
    reserving,
    loading,
    booting,
    running,
    stopping,
    returning,
    crashed,
    hung,
    partially_returned, // something would not go back and is retried
};

// How the last run ended.
enum class Result {
    success,
    reboot,
    panic,
    hung,
    killed,
    boot_timeout,
    stop_timeout,
    resources,
    start_failed,
    unknown
};

std::string_view to_string(State state);
std::string_view to_string(SubState state);
std::string_view to_string(Result result);

// What has happened to a partition since this daemon began, or since the partition appeared.
struct Counters {
    std::uint64_t starts = 0;        // that came to a first heartbeat
    std::uint64_t failed_starts = 0; // that did not, other than those that were stopped or killed
    std::uint64_t crashes = 0;       // runs that ended by a panic, a lost heartbeat, or nobody knows why
    std::uint64_t stops = 0;         // by the power button
    std::uint64_t start_usec = 0;    // of all `starts` together, from taking the first resource to the first heartbeat
    std::uint64_t stop_usec = 0;     // of all `stops` together, from the button until everything was given back
};

// The application kernel's own word that it is alive.
struct Heartbeat {
    std::uint64_t count = 0;
    std::uint64_t usec = 0; // CLOCK_REALTIME when it was last seen to move; 0: never
};

// All that is known of one partition at one moment, but for its heart: what D-Bus, the command line and the tests look
// at.
struct Status {
    std::string name;
    std::string description;
    std::string manifest_path; // empty: held, but no manifest speaks of it
    bool autostart = false;
    State state = State::inactive;
    SubState sub_state = SubState::dead;
    Result result = Result::success;
    std::string message;    // why it is failed or partially returned; empty otherwise
    std::string error_code; // of the error that the last job failed with; empty otherwise
    std::string suggestion; // its own
    CpuSet cpus;
    std::vector<MemoryRange> memory;
    std::vector<Bdf> devices;
    HeldPartition::Dma dma = HeldPartition::Dma::none;
    std::string kernel_image;
    std::string kernel_release;
    std::string cmdline;                 // as given to the running kernel, else the manifest's
    std::string run_id;                  // of the kernel that runs now; empty: none does, or it is not known
    std::uint64_t run_started_usec = 0;  // CLOCK_REALTIME; 0: not known
    std::uint64_t state_change_usec = 0; // CLOCK_REALTIME
    bool need_restart = false;           // runs with another definition than the manifest's
    bool need_reload = false;            // the manifest is invalid or not found: the last good definition is used
    Counters counters;
    Findings findings;
};

} // namespace parker
