// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/values.h"

#include <optional>

namespace parker {
namespace {

Finding to_finding(const Properties& entry)
{
    const auto* row = find_code(get<std::string>(entry, "Code"));
    return Finding{.severity = get<std::string>(entry, "Severity") == "error" ? Severity::error : Severity::warning,
                   .code = row != nullptr ? row->code : Code::failed,
                   .at = {.file = get<std::string>(entry, "File"),
                          .line = get<std::uint32_t>(entry, "Line"),
                          .column = get<std::uint32_t>(entry, "Column")},
                   .partition = get<std::string>(entry, "Partition"),
                   .message = get<std::string>(entry, "Message"),
                   .source_line = get<std::string>(entry, "SourceLine"),
                   .holder = get<std::string>(entry, "Holder"),
                   .suggestion = get<std::string>(entry, "Suggestion")};
}

} // namespace

Findings to_findings(const std::vector<Properties>& entries)
{
    Findings findings;
    for (const auto& entry : entries)
        findings.push_back(to_finding(entry));
    return findings;
}

PartitionInfo to_info(const Properties& properties)
{
    const auto text = [&properties](const char* name) { return get<std::string>(properties, name); };
    const auto number = [&properties](const char* name) { return get<std::uint64_t>(properties, name); };
    const auto flag = [&properties](const char* name) { return get<bool>(properties, name); };
    PartitionInfo info{.name = text("Name"),
                       .description = text("Description"),
                       .manifest_path = text("ManifestPath"),
                       .autostart = flag("Autostart"),
                       .state = text("State"),
                       .sub_state = text("SubState"),
                       .result = text("Result"),
                       .message = text("Message"),
                       .error_code = text("ErrorCode"),
                       .suggestion = text("Suggestion"),
                       .state_change_usec = number("StateChangeTimestamp"),
                       .unit = text("Unit"),
                       .cpus = text("CPUs"),
                       .memory = {},
                       .devices = get<std::vector<std::string>>(properties, "Devices"),
                       .dma = text("DMA"),
                       .kernel_image = text("KernelImage"),
                       .kernel_release = text("KernelRelease"),
                       .cmdline = text("CommandLine"),
                       .heartbeat = number("Heartbeat"),
                       .heartbeat_usec = number("HeartbeatTimestamp"),
                       .need_restart = flag("NeedRestart"),
                       .need_reload = flag("NeedReload"),
                       .counters = {.starts = number("Starts"),
                                    .failed_starts = number("FailedStarts"),
                                    .crashes = number("Crashes"),
                                    .stops = number("Stops"),
                                    .start_usec = number("StartUSec"),
                                    .stop_usec = number("StopUSec")},
                       .findings = to_findings(get<std::vector<Properties>>(properties, "Findings"))};
    for (const auto& range : get<std::vector<sdbus::Struct<std::uint64_t, std::uint64_t>>>(properties, "MemoryRanges"))
        info.memory.emplace_back(range.get<0>(), range.get<1>());
    return info;
}

VitalsInfo to_vitals(const Properties& entries)
{
    const auto number = [&entries](const char* name) {
        return entries.contains(name) ? std::optional{get<std::uint64_t>(entries, name)} : std::nullopt;
    };
    VitalsInfo vitals{.taken_usec = get<std::uint64_t>(entries, "Timestamp"), .uptime_usec = number("UptimeUSec")};
    if (const auto load = get<std::vector<double>>(entries, "LoadAverage"); load.size() == 3)
        vitals.kernel.load_average = {load[0], load[1], load[2]};
    vitals.kernel.memory_total = number("MemoryTotal");
    vitals.kernel.memory_free = number("MemoryFree");
    using Number = std::uint64_t;
    using Times = sdbus::Struct<std::uint32_t, Number, Number, Number, Number, Number, Number>;
    for (const auto& cpu : get<std::vector<Times>>(entries, "CPUTimes"))
        vitals.kernel.cpus.push_back(
            {cpu.get<0>(), cpu.get<1>(), cpu.get<2>(), cpu.get<3>(), cpu.get<5>(), cpu.get<4>(), cpu.get<6>()});
    return vitals;
}

} // namespace parker
