// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <systemd/sd-event.h>
#include <termios.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace parker::cli {

// The terminal that standard output is, as a page that is drawn again and again, until somebody presses q or ^C. What
// was drawn last stays when this is gone, with the cursor below it.
class Screen {
public:
    explicit Screen(sd_event* event); // throws Error
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    // As many lines as there is room for, each cut off at the right.
    void draw(const std::vector<std::string>& lines);

    bool ended() const { return ended_; }

private:
    static int on_key(sd_event_source* source, int fd, std::uint32_t events, void* self);
    static int on_signal(sd_event_source* source, const signalfd_siginfo* signal, void* self);

    bool ended_ = false;
    std::optional<termios> before_; // of standard input, if that is a terminal
    sd_event_source* keys_ = nullptr;
    sd_event_source* interrupt_ = nullptr;
    sd_event_source* terminate_ = nullptr;
};

} // namespace parker::cli
