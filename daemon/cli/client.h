// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "bus/names.h"
#include "introspect/vitals.h"
#include "manifest/finding.h"
#include "partition/status.h"

namespace parker {

// A partition as the bus shows it (schemas/org.parker1.Partition.xml).
struct PartitionInfo {
    std::string name;
    std::string description;
    std::string manifest_path;
    bool autostart = false;
    std::string state;
    std::string sub_state;
    std::string result;
    std::string message;
    std::string error_code; // of the last job; empty: it did not fail
    std::string suggestion;
    std::uint64_t state_change_usec = 0;
    std::string unit;
    std::string cpus;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> memory; // start, end
    std::vector<std::string> devices;
    std::string dma;
    std::string kernel_image;
    std::string kernel_release;
    std::string cmdline;
    std::uint64_t heartbeat = 0;
    std::uint64_t heartbeat_usec = 0;
    bool need_restart = false;
    bool need_reload = false;
    Counters counters;
    Findings findings;

    std::uint64_t memory_bytes() const;
    // How long ago the heartbeat was seen to move; nothing: no kernel runs that has beaten yet.
    std::optional<std::uint64_t> heartbeat_age_usec(std::uint64_t now_realtime_usec) const;
    // How the last job failed, in parkerd's words; if it told nothing, `code` and `otherwise`.
    Error failure(Code code, const std::string& otherwise) const;
};

// How a partition fares (Partition.GetVitals there).
struct VitalsInfo {
    introspect::Vitals kernel;
    std::uint64_t taken_usec = 0;             // parkerd's CLOCK_MONOTONIC; 0: nothing was read
    std::optional<std::uint64_t> uptime_usec; // nothing: not known
};

// A file of manifests, and what came of it (Manager.ListManifests there).
struct ManifestInfo {
    std::string path;
    std::string state;
    std::vector<std::string> partitions;
    Findings findings;
};

// parkerd itself (schemas/org.parker1.Manager.xml).
struct DaemonInfo {
    std::string version;
    std::uint64_t start_usec = 0; // CLOCK_REALTIME
};

// parkerd's client, and systemd's for the units parker@NAME.service. Throws Error, as the daemon did. One thread:
// things happen in event()'s loop, which the waiting calls turn.
class Client {
public:
    enum class Verb { start, stop, kill };

    // `ask_password`: whoever sits at the terminal may be asked, where polkit wants it.
    explicit Client(bus::Kind kind, bool ask_password = false);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    sd_event* event();
    // Waits for something to happen, but no longer than that; throws what went wrong on the bus.
    void turn(std::chrono::microseconds most = std::chrono::microseconds::max());
    bool daemon_runs() const; // as of the last turn(); any call below starts it

    DaemonInfo daemon();
    std::vector<PartitionInfo> partitions(); // ordered by name
    PartitionInfo partition(const std::string& name);
    std::vector<ManifestInfo> manifests(); // ordered by path
    Findings findings();
    std::string plan(const std::vector<std::string>& names); // JSON
    void reload();

    Fd open_log(const std::string& name, bool follow); // Partition.OpenLog
    VitalsInfo vitals(const std::string& name);        // Partition.GetVitals

    // Partition.Dump: begins, and returns the job.
    struct DumpFlags {
        bool live = false;
        bool compress = false;
    };
    std::string dump(const std::string& name, const Fd& file, DumpFlags flags);
    struct Progress { // of a dump, in bytes; nothing of a job that has ended
        std::uint64_t done = 0;
        std::uint64_t total = 0;
    };
    Progress progress(const std::string& job);
    void cancel(const std::string& job);         // it ends soon, if it has not
    Error failure(const std::string& job) const; // of one that ended badly

    // A job of parkerd: its path; how it ended ("done" or a code), once it has.
    std::string begin(Verb verb, const std::string& name);
    std::optional<std::string> result(const std::string& job) const;
    void run(Verb verb, const std::string& name); // begins and waits

    // A job of systemd on parker@NAME.service, and waits.
    enum class UnitVerb { start, stop, restart };
    void run_unit(UnitVerb verb, const std::string& name);

    // Something about any partition has changed: a line of `parkerctl events`, and whose.
    struct Event {
        std::string partition; // empty: parkerd itself came or went
        std::string text;
        std::string state;     // that it has entered; empty: the same as before
        std::string sub_state; // the same
    };
    void on_event(std::function<void(const Event&)> call);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace parker
