// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "bus/context.h"
#include "bus/manager_adaptor.h"

namespace parker::bus {

class ManagerObject final
    : public sdbus::AdaptorInterfaces<org::parker1::Manager_adaptor, sdbus::ObjectManager_adaptor> {
public:
    ManagerObject(sdbus::IConnection& connection, const Context& context, Service::Facts facts);
    ~ManagerObject() { unregisterAdaptor(); }

private:
    using Partitions = std::vector<sdbus::Struct<std::string, std::string, sdbus::ObjectPath>>;

    using Manifests = std::vector<sdbus::Struct<std::string, std::string, std::vector<std::string>, Dictionaries>>;

    void ListPartitions(sdbus::Result<Partitions>&& result) override;
    void GetPartition(sdbus::Result<sdbus::ObjectPath>&& result, std::string name) override;
    void StartPartition(JobResult&& result, std::string name, std::uint64_t flags) override;
    void StopPartition(JobResult&& result, std::string name, std::uint64_t flags) override;
    void KillPartition(JobResult&& result, std::string name, std::uint64_t flags) override;
    void Plan(sdbus::Result<std::string>&& result, std::vector<std::string> names, std::uint64_t flags) override;
    void Reload(sdbus::Result<>&& result, std::uint64_t flags) override;
    void GetFindings(sdbus::Result<Dictionaries>&& result) override;
    void ListManifests(sdbus::Result<Manifests>&& result) override;
    std::string Version() override { return facts_.version; }
    std::uint64_t StartTimestamp() override { return facts_.start_usec; }
    std::vector<std::string> ManifestDirectories() override { return facts_.manifest_directories; }
    bool Simulated() override { return facts_.simulated; }

    using PlanAnswer = std::function<void(const std::optional<Error>&, Preview)>;
    void plan(const std::vector<std::string>& names, const PlanAnswer& answer);
    const sdbus::Message& call() const;

    const Context& context_;
    std::shared_ptr<const void> presence_ = std::make_shared<int>();
    Service::Facts facts_;
};

} // namespace parker::bus
