// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/screen.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

#include "base/error.h"

namespace parker::cli {
namespace {

// ECMA-48 and xterm: CUP to the first place, ED and EL from here on, and what DECRST and DECSET of a mode do.
constexpr const char* home = "\033[H";
constexpr const char* clear_below = "\033[J";
constexpr const char* clear_right = "\033[K";
constexpr const char* hide = "\033[?25l\033[?7l"; // the cursor; and lines that are too long do not go on in the next
constexpr const char* show = "\033[?7h\033[?25h";

std::size_t rows()
{
    constexpr std::size_t usual = 24;
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : usual;
}

} // namespace

Screen::Screen(sd_event* event)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    check_event(sd_event_add_signal(event, &interrupt_, SIGINT, &on_signal, this));
    check_event(sd_event_add_signal(event, &terminate_, SIGTERM, &on_signal, this));
    termios now{};
    if (::tcgetattr(STDIN_FILENO, &now) == 0) {
        check_event(sd_event_add_io(event, &keys_, STDIN_FILENO, EPOLLIN, &on_key, this));
        before_ = now;
        now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO); // each key at once, and not shown
        (void)::tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    fmt::print("{}{}{}", hide, home, clear_below);
}

Screen::~Screen()
{
    fmt::print("{}", show);
    std::fflush(stdout);
    if (before_)
        (void)::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
    for (auto* source : {keys_, interrupt_, terminate_})
        sd_event_source_disable_unref(source);
}

void Screen::draw(const std::vector<std::string>& lines)
{
    const auto room = std::min(lines.size(), rows() - 1); // the cursor needs one
    std::string page = home;
    for (std::size_t i = 0; i < room; ++i)
        page += lines[i] + clear_right + "\r\n";
    fmt::print("{}{}", page, clear_below);
    std::fflush(stdout);
}

int Screen::on_key(sd_event_source* source, int fd, std::uint32_t events, void* self)
{
    auto& screen = *static_cast<Screen*>(self);
    std::array<char, 64> keys{};
    const auto count = ::read(fd, keys.data(), keys.size());
    if (count <= 0 || (events & EPOLLHUP) != 0) { // the terminal is gone
        screen.ended_ = true;
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    const auto* end = keys.data() + count;
    if (std::find(static_cast<const char*>(keys.data()), end, 'q') != end)
        screen.ended_ = true;
    return 0;
}

int Screen::on_signal(sd_event_source* /*source*/, const signalfd_siginfo* /*signal*/, void* self)
{
    static_cast<Screen*>(self)->ended_ = true;
    return 0;
}

} // namespace parker::cli
