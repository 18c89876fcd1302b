// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "bus/context.h"
#include "bus/partition_adaptor.h"
#include "partition/status.h"

namespace parker::bus {

// Shows one Status. What it shows changes in update() alone, together with the signal that says so: no property is ever
// newer or older than the last PropertiesChanged.
class PartitionObject final
    : public sdbus::AdaptorInterfaces<org::parker1::Partition_adaptor, sdbus::ManagedObject_adaptor> {
public:
    PartitionObject(sdbus::IConnection& connection, const Context& context, Status status);
    ~PartitionObject();

    void update(Status status);

private:
    using Ranges = std::vector<sdbus::Struct<std::uint64_t, std::uint64_t>>;

    void Start(JobResult&& result, std::uint64_t flags) override;
    void Stop(JobResult&& result, std::uint64_t flags) override;
    void Kill(JobResult&& result, std::uint64_t flags) override;
    void OpenLog(sdbus::Result<sdbus::UnixFd>&& result, std::uint64_t flags) override;

    std::string Name() override;
    std::string Description() override;
    std::string ManifestPath() override;
    bool Autostart() override;
    std::string State() override;
    std::string SubState() override;
    std::string Result() override;
    std::string Message() override;
    std::uint64_t StateChangeTimestamp() override;
    std::string Unit() override;
    std::string CPUs() override;
    Ranges MemoryRanges() override;
    std::vector<std::string> Devices() override;
    std::string DMA() override;
    std::string KernelImage() override;
    std::string KernelRelease() override;
    std::string CommandLine() override;
    std::uint64_t Heartbeat() override;
    std::uint64_t HeartbeatTimestamp() override;
    bool NeedRestart() override;
    bool NeedReload() override;
    Dictionaries Findings() override;

    const sdbus::Message& call() const;
    Status now() const; // for what moves without a signal

    const Context& context_;
    Status status_;
};

} // namespace parker::bus
