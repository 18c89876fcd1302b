// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "bus/attach.h"
#include "bus/errors.h"
#include "bus/interaction.h"
#include "bus/manager_proxy.h"
#include "cli/agent.h"
#include "cli/values.h"

namespace parker {
namespace {

using Objects = std::map<sdbus::ObjectPath, std::map<std::string, Properties>>;

constexpr const char* partition_interface = "org.parker1.Partition";
constexpr const char* job_interface = "org.parker1.Job";
constexpr const char* systemd_manager = "org.freedesktop.systemd1.Manager";
constexpr std::chrono::minutes call_timeout{2};   // parkerd answers at once, but may have to be started first
constexpr std::chrono::minutes asking_timeout{6}; // longer than it waits for polkit

// Every call on the bus: its errors become ours.
template <typename Function>
auto translated(Function function)
{
    try {
        return function();
    } catch (const sdbus::Error& error) {
        throw bus::from_bus(error);
    }
}

class Manager final : public sdbus::ProxyInterfaces<org::parker1::Manager_proxy, sdbus::ObjectManager_proxy> {
public:
    using JobCall =
        std::function<void(const std::string& job, const std::string& partition, const std::string& result)>;

    Manager(sdbus::IConnection& connection, JobCall on_removed,
            std::function<void(const std::string& partition)> on_new)
        : ProxyInterfaces{connection, bus::bus_name, bus::manager_path},
          on_removed_{std::move(on_removed)}, on_new_{std::move(on_new)}
    {
        registerProxy();
    }
    ~Manager() { unregisterProxy(); }

    sdbus::IProxy& proxy() { return getProxy(); }

private:
    void onJobNew(const std::uint32_t& /*id*/, const sdbus::ObjectPath& /*job*/, const std::string& partition) override
    {
        on_new_(partition);
    }
    void onJobRemoved(const std::uint32_t& /*id*/, const sdbus::ObjectPath& job, const std::string& partition,
                      const std::string& result) override
    {
        on_removed_(job, partition, result);
    }
    void onInterfacesAdded(const sdbus::ObjectPath& /*path*/,
                           const std::map<std::string, Properties>& /*interfaces*/) override
    {
    }
    void onInterfacesRemoved(const sdbus::ObjectPath& /*path*/, const std::vector<std::string>& /*interfaces*/) override
    {
    }

    JobCall on_removed_;
    std::function<void(const std::string&)> on_new_;
};

sd_event* new_event()
{
    sd_event* event = nullptr;
    check_event(sd_event_new(&event));
    return event;
}

} // namespace

std::uint64_t PartitionInfo::memory_bytes() const
{
    std::uint64_t bytes = 0;
    for (const auto& [start, end] : memory)
        bytes += end - start;
    return bytes;
}

std::optional<std::uint64_t> PartitionInfo::heartbeat_age_usec(std::uint64_t now_realtime_usec) const
{
    if (heartbeat_usec == 0 || (state != "active" && state != "deactivating"))
        return std::nullopt;
    return now_realtime_usec - std::min(now_realtime_usec, heartbeat_usec);
}

Error PartitionInfo::failure(Code code, const std::string& otherwise) const
{
    const auto* row = find_code(error_code);
    return Error{row != nullptr ? row->code : code, "", message.empty() ? otherwise : message, suggestion};
}

struct Client::Impl {
    Impl(bus::Kind kind, bool ask_password);
    ~Impl() { sd_event_unref(event); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void on_properties(sdbus::Message& message);
    void on_owner(sdbus::Message& message);
    void on_unit_job(sdbus::Message& message);
    void on_failed(sdbus::Message& message);
    void subscribe_to_systemd();
    std::string unit_result(const std::string& name);
    void tell(const Event& what)
    {
        if (on_event)
            on_event(what);
    }

    sd_event* event = new_event();
    std::exception_ptr failure;
    bool subscribed = false;
    bool runs = false;
    std::map<std::string, std::string> ended;      // parkerd's job -> result
    std::map<std::string, Error> failures;         // parkerd's job -> why
    std::set<std::string> failed;                  // partitions that had a job of parkerd fail
    std::map<std::string, std::string> unit_ended; // systemd's
    std::function<void(const Event&)> on_event;
    std::unique_ptr<sdbus::IConnection> connection;
    Manager manager;
    std::unique_ptr<sdbus::IProxy> systemd;
    std::vector<sdbus::Slot> matches;
    bus::Attachment attachment;
    std::optional<cli::Agent> agent;
};

Client::Impl::Impl(bus::Kind kind, bool ask_password)
    : connection{bus::connect(kind)}, manager{*connection,
                                              [this](const std::string& job, const std::string& partition,
                                                     const std::string& result) {
                                                  ended[job] = result;
                                                  if (result != "done")
                                                      failed.insert(partition);
                                                  tell({partition, "job ended: " + result, {}, {}});
                                              },
                                              [this](const std::string& partition) {
                                                  tell({partition, "job begins", {}, {}});
                                              }},
      systemd{sdbus::createProxy(*connection, "org.freedesktop.systemd1", "/org/freedesktop/systemd1")},
      attachment{event, *connection, [this](std::exception_ptr thrown) { failure = std::move(thrown); }}
{
    connection->setMethodCallTimeout(ask_password ? asking_timeout : call_timeout);
    if (ask_password)
        bus::allow_interaction(*connection);
    if (ask_password && kind == bus::Kind::system && cli::Agent::is_of_use())
        agent.emplace();
    matches.push_back(connection->addMatch(
        "type='signal',sender='org.parker1',path_namespace='/org/parker1/partition',member='PropertiesChanged'",
        [this](sdbus::Message& message) { on_properties(message); }));
    matches.push_back(connection->addMatch("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                           "arg0='org.parker1'",
                                           [this](sdbus::Message& message) { on_owner(message); }));
    matches.push_back(connection->addMatch(
        "type='signal',sender='org.parker1',path_namespace='/org/parker1/job',interface='org.parker1.Job',"
        "member='Failed'",
        [this](sdbus::Message& message) { on_failed(message); }));
    const auto bus_itself = sdbus::createProxy(*connection, "org.freedesktop.DBus", "/org/freedesktop/DBus");
    bus_itself->callMethod("NameHasOwner")
        .onInterface("org.freedesktop.DBus")
        .withArguments(std::string{bus::bus_name})
        .storeResultsTo(runs);
}

void Client::Impl::on_properties(sdbus::Message& message)
{
    std::string interface;
    Properties changed;
    message >> interface >> changed;
    const auto text = [&changed](const char* name) { return get<std::string>(changed, name); };
    Event what{bus::partition_name(message.getPath()), {}, text("State"), text("SubState")};
    what.text = what.state + (what.state.empty() || what.sub_state.empty() ? "" : " ") + what.sub_state;
    if (what.text.empty())
        for (const auto& [name, value] : changed)
            what.text += (what.text.empty() ? "" : " ") + name;
    tell(what);
}

void Client::Impl::on_owner(sdbus::Message& message)
{
    std::string name;
    std::string before;
    std::string after;
    message >> name >> before >> after;
    runs = !after.empty();
    if (!runs)
        ended.clear();
    tell({{}, runs ? "parkerd is there" : "parkerd is gone", {}, {}});
}

void Client::Impl::on_unit_job(sdbus::Message& message)
{
    std::uint32_t id = 0;
    sdbus::ObjectPath job;
    std::string unit;
    std::string result;
    message >> id >> job >> unit >> result;
    unit_ended[job] = result;
}

void Client::Impl::on_failed(sdbus::Message& message)
{
    std::string code;
    std::string text;
    std::string suggestion;
    message >> code >> text >> suggestion;
    const auto* row = find_code(code);
    failures.emplace(message.getPath(), Error{row != nullptr ? row->code : Code::failed, "", text, suggestion});
}

// How the unit's last run ended, in systemd's words; empty if it does not say.
std::string Client::Impl::unit_result(const std::string& name)
{
    try {
        const auto proxy = sdbus::createProxy(*connection, "org.freedesktop.systemd1", bus::unit_path(name));
        return proxy->getProperty("Result").onInterface("org.freedesktop.systemd1.Service").get<std::string>();
    } catch (const sdbus::Error&) {
        return {};
    }
}

void Client::Impl::subscribe_to_systemd()
{
    if (subscribed)
        return;
    matches.push_back(connection->addMatch("type='signal',sender='org.freedesktop.systemd1',"
                                           "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
                                           [this](sdbus::Message& message) { on_unit_job(message); }));
    // Without a subscriber, systemd does not tell of jobs.
    systemd->callMethod("Subscribe").onInterface(systemd_manager);
    subscribed = true;
}

Client::Client(bus::Kind kind, bool ask_password)
{
    impl_ = translated([kind, ask_password] { return std::make_unique<Impl>(kind, ask_password); });
}

Client::~Client() = default;

sd_event* Client::event()
{
    return impl_->event;
}

void Client::turn(std::chrono::microseconds most)
{
    const auto usec = most == std::chrono::microseconds::max() ? UINT64_MAX : static_cast<std::uint64_t>(most.count());
    check_event(sd_event_run(impl_->event, usec));
    if (impl_->failure)
        translated([this] { std::rethrow_exception(std::exchange(impl_->failure, nullptr)); });
}

bool Client::daemon_runs() const
{
    return impl_->runs;
}

DaemonInfo Client::daemon()
{
    return translated([this] {
        return DaemonInfo{.version = impl_->manager.Version(), .start_usec = impl_->manager.StartTimestamp()};
    });
}

std::vector<PartitionInfo> Client::partitions()
{
    return translated([this] {
        const Objects objects = impl_->manager.GetManagedObjects();
        std::vector<PartitionInfo> partitions;
        for (const auto& [path, interfaces] : objects)
            if (const auto properties = interfaces.find(partition_interface); properties != interfaces.end())
                partitions.push_back(to_info(properties->second));
        std::ranges::sort(partitions, {}, &PartitionInfo::name);
        return partitions;
    });
}

PartitionInfo Client::partition(const std::string& name)
{
    return translated([this, &name] {
        const auto path = impl_->manager.GetPartition(name);
        const auto proxy = sdbus::createProxy(*impl_->connection, bus::bus_name, path);
        Properties properties;
        proxy->callMethod("GetAll")
            .onInterface("org.freedesktop.DBus.Properties")
            .withArguments(std::string{partition_interface})
            .storeResultsTo(properties);
        return to_info(properties);
    });
}

std::vector<ManifestInfo> Client::manifests()
{
    return translated([this] {
        std::vector<ManifestInfo> manifests;
        for (const auto& file : impl_->manager.ListManifests())
            manifests.push_back({file.get<0>(), file.get<1>(), file.get<2>(), to_findings(file.get<3>())});
        return manifests;
    });
}

Findings Client::findings()
{
    return translated([this] { return to_findings(impl_->manager.GetFindings()); });
}

std::string Client::plan(const std::vector<std::string>& names)
{
    return translated([this, &names] { return impl_->manager.Plan(names, 0); });
}

void Client::reload()
{
    translated([this] { impl_->manager.Reload(0); });
}

Fd Client::open_log(const std::string& name, bool follow)
{
    return translated([this, &name, follow] {
        const auto path = impl_->manager.GetPartition(name);
        const auto proxy = sdbus::createProxy(*impl_->connection, bus::bus_name, path);
        sdbus::UnixFd socket;
        proxy->callMethod("OpenLog")
            .onInterface(partition_interface)
            .withArguments(std::uint64_t{follow ? 1U : 0U})
            .storeResultsTo(socket);
        impl_->runs = true; // it has answered
        return Fd{socket.release()};
    });
}

std::string Client::dump(const std::string& name, const Fd& file, DumpFlags flags)
{
    return translated([this, &name, &file, flags]() -> std::string {
        const auto path = impl_->manager.GetPartition(name);
        const auto proxy = sdbus::createProxy(*impl_->connection, bus::bus_name, path);
        sdbus::ObjectPath job;
        proxy->callMethod("Dump")
            .onInterface(partition_interface)
            .withArguments(sdbus::UnixFd{file.get()},
                           std::uint64_t{(flags.live ? 1U : 0U) | (flags.compress ? 2U : 0U)})
            .storeResultsTo(job);
        impl_->runs = true; // it has answered
        return job;
    });
}

Client::Progress Client::progress(const std::string& job)
{
    try {
        const auto proxy = sdbus::createProxy(*impl_->connection, bus::bus_name, job);
        Properties properties;
        proxy->callMethod("GetAll")
            .onInterface("org.freedesktop.DBus.Properties")
            .withArguments(std::string{job_interface})
            .storeResultsTo(properties);
        return {get<std::uint64_t>(properties, "Bytes"), get<std::uint64_t>(properties, "BytesTotal")};
    } catch (const sdbus::Error&) { // it has ended, or parkerd has: turn() tells
        return {};
    }
}

void Client::cancel(const std::string& job)
{
    try {
        const auto proxy = sdbus::createProxy(*impl_->connection, bus::bus_name, job);
        proxy->callMethod("Cancel").onInterface(job_interface);
    } catch (const sdbus::Error& error) {
        const auto ours = bus::from_bus(error);
        if (error.getName() != "org.freedesktop.DBus.Error.UnknownObject" &&
            ours.code() != Code::no_such_partition) // it has just ended
            throw Error{ours};
    }
}

Error Client::failure(const std::string& job) const
{
    const auto found = impl_->failures.find(job);
    return found != impl_->failures.end() ? found->second : Error{Code::failed, "parkerd", "the job failed"};
}

VitalsInfo Client::vitals(const std::string& name)
{
    return translated([this, &name] {
        Properties entries;
        sdbus::createProxy(*impl_->connection, bus::bus_name, bus::partition_path(name))
            ->callMethod("GetVitals")
            .onInterface(partition_interface)
            .withArguments(std::uint64_t{0})
            .storeResultsTo(entries);
        return to_vitals(entries);
    });
}

std::string Client::begin(Verb verb, const std::string& name)
{
    return translated([this, verb, &name]() -> std::string {
        switch (verb) {
        case Verb::start:
            return impl_->manager.StartPartition(name, 0);
        case Verb::stop:
            return impl_->manager.StopPartition(name, 0);
        case Verb::kill:
            return impl_->manager.KillPartition(name, 0);
        }
        return {};
    });
}

std::optional<std::string> Client::result(const std::string& job) const
{
    const auto entry = impl_->ended.find(job);
    return entry == impl_->ended.end() ? std::nullopt : std::optional{entry->second};
}

void Client::run(Verb verb, const std::string& name)
{
    const auto job = begin(verb, name);
    impl_->runs = true; // it has answered
    while (!result(job)) {
        turn();
        if (!impl_->runs)
            throw Error{Code::daemon_not_running, "parkerd", "went away before the job was done",
                        "parkerctl status " + name};
    }
    if (const auto ended = *result(job); ended != "done") {
        const auto* row = find_code(ended);
        throw partition(name).failure(row != nullptr ? row->code : Code::failed,
                                      fmt::format("partition {}: the job failed ({})", name, ended));
    }
}

void Client::run_unit(UnitVerb verb, const std::string& name)
{
    const auto unit = bus::unit_name(name);
    const char* method = verb == UnitVerb::start ? "StartUnit" : verb == UnitVerb::stop ? "StopUnit" : "RestartUnit";
    std::string job;
    impl_->failed.erase(name);
    try {
        impl_->subscribe_to_systemd();
        sdbus::ObjectPath path;
        impl_->systemd->callMethod(method)
            .onInterface(systemd_manager)
            .withArguments(unit, std::string{"replace"})
            .storeResultsTo(path);
        job = path;
    } catch (const sdbus::Error& error) {
        if (error.getName().starts_with("org.freedesktop.systemd1."))
            throw Error{Code::failed, unit, error.getMessage()};
        throw bus::from_bus(error);
    }
    // What parkerd says of a failure is asked for at once: the unit may be trying again by the time its job ends.
    std::optional<Error> failure;
    while (!impl_->unit_ended.contains(job)) {
        turn();
        if (impl_->failed.erase(name) != 0)
            failure = partition(name).failure(Code::failed, "partition " + name + ": the job failed");
    }
    const auto& ended = impl_->unit_ended.at(job);
    if (ended == "done" || ended == "skipped")
        return;
    if (failure)
        throw Error{*failure};
    if (impl_->unit_result(name) == "start-limit-hit")
        throw Error{Code::failed, unit, "was started too often in a short time, and systemd lets it rest",
                    "journalctl -u " + unit + "; then: systemctl reset-failed " + unit};
    const auto message = partition(name).message;
    throw Error{Code::failed, unit, message.empty() ? "systemd's job ended with: " + ended : message,
                "journalctl -u " + unit};
}

void Client::on_event(std::function<void(const Event&)> call)
{
    impl_->on_event = std::move(call);
}

} // namespace parker
