// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/manager_object.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "bus/json.h"
#include "bus/names.h"

namespace parker::bus {

ManagerObject::ManagerObject(sdbus::IConnection& connection, const Context& context, Service::Facts facts)
    : AdaptorInterfaces{connection, manager_path}, context_{context}, facts_{std::move(facts)}
{
    registerAdaptor();
}

const sdbus::Message& ManagerObject::call() const
{
    return *getObject().getCurrentlyProcessedMessage();
}

void ManagerObject::ListPartitions(sdbus::Result<Partitions>&& result)
{
    reply(result, context_.on_bug, [this] {
        Partitions partitions;
        for (const auto& name : context_.fleet.names())
            partitions.emplace_back(name, std::string{to_string(context_.fleet.status(name).state)},
                                    sdbus::ObjectPath{partition_path(name)});
        return partitions;
    });
}

void ManagerObject::GetPartition(sdbus::Result<sdbus::ObjectPath>&& result, std::string name)
{
    const auto shared = admit(context_, call(), std::move(result));
    if (!shared)
        return;
    context_.host.when_settled([this, shared, name] {
        reply(*shared, context_.on_bug, [this, &name] {
            (void)context_.fleet.status(name); // no_such_partition
            return sdbus::ObjectPath{partition_path(name)};
        });
    });
}

void ManagerObject::StartPartition(JobResult&& result, std::string name, std::uint64_t flags)
{
    begin(context_, presence_, call(), std::move(result), Fleet::Verb::start, name, flags);
}

void ManagerObject::StopPartition(JobResult&& result, std::string name, std::uint64_t flags)
{
    begin(context_, presence_, call(), std::move(result), Fleet::Verb::stop, name, flags);
}

void ManagerObject::KillPartition(JobResult&& result, std::string name, std::uint64_t flags)
{
    begin(context_, presence_, call(), std::move(result), Fleet::Verb::kill, name, flags);
}

void ManagerObject::Plan(sdbus::Result<std::string>&& result, std::vector<std::string> names, std::uint64_t flags)
{
    const auto shared = admit(context_, call(), std::move(result));
    if (!shared)
        return;
    const auto answer = [this, shared, names](const std::optional<Error>& error, Preview preview) {
        reply(*shared, context_.on_bug, [&error, &preview, &names] {
            if (error)
                throw *error;
            keep_only(preview, names);
            return dump(to_json(preview));
        });
    };
    try {
        check_flags(flags);
        context_.authority.check(call(), action::inspect, {{"verb", "plan"}},
                                 [this, answer, names](const std::optional<Error>& refusal) {
                                     if (refusal)
                                         answer(refusal, {});
                                     else
                                         context_.host.when_current([this, answer, names] { plan(names, answer); });
                                 });
    } catch (const Error& error) {
        answer(error, {});
    }
}

void ManagerObject::plan(const std::vector<std::string>& names, const PlanAnswer& answer)
{
    try {
        for (const auto& name : names)
            (void)context_.fleet.status(name); // no_such_partition
        context_.host.plan(answer);
    } catch (const Error& error) {
        answer(error, {});
    }
}

void ManagerObject::Reload(sdbus::Result<>&& result, std::uint64_t flags)
{
    const auto shared = admit(context_, call(), std::move(result));
    if (!shared)
        return;
    const auto answer = [this, shared](const std::optional<Error>& error) {
        reply(*shared, context_.on_bug, [&error] {
            if (error)
                throw *error;
        });
    };
    try {
        check_flags(flags);
        context_.authority.check(call(), action::manage_manifests, {{"verb", "reload"}},
                                 [this, answer](const std::optional<Error>& refusal) {
                                     if (refusal)
                                         answer(refusal);
                                     else
                                         context_.host.reload(answer);
                                 });
    } catch (const Error& error) {
        answer(error);
    }
}

void ManagerObject::GetFindings(sdbus::Result<Dictionaries>&& result)
{
    const auto shared = admit(context_, call(), std::move(result));
    if (!shared)
        return;
    context_.authority.check(call(), action::inspect, {{"verb", "see findings"}},
                             [this, shared](const std::optional<Error>& refusal) {
                                 reply(*shared, context_.on_bug, [this, &refusal] {
                                     if (refusal)
                                         throw *refusal;
                                     return to_dictionaries(context_.fleet.findings(), true);
                                 });
                             });
}

void ManagerObject::ListManifests(sdbus::Result<Manifests>&& result)
{
    const auto shared = std::make_shared<sdbus::Result<Manifests>>(std::move(result));
    context_.host.when_settled([this, shared] {
        reply(*shared, context_.on_bug, [this] {
            Manifests manifests;
            for (const auto& file : context_.fleet.reading().files) {
                Findings own;
                std::ranges::copy_if(context_.fleet.findings(), std::back_inserter(own),
                                     [&file](const Finding& finding) { return finding.at.file == file.path; });
                manifests.emplace_back(utf8(file.path), std::string{to_string(file.state)}, file.partitions,
                                       to_dictionaries(own, false));
            }
            return manifests;
        });
    });
}

} // namespace parker::bus
