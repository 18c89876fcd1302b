// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <systemd/sd-event.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "bus/names.h"
#include "introspect/vitals.h"
#include "partition/fleet.h"

namespace parker::bus {

// org.parker1 on the bus: translates, authorises, forwards; and asks systemd for units. All in the loop's thread.
class Service : public FleetObserver {
public:
    // How a partition fares: what its kernel's books say, if one was found that tells, and since when it runs.
    struct Vitals {
        introspect::Vitals kernel;
        std::uint64_t taken_usec = 0;  // CLOCK_MONOTONIC, of the look at the kernel's books
        std::uint64_t uptime_usec = 0; // 0: not known
    };

    // What the objects need of the daemon around them.
    class Host {
    public:
        virtual ~Host() = default;
        // Reads all manifests again, and then calls `done`.
        virtual void reload(std::function<void(const std::optional<Error>&)> done) = 0;
        // Calls `call` when what has changed on disk so far is known: at once if nothing has. Who drops a manifest and
        // then asks for its partition gets that one.
        virtual void when_settled(std::function<void()> call) = 0;
        // The same for what no event tells of: looks at the files themselves, before a start uses what they say.
        virtual void when_current(std::function<void()> call) = 0;
        // A socket from which a partition's log can be read: schemas/org.parker1.Partition.xml, OpenLog. For a user, or
        // for root.
        virtual Fd open_log(const std::string& partition, bool follow, std::optional<std::uint32_t> user) = 0;
        virtual void vitals(const std::string& partition, std::function<void(const Vitals&)> done) = 0;
        // What the manifests would come to now.
        virtual void plan(std::function<void(const std::optional<Error>&, Preview)> done) = 0;
        // An exception that nobody foresaw, or a broken connection: end the daemon.
        virtual void broken(const std::string& what) = 0;

        // org.freedesktop.LogControl1; the setters throw invalid_argument.
        virtual std::string log_level() const = 0;
        virtual void set_log_level(const std::string& level) = 0;
        virtual std::string log_target() const = 0;
        virtual void set_log_target(const std::string& target) = 0;
    };

    struct Facts {
        std::string version;
        std::uint64_t start_usec = 0; // CLOCK_REALTIME
        std::vector<std::string> manifest_directories;
        bool simulated = false;
    };

    // Connects and puts up the objects of what the fleet has; nobody sees them before acquire_name().
    Service(sd_event* event, Kind kind, Fleet& fleet, Host& host, Facts facts);
    ~Service() override;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    void acquire_name(); // busy: another parkerd runs

    void partition_appeared(const std::string& name) override;
    void partition_changed(const std::string& name) override;
    void partition_gone(const std::string& name) override;
    void job_new(std::uint32_t id, const std::string& partition) override;
    void job_removed(std::uint32_t id, const std::string& partition, const std::optional<Error>& error) override;

    // Asks systemd for a job on parker@PARTITION.service, and does not wait for the job's end.
    using Answer = std::function<void(const std::optional<Error>&)>;
    void start_unit(const std::string& partition, Answer answer);
    void stop_unit(const std::string& partition, Answer answer);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace parker::bus
