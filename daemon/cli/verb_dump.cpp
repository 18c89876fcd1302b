// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/replace_file.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace parker::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds between_looks{1};

struct Options {
    std::string name;
    std::string file;
    Client::DumpFlags flags;
};

// What parkerd writes to: a file that has its name only once it is whole.
class FileTarget {
public:
    explicit FileTarget(const std::filesystem::path& path) : fresh_{path} {}

    const Fd& file() const { return fresh_.file(); }

    // Returns how much of the disk it takes.
    std::uint64_t finish()
    {
        struct stat status {};
        if (::fstat(fresh_.file().get(), &status) != 0)
            throw_errno(Code::failed, fresh_.name(), "cannot be looked at");
        fresh_.replace();
        return static_cast<std::uint64_t>(status.st_blocks) * 512; // stat(2)
    }

private:
    FreshFile fresh_;
};

// Standard output stays as it is, which a pipe that parkerd writes to would not.
class OutputTarget {
public:
    OutputTarget()
    {
        if (::isatty(STDOUT_FILENO) == 1)
            throw Error{Code::usage, "-o -", "memory is not shown on a terminal", "-o FILE"};
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            throw_errno(Code::failed, "pipe", "cannot be made");
        theirs_ = Fd{ends[1]};
        thread_ = std::thread{[relayed = relayed_, ours = std::make_shared<Fd>(ends[0])] { relay(*ours, *relayed); }};
    }
    // Whoever reads it may do so never: an unfinished one is left to the end of the process.
    ~OutputTarget()
    {
        if (thread_.joinable())
            thread_.detach();
    }
    OutputTarget(const OutputTarget&) = delete;
    OutputTarget& operator=(const OutputTarget&) = delete;

    const Fd& file() const { return theirs_; }

    std::uint64_t finish()
    {
        theirs_.reset(); // parkerd has closed its end
        thread_.join();
        if (relayed_->error != 0)
            throw Error{Code::failed, "standard output", errno_text(relayed_->error)};
        return relayed_->bytes;
    }

private:
    struct Relayed {
        std::uint64_t bytes = 0;
        int error = 0;
    };

    static void relay(Fd& from, Relayed& relayed)
    {
        std::array<char, 65536> buffer;
        for (;;) {
            const auto got = ::read(from.get(), buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return;
            for (ssize_t sent = 0; sent < got;) {
                const auto wrote = ::write(STDOUT_FILENO, buffer.data() + sent, static_cast<std::size_t>(got - sent));
                if (wrote < 0 && errno == EINTR)
                    continue;
                if (wrote < 0) {
                    relayed.error = errno;
                    from.reset(); // parkerd sees it
                    return;
                }
                sent += wrote;
            }
            relayed.bytes += static_cast<std::uint64_t>(got);
        }
    }

    Fd theirs_;
    std::shared_ptr<Relayed> relayed_ = std::make_shared<Relayed>();
    std::thread thread_;
};

// ^C and the like give the dump up, and nothing is left of it.
class Interruption {
public:
    static void prepare() // while there is one thread
    {
        sigset_t set;
        sigemptyset(&set);
        for (const int signal : signals)
            sigaddset(&set, signal);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        (void)::signal(SIGPIPE, SIG_IGN);
    }

    explicit Interruption(Client& client) : client_{client}
    {
        for (const int signal : signals)
            check_event(sd_event_add_signal(client.event(), nullptr, signal, &on_signal, this));
    }
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    void of(const std::string& job) { job_ = job; }
    bool happened() const { return happened_; }
    void cancel() const
    {
        if (!job_.empty())
            client_.cancel(job_);
    }

private:
    static constexpr std::array<int, 3> signals{SIGINT, SIGTERM, SIGHUP};
    static int on_signal(sd_event_source* /*source*/, const signalfd_siginfo* /*info*/, void* self)
    {
        static_cast<Interruption*>(self)->happened_ = true;
        return 0;
    }

    Client& client_;
    std::string job_;
    bool happened_ = false;
};

std::string rate(std::uint64_t bytes, Clock::duration time)
{
    const auto seconds = std::max(std::chrono::duration<double>(time).count(), 0.001);
    return fmt::format("{:.0f} MiB/s", static_cast<double>(bytes) / static_cast<double>(MiB) / seconds);
}

void show(const std::string& name, const Client::Progress& progress, Clock::duration time)
{
    if (progress.total != 0)
        fmt::print(stderr, "{}{}: {} of {} MiB, {} %, {}", clear_line, name, progress.done / MiB, progress.total / MiB,
                   progress.done * 100 / progress.total, rate(progress.done, time));
}

void wait_for(Client& client, const std::string& job, const std::string& name, const Interruption& interruption)
{
    const bool shows = ::isatty(STDERR_FILENO) == 1;
    const auto start = Clock::now();
    auto next_look = start;
    bool cancelled = false;
    while (!client.result(job)) {
        if (interruption.happened() && !std::exchange(cancelled, true))
            interruption.cancel();
        if (shows && Clock::now() >= next_look) {
            show(name, client.progress(job), Clock::now() - start);
            next_look = Clock::now() + between_looks;
        }
        const auto until_look = std::max<Clock::duration>(next_look - Clock::now(), Clock::duration::zero());
        client.turn(shows ? std::chrono::duration_cast<std::chrono::microseconds>(until_look)
                          : std::chrono::microseconds::max());
        if (!client.daemon_runs())
            throw Error{Code::daemon_not_running, "parkerd", "went away before the dump was whole",
                        "journalctl -u parkerd.service"};
    }
    if (shows)
        fmt::print(stderr, "{}", clear_line);
    if (*client.result(job) != "done")
        throw client.failure(job);
}

template <typename Target>
int run(const Options& options, const Common& common, Target& target)
{
    Client client{common.bus(), common.ask_password};
    Interruption interruption{client};
    const auto bytes = client.partition(options.name).memory_bytes();
    const auto start = Clock::now();
    const auto job = client.dump(options.name, target.file(), options.flags);
    interruption.of(job);
    wait_for(client, job, options.name, interruption);
    const auto time = Clock::now() - start;
    const auto written = target.finish();
    const auto seconds = std::chrono::duration<double>(time).count();
    if (options.file == "-")
        return 0;
    if (common.json != JsonMode::off)
        print_json({{"partition", options.name},
                    {"file", options.file},
                    {"bytes", bytes},
                    {"disk_bytes", written},
                    {"seconds", seconds}},
                   common.json);
    else
        fmt::print("{}: {}, {} on disk, in {:.1f} s ({})\n", options.file, format_bytes(bytes), format_bytes(written),
                   seconds, rate(bytes, time));
    return 0;
}

int run(const Options& options, const Common& common)
{
    Interruption::prepare();
    if (options.file == "-") {
        OutputTarget target;
        return run(options, common, target);
    }
    FileTarget target{options.file};
    return run(options, common, target);
}

} // namespace

Run declare_dump(CLI::App& command, const Common& common)
{
    command.footer(
        "An ELF core, as /proc/vmcore is one: open it with `crash VMLINUX FILE` or `drgn -c FILE -s VMLINUX`, "
        "where VMLINUX has the debug symbols of the partition's kernel. FILE appears when it is whole, and is "
        "sparse. Whoever reads it has all of the partition's secrets. `dump: on-crash` in a manifest keeps the "
        "memory of a kernel that crashes by itself.");
    const auto options = std::make_shared<Options>();
    command.add_option("NAME", options->name, "Partition")->required();
    command.add_option("-o,--output", options->file, "Where to; - for standard output")->type_name("FILE")->required();
    command.add_flag("--live", options->flags.live,
                     "Of a kernel that runs: it changes its memory meanwhile, so that not everything fits together");
    command.add_flag("-z,--zstd", options->flags.compress, "Compress it; `unzstd FILE` before it can be opened");
    return [options, &common] { return run(*options, common); };
}

} // namespace parker::cli
