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
    void Dump(JobResult&& result, sdbus::UnixFd file, std::uint64_t flags) override;
    void GetVitals(sdbus::Result<Dictionary>&& result, std::uint64_t flags) override;

    std::string Name() override;
    std::string Description() override;
    std::string ManifestPath() override;
    bool Autostart() override;
    std::string State() override;
    std::string SubState() override;
    std::string Result() override;
    std::string Message() override;
    std::string ErrorCode() override { return status_.error_code; }
    std::string Suggestion() override;
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
    std::uint64_t Starts() override { return status_.counters.starts; }
    std::uint64_t StartUSec() override { return status_.counters.start_usec; }
    std::uint64_t FailedStarts() override { return status_.counters.failed_starts; }
    std::uint64_t Crashes() override { return status_.counters.crashes; }
    std::uint64_t Stops() override { return status_.counters.stops; }
    std::uint64_t StopUSec() override { return status_.counters.stop_usec; }
    Dictionaries Findings() override;

    const sdbus::Message& call() const;
    parker::Heartbeat heartbeat() const;

    const Context& context_;
    std::shared_ptr<const void> presence_ = std::make_shared<int>();
    Status status_;
};

} // namespace parker::bus
