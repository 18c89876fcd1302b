// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/trial.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "base/bytes.h"
#include "base/error.h"
#include "machine/files.h"
#include "machine/text.h"

namespace parker {
namespace {

constexpr rlim_t memory_bytes = 256 * MiB; // more than this process has already; 8192 CPUs need two fifths of it
constexpr rlim_t cpu_seconds = 5;          // 4096 CPUs need a tenth of one
constexpr int exit_refused = 2;
constexpr std::size_t words_bytes = 512;
constexpr rlim_t output_bytes = 32 * MiB; // 8192 CPUs need half of it

void limit(__rlimit_resource what, rlim_t to)
{
    const rlimit limits{to, to};
    if (::setrlimit(what, &limits) != 0)
        ::_exit(1);
}

using Attempt = std::function<std::optional<std::string>()>;

[[noreturn]] void be_child(const Attempt& attempt, int result, int words, rlim_t memory)
{
    (void)::dup2(words, STDERR_FILENO);
    for (const int crash : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV}) // what happens here is not the parent's crash
        (void)std::signal(crash, SIG_DFL);
    (void)std::signal(SIGXFSZ, SIG_IGN); // what is too much is simply not written
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, output_bytes);
    limit(RLIMIT_CPU, cpu_seconds);
    limit(RLIMIT_AS, memory);
    try {
        const auto made = attempt();
        const bool passed = made && ::write(result, made->data(), made->size()) == static_cast<ssize_t>(made->size());
        ::_exit(passed ? 0 : 1);
    } catch (const Error& error) {
        (void)::dprintf(STDERR_FILENO, "%s\n", error.reason().c_str());
        ::_exit(exit_refused);
    }
}

Fd memory_file(const char* name)
{
    Fd file{::memfd_create(name, MFD_CLOEXEC)};
    if (!file)
        throw_errno(Code::failed, "trial", "memfd_create");
    return file;
}

// What it begins with, `bytes` at most.
std::string written_to(const Fd& file, std::size_t bytes)
{
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        return {};
    std::string content(std::min(bytes, static_cast<std::size_t>(status.st_size)), '\0');
    const auto got = ::pread(file.get(), content.data(), content.size(), 0);
    content.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return content;
}

rlim_t own_memory_bytes()
{
    const auto statm = Files{"/proc/self"}.line("statm");
    std::string_view rest = statm;
    return text::number<rlim_t>(text::take_until(rest, ' ')).value_or(0) * page_bytes;
}

} // namespace

Trial::Trial(const Attempt& attempt) : result_{memory_file("result")}, words_{memory_file("words")}
{
    const auto memory = own_memory_bytes() + memory_bytes;
    child_ = ::fork();
    if (child_ < 0)
        throw_errno(Code::failed, "trial", "fork");
    if (child_ == 0)
        be_child(attempt, result_.get(), words_.get(), memory);
}

Trial::~Trial()
{
    if (child_ < 0)
        return;
    (void)::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Trial::Outcome Trial::finish()
{
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0)
        if (errno != EINTR)
            throw_errno(Code::failed, "trial", "waitpid");
    child_ = -1;

    Outcome outcome;
    outcome.refused = WIFEXITED(status) && WEXITSTATUS(status) == exit_refused;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        outcome.result = written_to(result_, output_bytes);
    const auto said = written_to(words_, words_bytes);
    std::string_view rest = said;
    outcome.words = text::printable(text::trim(text::take_line(rest)));
    if (WIFSIGNALED(status))
        outcome.words = "hwloc needs more memory or time for it than for any machine, or crashes";
    return outcome;
}

} // namespace parker
