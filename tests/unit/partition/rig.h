// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/simulated.h"
#include "partition/fleet.h"

namespace parker {

// Everything around a Fleet, so that a test can say what happens and look at what came of it: a simulated machine of
// 8 CPUs, 8 GiB and two devices behind root ports, a clock that is turned by hand, a worker that works when told. CPUs
// that are held are offline in the machine, as they really are.
struct Rig : Executor, FleetObserver {
    using Clock = Fleet::Clock;
    using Call = SimulatedControl::Call;

    static constexpr const char* drive = "0000:01:00.0";
    static constexpr const char* network = "0000:02:00.0";

    struct Spec { // of a manifest, as YAML needs it
        std::string name = "db";
        std::string cpus = "{list: \"2-3\"}";
        std::string memory = "{size: 512MiB}";
        std::string devices = "[{pci: \"0000:01:00.0\"}]";
        std::string extra; // more top-level lines
        std::string sha256;
        std::string initrd;
        std::string file = "/etc/parker.d/db.yaml";
    };

    explicit Rig(SimulatedControl::Options options = {});
    ~Rig() override;

    // Executor
    void submit(const Lanes& lanes, std::function<void()> work,
                std::function<void(std::optional<Error>)> done) override;
    void post(std::function<void()> call) override;
    bool step();  // one piece of work and its completion; false: there was none
    void drain(); // all of it

    // FleetObserver
    void partition_appeared(const std::string& name) override { log.push_back("appeared " + name); }
    void partition_changed(const std::string& name) override;
    void partition_gone(const std::string& name) override { log.push_back("gone " + name); }
    void job_new(std::uint32_t id, const std::string& partition) override;
    void job_removed(std::uint32_t id, const std::string& partition, const std::optional<Error>& error) override;

    static Machine machine();
    Manifests manifests(const std::vector<Spec>& specs) const;
    void define(const std::vector<Spec>& specs);
    // With what a reading of the folder /etc/parker.d came across: each spec's file, and these.
    void define(const std::vector<Spec>& specs, const std::vector<ReadFile>& others, ManifestFolder folder = etc());
    static ManifestFolder etc() { return {"/etc/parker.d", true, {1, 2}}; }
    void define_broken(const std::string& name, const std::string& file, const std::vector<Spec>& others = {});
    void new_daemon(); // a Fleet that knows nothing but what the module says; define() is up to the test

    std::uint32_t start(const std::string& name = "db"); // all the way to the first heartbeat
    void pass(Clock::duration time); // in small steps: beats, events, deadlines and work happen on the way
    Status status(const std::string& name = "db") const { return fleet->status(name); }
    std::string phase(const std::string& name = "db") const; // "active/running"
    std::string outcome(std::uint32_t job) const;            // "under way", "done" or the code's name
    std::optional<Error> error(std::uint32_t job) const;     // how it ended
    bool button() const; // of db was pressed since the last time; the kernel does not hear of it then
    bool holds_nothing() const { return sim_list().empty(); }
    std::vector<HeldPartition> sim_list() const { return control->list(); }

    std::filesystem::path directory; // temporary; has vmlinuz
    Clock::time_point now{std::chrono::hours{1}};
    Machine computer = machine();
    std::unique_ptr<SimulatedControl> control;
    std::unique_ptr<Fleet> fleet;
    std::vector<std::string> log;    // what the observer was told
    std::vector<std::string> phases; // each that was told of, in their order: "db active/running"
    std::optional<Error> build_error;
    std::optional<Error> machine_error;
    std::vector<std::string> built; // names that firmware was built for
    std::vector<Ending> endings;    // of kernels, as they were looked at last
    std::string cause;              // what was found then
    std::vector<std::string> away;  // whose memory nobody may look into any more, while it was still there
    std::vector<Lanes> lanes;       // of all work that was submitted
    bool at_once = false;           // do work when it is submitted
    std::function<void()> between;  // happens once, between the next work and its completion

private:
    struct Task {
        std::function<void()> work;
        std::function<void(std::optional<Error>)> done;
    };
    void run(const Task& task);

    std::deque<Task> tasks_;
    std::map<std::uint32_t, std::string> jobs_;
    std::map<std::uint32_t, Error> errors_;
};

Code code_of(const std::function<void()>& call); // of the Error that it throws; usage, which nothing here throws: none

} // namespace parker
