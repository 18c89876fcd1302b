// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/cpu_set.h"
#include "partition/status.h"

namespace parker::cli {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// A kernel's release, for one, is whatever its image says.
std::string escaped(std::string_view value)
{
    std::string text;
    for (const char letter : value) {
        if (letter == '\n') {
            text += "\\n";
            continue;
        }
        if (letter == '\\' || letter == '"')
            text += '\\';
        text += letter;
    }
    return text;
}

class Exposition {
public:
    void family(std::string_view name, std::string_view type, std::string_view help)
    {
        name_ = name;
        text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    void sample(const Labels& labels, const std::string& value, std::string_view suffix = "")
    {
        text_ += name_;
        text_ += suffix;
        for (std::size_t i = 0; i < labels.size(); ++i)
            text_ += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].first, escaped(labels[i].second));
        text_ += labels.empty() ? " " : "} ";
        text_ += value + '\n';
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
    std::string name_;
};

std::string seconds(std::uint64_t usec)
{
    return fmt::format("{}.{:06}", usec / 1'000'000, usec % 1'000'000);
}

std::string flag(bool value)
{
    return value ? "1" : "0";
}

// One value of each partition; empty: this one has none.
struct Row {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::string (*value)(const PartitionInfo& info, std::uint64_t now_usec);
};

constexpr auto rows = std::to_array<Row>({
    {"parker_partition_state_change_timestamp_seconds", "gauge", "When the state or substate last changed.",
     [](const PartitionInfo& info, std::uint64_t) {
         return info.state_change_usec == 0 ? "" : seconds(info.state_change_usec);
     }},
    {"parker_partition_heartbeats_total", "counter", "Heartbeats since the application kernel started.",
     [](const PartitionInfo& info, std::uint64_t) { return std::to_string(info.heartbeat); }},
    {"parker_partition_heartbeat_timestamp_seconds", "gauge",
     "When the heartbeat of the last run was last seen to move.",
     [](const PartitionInfo& info, std::uint64_t) {
         return info.heartbeat_usec == 0 ? "" : seconds(info.heartbeat_usec);
     }},
    {"parker_partition_heartbeat_age_seconds", "gauge",
     "How long ago the heartbeat was seen to move, while the application kernel runs.",
     [](const PartitionInfo& info, std::uint64_t now_usec) {
         const auto age = info.heartbeat_age_usec(now_usec);
         return age ? seconds(*age) : "";
     }},
    {"parker_partition_cpus", "gauge", "CPUs that the partition holds.",
     [](const PartitionInfo& info, std::uint64_t) {
         return std::to_string(CpuSet::parse(info.cpus).value_or(CpuSet{}).size());
     }},
    {"parker_partition_memory_bytes", "gauge", "Memory that the partition holds.",
     [](const PartitionInfo& info, std::uint64_t) { return std::to_string(info.memory_bytes()); }},
    {"parker_partition_devices", "gauge", "PCI functions that the partition holds.",
     [](const PartitionInfo& info, std::uint64_t) { return std::to_string(info.devices.size()); }},
    {"parker_partition_starts_total", "counter", "Starts that came to a first heartbeat.",
     [](const PartitionInfo& info, std::uint64_t) { return std::to_string(info.counters.starts); }},
    {"parker_partition_failed_starts_total", "counter",
     "Starts that came to no heartbeat, other than those that were stopped or killed.",
     [](const PartitionInfo& info, std::uint64_t) { return std::to_string(info.counters.failed_starts); }},
    {"parker_partition_crashes_total", "counter", "Runs that ended by a panic, a lost heartbeat, or nobody knows why.",
     [](const PartitionInfo& info, std::uint64_t) { return std::to_string(info.counters.crashes); }},
    {"parker_partition_need_restart", "gauge", "1: it runs with another definition than its manifest's.",
     [](const PartitionInfo& info, std::uint64_t) { return flag(info.need_restart); }},
    {"parker_partition_need_reload", "gauge", "1: its manifest has become invalid, and the last good one is used.",
     [](const PartitionInfo& info, std::uint64_t) { return flag(info.need_reload); }},
});

// As a sample for each name that there is, of which one is 1.
template <typename Enum>
void add_states(Exposition& out, const std::vector<PartitionInfo>& partitions, std::string PartitionInfo::*member,
                std::string_view label, Enum last)
{
    for (const auto& info : partitions)
        for (int i = 0; i <= static_cast<int>(last); ++i) {
            const std::string name{to_string(static_cast<Enum>(i))};
            out.sample({{"partition", info.name}, {label, name}}, flag(info.*member == name));
        }
}

void add_findings(Exposition& out, const std::vector<PartitionInfo>& partitions)
{
    out.family("parker_partition_findings", "gauge", "What is wrong or doubtful about the partition, by severity.");
    for (const auto& info : partitions)
        for (const auto& [severity, name] : {std::pair{Severity::error, "error"}, {Severity::warning, "warning"}})
            out.sample({{"partition", info.name}, {"severity", name}},
                       std::to_string(std::ranges::count(info.findings, severity, &Finding::severity)));
}

void add_duration(Exposition& out, const std::vector<PartitionInfo>& partitions, std::string_view name,
                  std::string_view help, std::uint64_t Counters::*usec, std::uint64_t Counters::*count)
{
    out.family(name, "summary", help);
    for (const auto& info : partitions) {
        out.sample({{"partition", info.name}}, seconds(info.counters.*usec), "_sum");
        out.sample({{"partition", info.name}}, std::to_string(info.counters.*count), "_count");
    }
}

} // namespace

std::string metrics_text(const std::optional<DaemonInfo>& daemon, const std::vector<PartitionInfo>& partitions,
                         std::uint64_t now_usec)
{
    Exposition out;
    out.family("parker_up", "gauge", "1: parkerd runs. 0: it does not, and nothing else is known.");
    out.sample({}, flag(daemon.has_value()));
    if (!daemon)
        return out.take();
    out.family("parker_build_info", "gauge", "The version of parkerd.");
    out.sample({{"version", daemon->version}}, "1");
    out.family("parker_start_timestamp_seconds", "gauge", "When parkerd started: partitions' counters begin then.");
    out.sample({}, seconds(daemon->start_usec));

    out.family("parker_partition_info", "gauge", "What there is to say of a partition in words.");
    for (const auto& info : partitions)
        out.sample({{"partition", info.name},
                    {"unit", info.unit},
                    {"kernel_release", info.kernel_release},
                    {"last_result", info.result}},
                   "1");
    out.family("parker_partition_state", "gauge", "1 for the state that the partition is in.");
    add_states(out, partitions, &PartitionInfo::state, "state", State::failed);
    out.family("parker_partition_substate", "gauge", "1 for the substate that the partition is in.");
    add_states(out, partitions, &PartitionInfo::sub_state, "substate", SubState::partially_returned);
    for (const auto& row : rows) {
        out.family(row.name, row.type, row.help);
        for (const auto& info : partitions)
            if (const auto value = row.value(info, now_usec); !value.empty())
                out.sample({{"partition", info.name}}, value);
    }
    add_duration(out, partitions, "parker_partition_start_duration_seconds",
                 "From taking the first resource to the first heartbeat.", &Counters::start_usec, &Counters::starts);
    add_duration(out, partitions, "parker_partition_stop_duration_seconds",
                 "From the power button until everything was given back.", &Counters::stop_usec, &Counters::stops);
    add_findings(out, partitions);
    return out.take();
}

} // namespace parker::cli
