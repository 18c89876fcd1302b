// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/daemon.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <map>

#include "base/bytes.h"
#include "base/clock.h"
#include "control/kernel.h"
#include "daemon/faults.h"
#include "daemon/reread.h"
#include "daemon/simulated_machine.h"
#include "firmware/firmware.h"
#include "introspect/panic.h"
#include "machine/read.h"
#include "manifest/load.h"

namespace parker {
namespace {

std::filesystem::path below(const std::filesystem::path& directory, const char* file)
{
    return directory.empty() ? std::filesystem::path{} : directory / file;
}

std::uint64_t monotonic_usec()
{
    using namespace std::chrono;
    return static_cast<std::uint64_t>(duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

} // namespace

Daemon::Daemon(Loop& loop, Log& log, DaemonOptions options)
    : loop_{loop}, log_{log}, options_{std::move(options)}, control_{make_control()}, crashes_{below(
                                                                                          options_.state_directory,
                                                                                          "crash")},
      workers_{loop}, logs_{*control_,
                            [this](const std::string& name, const LogRun& run, const std::string& why) {
                                workers_.post([this, name, run, why] { look_given_up(name, run.id, why); });
                            }},
      fleet_{{.control = *control_,
              .executor = workers_,
              .machine = [this] { return machine(); },
              .now = &Fleet::Clock::now,
              .options = options_.plan,
              .build = &firmware::build,
              .last_look = [this](const Ending& ending) { return last_look(ending); },
              .look_away = [this](const std::string& name) { logs_.away(name); },
              .state_directory = below(options_.runtime_directory, "partitions")},
             *this},
      seen_{below(options_.runtime_directory, "seen")}
{
}

Daemon::~Daemon()
{
    ends_ = true;
    for (const auto& job : fleet_.jobs())
        if (job.progress)
            job.progress->cancelled = true;
    workers_.stop(); // what it does is about the fleet, which goes before it
}

std::unique_ptr<Control> Daemon::make_control()
{
    if (!options_.simulate)
        return std::make_unique<KernelControl>();
    auto simulated = std::make_unique<SimulatedControl>(machine(), &SimulatedControl::Clock::now);
    for (const auto& fault : options_.faults)
        inject(*simulated, fault);
    simulated_ = simulated.get();
    return simulated;
}

// In the workers. Nothing is kept from one reading to the next, so that what udev tells of CPUs, memory and PCI is
// never missed.
Machine Daemon::machine()
{
    const std::lock_guard lock{reading_};
    if (options_.simulate && options_.sysroot == "/")
        return simulated_machine(options_.simulated_nodes);
    return read_machine({options_.sysroot, below(options_.runtime_directory, "topology.json")});
}

void Daemon::start()
{
    handles_.push_back(loop_.on_signal(SIGTERM, [this] { loop_.stop(); }));
    handles_.push_back(loop_.on_signal(SIGINT, [this] { loop_.stop(); }));
    handles_.push_back(loop_.on_signal(SIGHUP, [this] { reload_for_systemd(); }));
    handles_.push_back(loop_.after_events([this] { after_events(); }));
    deadline_ = loop_.timer([this] { on_time(); });

    if (!options_.simulate)
        monitor_ = std::make_unique<ModuleMonitor>(loop_, [this](const std::string& name) {
            log_.write(LOG_DEBUG, fmt::format("{}: event of the module", name), {.partition = name});
            fleet_.on_module_event(name);
        });
    try {
        fleet_.adopt();
        // By a client of its own: an open device keeps the module from being unloaded.
        if (!options_.simulate)
            (void)KernelControl{}.info();
    } catch (const Error& error) {
        if (error.code() != Code::module_missing)
            throw;
        // Manifests can be checked, and everything else says what is missing.
        log_.write(LOG_WARNING, fmt::format("{}; {}", error.what(), error.suggestion()), {.code = "module-missing"});
    }

    watch_ = std::make_unique<DirectoryWatch>(loop_, options_.manifest_directories, [this] { when_current([] {}); });
    define(load_directories(options_.manifest_directories));

    std::vector<std::string> directories;
    for (const auto& directory : options_.manifest_directories)
        directories.push_back(directory);
    service_ = std::make_unique<bus::Service>(loop_.get(), options_.bus, fleet_, static_cast<Host&>(*this),
                                              bus::Service::Facts{.version = PARKER_VERSION,
                                                                  .start_usec = realtime_usec(),
                                                                  .manifest_directories = directories,
                                                                  .simulated = options_.simulate});
    service_->acquire_name();

    for (const auto& name : fleet_.names())
        autostart(name);
    after_events();
    sd_notify(0, "READY=1");
    log_.write(LOG_INFO, fmt::format("ready: {}", status_line()));
}

void Daemon::reload(Done done)
{
    reload_asked_.push_back(std::move(done));
    if (!reloading_)
        read_again();
}

// Once for all who have asked by now. Who asks while it is under way may know of more than it sees: that is the next.
void Daemon::read_again()
{
    reloading_ = true;
    const auto manifests = std::make_shared<Manifests>();
    workers_.submit(
        {"/manifests"},
        [manifests, before = listing_, directories = options_.manifest_directories] {
            *manifests = reread(directories, *before);
        },
        [this, manifests, asked = std::exchange(reload_asked_, {})](const std::optional<Error>& error) {
            reloading_ = false;
            if (!reload_asked_.empty())
                read_again();
            if (!error)
                define(*manifests);
            else
                log_.write(LOG_ERR, fmt::format("manifests: {}", error->what()));
            for (const auto& done : asked)
                if (done)
                    done(error);
        });
}

void Daemon::when_settled(std::function<void()> call)
{
    if (watch_->pending() || reloading_ || looking_)
        when_current(std::move(call));
    else
        call();
}

// However many ask while one look is taken, the next one is for them all: it begins after they have asked.
void Daemon::when_current(std::function<void()> call)
{
    wait_for_look_.push_back(std::move(call));
    if (!looking_)
        look_at_manifests();
}

void Daemon::look_at_manifests()
{
    looking_ = true;
    const auto manifests = std::make_shared<std::optional<Manifests>>();
    workers_.submit(
        {"/manifests"},
        [manifests, before = listing_, directories = options_.manifest_directories] {
            *manifests = reread_if_changed(directories, *before);
        },
        [this, manifests, calls = std::exchange(wait_for_look_, {})](const std::optional<Error>& error) {
            looking_ = false;
            if (error)
                log_.write(LOG_ERR, fmt::format("manifests: {}", error->what()));
            else if (*manifests)
                define(**manifests);
            if (!wait_for_look_.empty())
                look_at_manifests();
            for (const auto& call : calls)
                call();
        });
}

// systemctl reload: sd_notify(3), "RELOADING=1".
void Daemon::reload_for_systemd()
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", static_cast<unsigned long long>(monotonic_usec()));
    reload([](const std::optional<Error>&) { sd_notify(0, "READY=1"); });
}

void Daemon::define(const Manifests& manifests)
{
    listing_ = std::make_shared<Listing>(manifests.reading.listing);
    watch_->also(manifests.reading.listing.links);
    fleet_.define(manifests);
    status_changed_ = true;

    // What was there at the last reading has been said.
    std::vector<std::string> texts;
    for (const auto& finding : fleet_.findings()) {
        texts.push_back(to_text(finding));
        if (std::ranges::find(logged_findings_, texts.back()) == logged_findings_.end())
            log_.write(finding.severity == Severity::error ? LOG_ERR : LOG_WARNING, texts.back(),
                       {.partition = finding.partition, .code = std::string{info(finding.code).name}});
    }
    logged_findings_ = std::move(texts);
}

void Daemon::plan(std::function<void(const std::optional<Error>&, Preview)> done)
{
    fleet_.plan(std::move(done));
}

Fd Daemon::open_log(const std::string& partition, bool follow, std::optional<std::uint32_t> user)
{
    auto socket = logs_.open(partition, follow, user);
    log_.write(LOG_DEBUG, fmt::format("{}: somebody {} the log", partition, follow ? "follows" : "reads"),
               {.partition = partition});
    return socket;
}

// The hub's thread only knows a number: what is to be done stays in the loop's.
void Daemon::vitals(const std::string& partition, std::function<void(const bus::Service::Vitals&)> done)
{
    bus::Service::Vitals vitals;
    if (const auto started = fleet_.status(partition).run_started_usec; started != 0)
        vitals.uptime_usec = realtime_usec() - std::min(realtime_usec(), started);
    const auto number = ++last_asked_; // the answer comes by way of the loop, and so later than it is expected here
    logs_.ask_vitals(partition, [this, number, vitals](const introspect::Vitals& kernel) mutable {
        vitals.kernel = kernel;
        vitals.taken_usec = monotonic_usec();
        workers_.post([this, number, vitals] { vitals_asked_.extract(number).mapped()(vitals); });
    });
    vitals_asked_.emplace(number, std::move(done));
}

void Daemon::look_given_up(const std::string& partition, const std::string& run, const std::string& why)
{
    log_.write(LOG_WARNING, fmt::format("{}: {}", partition, why),
               {.partition = partition, .code = std::string{info(Code::look_given_up).name}});
    fleet_.on_look_given_up(partition, run, why);
}

void Daemon::broken(const std::string& what)
{
    loop_.fail(std::make_exception_ptr(Error{Code::failed, "bus", what}));
}

void Daemon::partition_appeared(const std::string& name)
{
    if (service_) {
        service_->partition_appeared(name);
        autostart(name);
    }
    note_state(name);
    note_run(name);
}

void Daemon::partition_changed(const std::string& name)
{
    if (service_)
        service_->partition_changed(name);
    note_state(name);
    note_run(name);
}

void Daemon::partition_gone(const std::string& name)
{
    log_.write(LOG_INFO, fmt::format("{}: gone", name), {.partition = name});
    const auto noted = states_.extract(name);
    seen_.remove(name);
    logs_.gone(name);
    status_changed_ = true;
    if (!service_)
        return;
    service_->partition_gone(name);
    // The unit's supervisor has seen the partition end; this also ends a unit that waits for its next try. One that
    // never ran is left alone: hundreds may go at once, and come back and be started before systemd has heard of it.
    if (options_.bus == bus::Kind::system && noted && noted.mapped().ran)
        service_->stop_unit(name, [this, name](const std::optional<Error>& error) {
            if (error)
                log_.write(LOG_DEBUG, error->what(), {.partition = name});
        });
}

void Daemon::job_new(std::uint32_t id, const std::string& partition)
{
    log_.write(LOG_DEBUG, fmt::format("{}: job {}", partition, id), {.partition = partition, .job = id});
    if (service_)
        service_->job_new(id, partition);
}

void Daemon::job_removed(std::uint32_t id, const std::string& partition, const std::optional<Error>& error)
{
    if (error)
        log_.write(LOG_ERR,
                   error->suggestion().empty() ? error->what()
                                               : fmt::format("{}; {}", error->what(), error->suggestion()),
                   {.partition = partition, .job = id, .code = std::string{info(error->code()).name}});
    if (service_)
        service_->job_removed(id, partition, error);
}

void Daemon::note_state(const std::string& name)
{
    const auto status = fleet_.status(name);
    const auto [entry, added] = states_.try_emplace(name, Noted{status.state, status.sub_state, false});
    auto& noted = entry->second;
    noted.ran = noted.ran || status.state != State::inactive || status.result != Result::success;
    if (!added && noted.state == status.state && noted.sub_state == status.sub_state)
        return;
    noted.state = status.state;
    noted.sub_state = status.sub_state;
    status_changed_ = true;
    auto text = fmt::format("{}: {} ({})", name, to_string(status.state), to_string(status.sub_state));
    if (!added && (status.state == State::inactive || status.state == State::failed))
        text += fmt::format(", result {}", to_string(status.result));
    if (!status.message.empty())
        text += ": " + status.message;
    log_.write(status.state == State::failed ? LOG_WARNING : LOG_INFO, text, {.partition = name});
}

void Daemon::note_run(const std::string& name)
{
    const auto status = fleet_.status(name);
    if (status.sub_state != SubState::booting && status.sub_state != SubState::running &&
        status.sub_state != SubState::stopping)
        return;
    HeldPartition held;
    held.name = name;
    held.cpus = status.cpus;
    held.memory = status.memory;
    logs_.runs(looked_into(held), {status.run_id, status.kernel_release, status.run_started_usec});
}

// In the memory of a simulated partition runs no kernel that could have written anything.
HeldPartition Daemon::looked_into(HeldPartition held) const
{
    if (options_.simulate)
        held.memory.clear();
    return held;
}

// In the workers.
std::string Daemon::last_look(const Ending& ending)
{
    std::filesystem::path report;
    return logs_.end(
        looked_into(ending.held), {ending.run.id, ending.run.kernel_release, ending.run.started_usec},
        std::string{to_string(ending.result)}, ending.result == Result::reboot,
        [this, &ending, &report](const introspect::Kernel* kernel) { return examine(ending, kernel, report); },
        [this, &ending, &report](const Inside* inside) {
            if (inside != nullptr && !report.empty() && ending.manifest &&
                ending.manifest->dump == Manifest::Dump::on_crash)
                keep_memory(ending, *inside, report);
        },
        [this, &ending] { return hurries(ending); });
}

bool Daemon::hurries(const Ending& ending) const
{
    return ends_ || (ending.hurry && *ending.hurry);
}

// A full disk, here and below, must not keep the partition from coming back.
std::string Daemon::examine(const Ending& ending, const introspect::Kernel* kernel, std::filesystem::path& report)
{
    const auto cause = kernel != nullptr ? introspect::cause_of_death(kernel->ring()) : std::string{};
    if (options_.state_directory.empty() || !CrashStore::is_crash(ending.result, cause))
        return cause;
    const auto& name = ending.held.name;
    try {
        if (kernel != nullptr)
            kernel->look().begin(introspect::Look::whole_log);
        report = crashes_.save(ending, cause, realtime_usec(), kernel);
        log_later(LOG_NOTICE, name, "crash report: " + report.string());
    } catch (const Error& error) {
        log_later(LOG_ERR, name, fmt::format("no crash report could be written: {}", error.what()));
    }
    return cause;
}

void Daemon::keep_memory(const Ending& ending, const Inside& inside, const std::filesystem::path& report)
{
    const auto& name = ending.held.name;
    log_later(LOG_INFO, name, "its memory is being written to " + report.string());
    try {
        const auto bytes = crashes_.add_memory(report, introspect::elf_core(inside.memory(), inside.kernel()),
                                               [this, &ending](std::uint64_t) { return !hurries(ending); });
        log_later(LOG_NOTICE, name,
                  fmt::format("memory dump: {}/vmcore.zst, {}", report.string(), format_bytes(bytes)));
    } catch (const Error& error) {
        log_later(LOG_ERR, name, fmt::format("no memory dump could be written: {}", error.what()));
    }
}

// From a worker.
void Daemon::log_later(int priority, const std::string& partition, const std::string& text)
{
    workers_.post([this, priority, partition, text] {
        log_.write(priority, fmt::format("{}: {}", partition, text), {.partition = partition});
    });
}

void Daemon::autostart(const std::string& name)
{
    const auto status = fleet_.status(name);
    if (!seen_.add(name) || !status.autostart || status.state != State::inactive)
        return;
    const auto report = [this, name](const std::optional<Error>& error) {
        if (error)
            log_.write(LOG_ERR, fmt::format("{}: autostart: {}", name, error->what()), {.partition = name});
    };
    if (options_.bus == bus::Kind::system) {
        service_->start_unit(name, report);
        return;
    }
    // On a session bus there is no unit. Not at once: the fleet may be in the middle of telling.
    workers_.post([this, name, report] {
        try {
            (void)fleet_.begin(Fleet::Verb::start, name);
        } catch (const Error& error) {
            report(error);
        }
    });
}

// After each turn of the loop: what has happened may have moved the next deadline.
void Daemon::after_events()
{
    auto next = fleet_.next_deadline();
    if (simulated_ != nullptr)
        if (const auto event = simulated_->next_event(); event && (!next || *event < *next))
            next = event;
    deadline_->at(next);
    seen_.save();
    if (std::exchange(status_changed_, false))
        sd_notifyf(0, "STATUS=%s", status_line().c_str());
}

void Daemon::on_time()
{
    if (simulated_ != nullptr)
        for (const auto& name : simulated_->advance())
            fleet_.on_module_event(name);
    if (const auto next = fleet_.next_deadline(); next && *next <= Fleet::Clock::now())
        fleet_.on_deadline();
}

std::string Daemon::status_line() const
{
    std::map<State, unsigned> counts;
    const auto names = fleet_.names();
    for (const auto& name : names)
        ++counts[fleet_.status(name).state];
    auto line = fmt::format("{} partition{}", names.size(), names.size() == 1 ? "" : "s");
    for (const auto state : {State::activating, State::active, State::deactivating, State::failed})
        if (const auto count = counts[state]; count != 0)
            line += fmt::format(", {} {}", count, to_string(state));
    const auto broken = std::ranges::count(fleet_.findings(), Severity::error, &Finding::severity);
    if (broken != 0)
        line += fmt::format("; {} error{} in manifests", broken, broken == 1 ? "" : "s");
    return line;
}

} // namespace parker
