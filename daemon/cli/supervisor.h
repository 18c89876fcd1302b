// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/client.h"
#include "cli/log_tail.h"

namespace parker::cli {

// parker@NAME.service's process: stands for the application kernel before systemd. Ready with the first heartbeat,
// alive as long as it beats, ends when it ends. It holds nothing: killed, it leaves the partition alone, and started
// again it attaches. parkerd may come and go meanwhile. What the kernel says it hands on to the
// journal.
class Supervisor {
public:
    static constexpr int exit_reboot = 133; // as systemd-nspawn's; RestartForceExitStatus= of the unit
    // EX_TEMPFAIL of sysexits.h: what it asks for cannot be had now, and may be later. Any other failure of this kind
    // stays, and ends it as it ends any verb: RestartPreventExitStatus= of the unit.
    static constexpr int exit_busy = 75;

    // SIGTERM and SIGINT must be blocked.
    Supervisor(Client& client, std::string name);
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    int run(); // the exit code

private:
    static int on_signal(sd_event_source* source, const signalfd_siginfo* signal, void* self);
    static int on_tick(sd_event_source* source, std::uint64_t usec, void* self);

    std::optional<int> step(); // looks at how things are, and does what is due
    std::optional<int> look(const PartitionInfo& info);
    std::optional<int> await_job();
    void begin(Client::Verb verb);
    void be_ready();
    std::optional<int> ended(const PartitionInfo& info);
    void tick();
    void arm_tick();
    void follow_log();
    void forward(const LogEvent& event);
    void await_last_words();

    Client& client_;
    std::string name_;
    std::chrono::microseconds interval_; // between two looks at the heartbeat
    sd_event_source* terminate_ = nullptr;
    sd_event_source* interrupt_ = nullptr;
    sd_event_source* timer_ = nullptr;

    bool look_ = true;               // something may have changed
    bool stopping_ = false;          // told to end
    bool was_alive_ = false;         // this process has seen it run, or has started it
    bool ready_ = false;             // and systemd knows
    std::optional<std::string> job_; // begun here, and not ended yet
    std::optional<Client::Verb> job_verb_;
    std::uint64_t heartbeat_ = 0;

    LogTail log_;
    bool log_failed_ = false;  // it could not be opened, and that was said
    bool log_goes_on_ = false; // a run has begun there and not ended
};

} // namespace parker::cli
