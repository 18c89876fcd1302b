// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/service.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "bus/attach.h"
#include "bus/context.h"
#include "bus/job_object.h"
#include "bus/log_control_object.h"
#include "bus/manager_object.h"
#include "bus/partition_object.h"

namespace parker::bus {

struct Service::Impl {
    Impl(sd_event* event, Kind kind, Fleet& fleet, Host& host, Facts facts);

    PartitionObject& add_partition(const std::string& name)
    {
        auto object = std::make_unique<PartitionObject>(*connection, context, context.fleet.status(name));
        return *partitions.try_emplace(name, std::move(object)).first->second;
    }
    void add_job(const Fleet::Job& job)
    {
        jobs.try_emplace(job.id, std::make_unique<JobObject>(*connection, context, job));
    }
    void ask_systemd(const char* method, const std::string& partition, Answer answer);
    void ask_next();

    struct Question {
        const char* method;
        std::string partition;
        Answer answer;
    };

    std::unique_ptr<sdbus::IConnection> connection;
    Authority authority;
    Context context;
    std::unique_ptr<sdbus::IProxy> systemd;
    std::deque<Question> questions; // in their order, those that wait for earlier ones to be answered
    unsigned asked = 0;
    ManagerObject manager;
    LogControlObject log_control;
    std::map<std::string, std::unique_ptr<PartitionObject>> partitions;
    std::map<std::uint32_t, std::unique_ptr<JobObject>> jobs;
    Attachment attachment;
};

namespace {

void tell(Service::Host& host, const std::exception_ptr& failure)
{
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        host.broken(error.what());
    }
}

} // namespace

Service::Impl::Impl(sd_event* event, Kind kind, Fleet& fleet, Host& host, Facts facts)
    : connection{connect(kind)}, authority{*connection}, context{fleet, host, authority,
                                                                 [&host](const std::string& what) {
                                                                     host.broken(what);
                                                                 }},
      systemd{sdbus::createProxy(*connection, "org.freedesktop.systemd1", "/org/freedesktop/systemd1")},
      manager{*connection, context, std::move(facts)}, log_control{*connection, host},
      attachment{event, *connection, [&host](const std::exception_ptr& failure) { tell(host, failure); }}
{
    // Without a signal: before the name is taken nobody would get it.
    for (const auto& name : fleet.names())
        add_partition(name);
    for (const auto& job : fleet.jobs())
        add_job(job);
}

void Service::Impl::ask_systemd(const char* method, const std::string& partition, Answer answer)
{
    questions.push_back({method, partition, std::move(answer)});
    ask_next();
}

void Service::Impl::ask_next()
{
    // The bus ends calls beyond 128 replies pending (max_replies_per_connection in dbus-daemon's system.conf).
    constexpr unsigned asked_at_most = 32;
    while (asked < asked_at_most && !questions.empty()) {
        auto question = std::move(questions.front());
        questions.pop_front();
        ++asked;
        systemd->callMethodAsync(question.method)
            .onInterface("org.freedesktop.systemd1.Manager")
            .withArguments(unit_name(question.partition), std::string{"replace"})
            .uponReplyInvoke([this, answer = std::move(question.answer), partition = question.partition](
                                 const sdbus::Error* error, const sdbus::ObjectPath& /*job*/) {
                --asked;
                if (error != nullptr)
                    answer(Error{Code::failed, unit_name(partition), error->getMessage()});
                else
                    answer(std::nullopt);
                ask_next();
            });
    }
}

Service::Service(sd_event* event, Kind kind, Fleet& fleet, Host& host, Facts facts)
    : impl_{std::make_unique<Impl>(event, kind, fleet, host, std::move(facts))}
{
}

Service::~Service() = default;

void Service::acquire_name()
{
    try {
        impl_->connection->requestName(bus_name);
    } catch (const sdbus::Error& error) {
        throw Error{Code::busy, bus_name, "cannot be owned: " + error.getMessage(),
                    "see who has it: busctl status org.parker1"};
    }
}

void Service::partition_appeared(const std::string& name)
{
    impl_->add_partition(name).emitInterfacesAddedSignal();
}

void Service::partition_changed(const std::string& name)
{
    if (const auto object = impl_->partitions.find(name); object != impl_->partitions.end())
        object->second->update(impl_->context.fleet.status(name));
}

void Service::partition_gone(const std::string& name)
{
    impl_->partitions.erase(name);
}

void Service::job_new(std::uint32_t id, const std::string& partition)
{
    const auto jobs = impl_->context.fleet.jobs();
    if (const auto job = std::ranges::find(jobs, id, &Fleet::Job::id); job != jobs.end())
        impl_->add_job(*job);
    impl_->manager.emitJobNew(id, sdbus::ObjectPath{job_path(id)}, partition);
}

void Service::job_removed(std::uint32_t id, const std::string& partition, const std::optional<Error>& error)
{
    if (const auto job = impl_->jobs.find(id); job != impl_->jobs.end()) {
        if (error)
            job->second->failed(*error);
        impl_->jobs.erase(job);
    }
    impl_->manager.emitJobRemoved(id, sdbus::ObjectPath{job_path(id)}, partition,
                                  error ? std::string{info(error->code()).name} : "done");
}

void Service::start_unit(const std::string& partition, Answer answer)
{
    impl_->ask_systemd("StartUnit", partition, std::move(answer));
}

void Service::stop_unit(const std::string& partition, Answer answer)
{
    impl_->ask_systemd("StopUnit", partition, std::move(answer));
}

} // namespace parker::bus
