// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <string>

#include "cli/client.h"

namespace parker::cli {

inline constexpr const char* clear_line = "\r\033[K"; // ECMA-48, 8.3.41: Erase in Line

// On a terminal: a line on stderr that says what is under way on a partition, and for how long, while the client waits.
// It goes with the object. Elsewhere: nothing.
class Progress {
public:
    Progress(Client& client, std::string partition);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

private:
    static int on_second(sd_event_source* source, std::uint64_t usec, void* self);
    void enter(const std::string& sub_state);
    int arm();
    void draw() const;

    Client& client_;
    std::string partition_;
    std::string doing_; // empty: nothing that takes time
    std::chrono::steady_clock::time_point since_;
    sd_event_source* timer_ = nullptr;
};

} // namespace parker::cli
