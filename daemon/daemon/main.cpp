// SPDX-License-Identifier: LGPL-2.1-or-later
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdlib>
#include <optional>

#include "base/wrap.h"
#include "daemon/daemon.h"
#include "daemon/faults.h"
#include "manifest/load.h"

namespace {

void prepare_signals() // before there is a second thread: sd-event takes them from a signalfd
{
    (void)::signal(SIGPIPE, SIG_IGN); // who reads a dump may go away
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

// Left to itself, malloc(3) would come to keep as much memory as the largest initrd has that was ever loaded, for each
// thread that loaded one: see M_MMAP_THRESHOLD and M_ARENA_MAX in mallopt(3).
void give_memory_back()
{
    (void)::mallopt(M_MMAP_THRESHOLD, 128 << 10); // as it is at first, but for good
    (void)::mallopt(M_ARENA_MAX, 2);
}

int run(parker::Log& log, const parker::DaemonOptions& options)
{
    // The boundary for exceptions of the whole program.
    try {
        if (!options.runtime_directory.empty())
            std::filesystem::create_directories(options.runtime_directory / "partitions");
        parker::Loop loop;
        parker::Daemon daemon{loop, log, options};
        daemon.start();
        loop.run();
        sd_notify(0, "STOPPING=1");
        return 0;
    } catch (const parker::Error& error) {
        log.write(LOG_ERR,
                  error.suggestion().empty() ? error.what() : fmt::format("{}; {}", error.what(), error.suggestion()),
                  {.code = std::string{info(error.code()).name}});
        sd_notifyf(0, "STATUS=%s", error.what());
        return info(error.code()).exit_code;
    } catch (const std::exception& error) {
        log.write(LOG_CRIT, fmt::format("bug: {}", error.what()));
        return 1;
    }
}

} // namespace

int main(int argc, char** argv)
{
    parker::DaemonOptions options;
    parker::Log log;
    std::vector<std::filesystem::path> config;
    bool session = false;
    std::string level;

    CLI::App app{"Partitions of this machine, each with a kernel of its own, as /etc/parker.d says.", "parkerd"};
    app.formatter_fn([](const CLI::App* command, const std::string& name, CLI::AppFormatMode mode) {
        const CLI::Formatter formatter;
        return parker::wrapped(formatter.make_help(command, name, mode), formatter.get_column_width());
    });
    app.set_version_flag("--version", PARKER_VERSION);
    app.add_option("--config", config,
                   "Directory of manifests, instead of /etc/parker.d, /run/parker.d, /usr/lib/parker.d; "
                   "may be given several times, earlier ones mask later ones")
        ->type_name("DIR");
    app.add_option("--sysroot", options.sysroot, "Read the machine from DIR/sys and DIR/proc")->type_name("DIR");
    auto* simulate =
        app.add_flag("--simulate", options.simulate, "Touch no hardware: partitions of a simulated machine");
    app.add_option("--simulated-nodes", options.simulated_nodes,
                   "With --simulate: how many NUMA nodes, of 32 CPUs and 64GiB each, the machine has (default: 2)")
        ->type_name("COUNT")
        ->check(CLI::Range(1U, parker::CpuSet::max_cpus / 32))
        ->needs(simulate);
    app.add_option("--fault", options.faults, parker::faults_help)->type_name("FAULT")->needs(simulate);
    app.add_option_function<std::string>(
           "--memory-floor",
           [&options](const std::string& size) { options.plan.boot_memory_bytes = parker::memory_floor(size); },
           "What is left to the boot kernel at least: 4GiB (default: 512MiB)")
        ->type_name("SIZE");
    app.add_flag("--session", session, "Go on the session bus");
    app.add_option("--log-level", level, "emerg, alert, crit, err, warning, notice, info (default), debug");
    app.set_config("--settings", "/etc/parker/parkerd.conf",
                   "Read options from FILE: lines such as memory-floor = 4GiB; the command line counts more")
        ->type_name("FILE");
    app.allow_config_extras(CLI::config_extras_mode::error);
    try {
        app.parse(argc, argv);
        if (!level.empty())
            log.set_level(level);
    } catch (const CLI::Success& success) { // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        fmt::print(stderr, "parkerd: {}\n", error.what());
        return 2;
    } catch (const parker::Error& error) {
        fmt::print(stderr, "parkerd: {}\n", error.what());
        return 2;
    }

    options.manifest_directories = config.empty() ? parker::manifest_directories(options.sysroot) : config;
    options.bus = session ? parker::bus::Kind::session : parker::bus::Kind::system;
    if (const char* directory = std::getenv("RUNTIME_DIRECTORY")) // of systemd: RuntimeDirectory=
        options.runtime_directory = directory;
    else if (!options.simulate)
        options.runtime_directory = "/run/parker";

    if (const char* directory = std::getenv("STATE_DIRECTORY"))
        options.state_directory = directory;
    else if (!options.simulate)
        options.state_directory = "/var/lib/parker";

    prepare_signals();
    give_memory_back();
    return run(log, options);
}
