// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/top_look.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace parker::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* unknown = "-";

std::uint64_t busy_nsec(const introspect::Vitals::Cpu& cpu)
{
    return cpu.user + cpu.nice + cpu.system + cpu.softirq + cpu.irq + cpu.steal;
}

// Between two looks at one kernel. Nothing: there is no first, or it is another kernel's, whose times began anew.
std::optional<double> busy_percent(const VitalsInfo& now, const introspect::Vitals::Cpu& cpu, const VitalsInfo& before)
{
    const auto first = std::ranges::find(before.kernel.cpus, cpu.number, &introspect::Vitals::Cpu::number);
    if (first == before.kernel.cpus.end() || now.taken_usec <= before.taken_usec ||
        busy_nsec(cpu) < busy_nsec(*first) || now.uptime_usec < before.uptime_usec)
        return std::nullopt;
    const auto busy = static_cast<double>(busy_nsec(cpu) - busy_nsec(*first));
    const auto passed = static_cast<double>(now.taken_usec - before.taken_usec) * 1000;
    return std::min(100.0, 100.0 * busy / passed); // times grow by whole ticks
}

// "0.4s", "42s", "5min 3s", "3h 20min", "12d 4h"
std::string span(const std::optional<std::uint64_t>& usec)
{
    if (!usec)
        return unknown;
    const auto seconds = *usec / 1'000'000;
    if (seconds < 10)
        return fmt::format("{}.{}s", seconds, *usec / 100'000 % 10);
    if (seconds < 60)
        return fmt::format("{}s", seconds);
    if (seconds < 3600)
        return fmt::format("{}min {}s", seconds / 60, seconds % 60);
    if (seconds < 86400)
        return fmt::format("{}h {}min", seconds / 3600, seconds / 60 % 60);
    return fmt::format("{}d {}h", seconds / 86400, seconds / 3600 % 24);
}

std::string load_text(const introspect::Vitals& kernel)
{
    return kernel.load_average ? fmt::format("{:.2f}", fmt::join(*kernel.load_average, " ")) : unknown;
}

std::string memory_text(const introspect::Vitals& kernel)
{
    constexpr auto whole = [](std::uint64_t bytes) { return format_bytes(bytes < MiB ? bytes : bytes / MiB * MiB); };
    return kernel.memory_free ? whole(*kernel.memory_free) + " of " + whole(*kernel.memory_total) : unknown;
}

std::string percent_text(const std::optional<double>& percent)
{
    return percent ? fmt::format("{:.1f}", *percent) : unknown;
}

template <typename Value>
Json or_null(const std::optional<Value>& value)
{
    return value ? Json(*value) : Json(nullptr);
}

Json to_json(const TopLook::Cpu& cpu)
{
    return Json{{"cpu", cpu.times.number},           {"busy_percent", or_null(cpu.busy_percent)},
                {"user_nsec", cpu.times.user},       {"nice_nsec", cpu.times.nice},
                {"system_nsec", cpu.times.system},   {"irq_nsec", cpu.times.irq},
                {"softirq_nsec", cpu.times.softirq}, {"steal_nsec", cpu.times.steal}};
}

Json to_json(const TopLook::Partition& partition, std::uint64_t now_usec)
{
    const auto& kernel = partition.vitals.kernel;
    auto cpus = Json::array();
    for (const auto& cpu : partition.cpus)
        cpus.push_back(to_json(cpu));
    return Json{{"name", partition.info.name},
                {"state", partition.info.state},
                {"sub_state", partition.info.sub_state},
                {"uptime_usec", or_null(partition.vitals.uptime_usec)},
                {"heartbeat_age_usec", or_null(partition.info.heartbeat_age_usec(now_usec))},
                {"load_average", or_null(kernel.load_average)},
                {"memory_total_bytes", or_null(kernel.memory_total)},
                {"memory_free_bytes", or_null(kernel.memory_free)},
                {"busy_percent", or_null(partition.busy_percent)},
                {"cpus", cpus.empty() ? Json(nullptr) : std::move(cpus)}};
}

} // namespace

TopLook::Partition top_partition(PartitionInfo info, VitalsInfo vitals, const TopLook::Partition* before)
{
    TopLook::Partition partition{.info = std::move(info), .vitals = std::move(vitals)};
    bool all = !partition.vitals.kernel.cpus.empty();
    double sum = 0;
    for (const auto& times : partition.vitals.kernel.cpus) {
        const auto busy = before != nullptr ? busy_percent(partition.vitals, times, before->vitals) : std::nullopt;
        partition.cpus.push_back({busy, times});
        all = all && busy;
        sum += busy.value_or(0);
    }
    if (all)
        partition.busy_percent = sum;
    return partition;
}

std::vector<std::vector<std::string>> top_rows(const TopLook& look, bool with_cpus)
{
    std::vector<std::vector<std::string>> rows{
        {"NAME", "STATE", "SUB", "UPTIME", "HEARTBEAT", "LOAD", "MEMORY FREE", "CPU%"}};
    for (const auto& partition : look.partitions) {
        const auto& info = partition.info;
        rows.push_back({info.name, info.state, info.sub_state, span(partition.vitals.uptime_usec),
                        span(info.heartbeat_age_usec(look.realtime_usec)), load_text(partition.vitals.kernel),
                        memory_text(partition.vitals.kernel), percent_text(partition.busy_percent)});
        if (with_cpus)
            for (const auto& cpu : partition.cpus)
                rows.push_back({fmt::format("  CPU {}", cpu.times.number), "", "", "", "", "", "",
                                percent_text(cpu.busy_percent)});
    }
    return rows;
}

Json to_json(const TopLook& look)
{
    auto partitions = Json::array();
    for (const auto& partition : look.partitions)
        partitions.push_back(to_json(partition, look.realtime_usec));
    return Json{{"realtime_usec", look.realtime_usec}, {"partitions", std::move(partitions)}};
}

} // namespace parker::cli
