// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bus/service.h"
#include "control/simulated.h"
#include "daemon/autostart.h"
#include "daemon/directory_watch.h"
#include "daemon/log.h"
#include "daemon/log_hub.h"
#include "daemon/loop.h"
#include "daemon/module_monitor.h"
#include "daemon/workers.h"
#include "partition/crash_store.h"
#include "partition/fleet.h"

namespace parker {

struct DaemonOptions {
    std::vector<std::filesystem::path> manifest_directories;
    std::filesystem::path sysroot = "/";
    std::filesystem::path runtime_directory; // empty: nothing is kept
    std::filesystem::path state_directory;   // for crash reports; empty: none are made
    bool simulate = false;
    unsigned simulated_nodes = 2;
    std::vector<std::string> faults; // of the simulated machine
    PlanOptions plan;
    bus::Kind bus = bus::Kind::system;
};

// Brings manifests, partitions, the bus and systemd together: the reconciler. One loop; slow work goes to the workers.
class Daemon : private FleetObserver, private bus::Service::Host {
public:
    Daemon(Loop& loop, Log& log, DaemonOptions options);
    ~Daemon() override;

    // Takes over what is held, reads the manifests, goes on the bus, and tells systemd that it is ready.
    void start();

private:
    using Done = std::function<void(const std::optional<Error>&)>;

    // FleetObserver
    void partition_appeared(const std::string& name) override;
    void partition_changed(const std::string& name) override;
    void partition_gone(const std::string& name) override;
    void job_new(std::uint32_t id, const std::string& partition) override;
    void job_removed(std::uint32_t id, const std::string& partition, const std::optional<Error>& error) override;

    // bus::Service::Host
    void reload(Done done) override;
    void when_settled(std::function<void()> call) override;
    void when_current(std::function<void()> call) override;
    Fd open_log(const std::string& partition, bool follow, std::optional<std::uint32_t> user) override;
    void vitals(const std::string& partition, std::function<void(const bus::Service::Vitals&)> done) override;
    void plan(std::function<void(const std::optional<Error>&, Preview)> done) override;
    void broken(const std::string& what) override;
    std::string log_level() const override { return log_.level_name(); }
    void set_log_level(const std::string& level) override { log_.set_level(level); }
    std::string log_target() const override { return log_.target_name(); }
    void set_log_target(const std::string& target) override { log_.set_target(target); }

    std::unique_ptr<Control> make_control();
    Machine machine();
    void read_again();
    void reload_for_systemd();
    void define(const Manifests& manifests);
    void look_at_manifests();
    void note_state(const std::string& name);
    void note_run(const std::string& name);
    HeldPartition looked_into(HeldPartition held) const;
    void look_given_up(const std::string& partition, const std::string& run, const std::string& why);
    std::string last_look(const Ending& ending);
    bool hurries(const Ending& ending) const;
    std::string examine(const Ending& ending, const introspect::Kernel* kernel, std::filesystem::path& report);
    void keep_memory(const Ending& ending, const Inside& inside, const std::filesystem::path& report);
    void log_later(int priority, const std::string& partition, const std::string& text);
    void autostart(const std::string& name);
    void after_events();
    void on_time();
    std::string status_line() const;

    Loop& loop_;
    Log& log_;
    DaemonOptions options_;
    std::mutex reading_;                    // of the machine, and the file that keeps what it saw
    SimulatedControl* simulated_ = nullptr; // the same as control_, if it is one
    std::unique_ptr<Control> control_;
    CrashStore crashes_;
    Workers workers_;
    LogHub logs_; // whose thread posts to the workers
    Fleet fleet_;
    Seen seen_;
    std::unique_ptr<ModuleMonitor> monitor_;
    std::unique_ptr<DirectoryWatch> watch_;
    std::unique_ptr<bus::Service> service_;
    std::map<std::uint64_t, std::function<void(const bus::Service::Vitals&)>> vitals_asked_; // by a number of their own
    std::uint64_t last_asked_ = 0;
    std::vector<Loop::Handle> handles_;
    Loop::Handle deadline_;
    struct Noted {
        State state;
        SubState sub_state;
        bool ran; // or tried to
    };
    std::map<std::string, Noted> states_; // as last logged
    std::vector<Done> reload_asked_;      // since the reading under way began
    bool reloading_ = false;
    std::shared_ptr<const Listing> listing_ = std::make_shared<Listing>(); // of the last reading
    std::vector<std::function<void()>> wait_for_look_;                     // at what is in the folders now
    bool looking_ = false;
    std::atomic<bool> ends_ = false;
    std::vector<std::string> logged_findings_;
    bool status_changed_ = true;
};

} // namespace parker
