// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/fd.h"

namespace parker::cli {
namespace {

constexpr const char* program = "/usr/bin/pkttyagent"; // not by $PATH: it hears passwords

// polkit 122 hears a fallback agent inside a session alone: get_authentication_agent_for_subject(). Outside, there is
// no other to stand back for.
bool has_session()
{
    char* session = nullptr;
    const bool found = sd_pid_get_session(0, &session) >= 0 || sd_uid_get_display(::getuid(), &session) >= 0;
    std::free(session);
    return found;
}

// In the child. It asks on the terminal itself, whatever becomes of what parkerctl prints.
[[noreturn]] void become_agent(const std::string& notify, bool stand_back, pid_t parent)
{
    (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) // which has ended before that
        ::_exit(1);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
        if (::isatty(stream) == 1)
            continue;
        const int terminal = ::open("/dev/tty", O_WRONLY | O_CLOEXEC);
        if (terminal >= 0)
            (void)::dup2(terminal, stream);
    }
    ::execl(program, program, "--notify-fd", notify.c_str(), stand_back ? "--fallback" : nullptr, nullptr);
    ::_exit(127);
}

} // namespace

bool Agent::is_of_use()
{
    return ::geteuid() != 0 && ::isatty(STDIN_FILENO) == 1;
}

Agent::Agent()
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return;
    const Fd ours{ends[0]};
    Fd theirs{ends[1]};
    const bool stand_back = has_session();
    const auto parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
        (void)::fcntl(theirs.get(), F_SETFD, 0);
        become_agent(std::to_string(theirs.get()), stand_back, parent);
    }
    theirs.reset();
    // It closes its end when polkit knows of it, or by ending.
    char byte = 0;
    while (::read(ours.get(), &byte, 1) < 0 && errno == EINTR) {
    }
}

Agent::~Agent()
{
    if (process_ < 0)
        return;
    (void)::kill(process_, SIGTERM);
    (void)::kill(process_, SIGCONT); // it may have been stopped by the terminal
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

} // namespace parker::cli
