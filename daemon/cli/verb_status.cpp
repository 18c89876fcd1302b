// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>

#include "base/bytes.h"
#include "cli/bad_manifests.h"
#include "cli/client.h"
#include "cli/colour.h"
#include "cli/verb.h"

namespace parker::cli {
namespace {

void print_status(const PartitionInfo& info)
{
    const auto line = [](const char* label, const std::string& value) {
        if (!value.empty())
            fmt::print("{:>12}: {}\n", label, value);
    };
    fmt::print("{}{}{}\n", info.name, info.description.empty() ? "" : " - ", info.description);
    line("Manifest", info.manifest_path.empty() ? "none (no manifest speaks of what it holds)" : info.manifest_path);
    auto state = fmt::format(
        "{} since {}", coloured(fmt::format("{} ({})", info.state, info.sub_state), state_colour(info.state), stdout),
        local_time(info.state_change_usec));
    if (info.result != "success")
        state += ", last run: " + info.result;
    line("State", state);
    line("Why", info.message);
    line("Try", info.suggestion);
    line("Unit", info.unit);
    line("CPUs", info.cpus);
    if (!info.memory.empty()) {
        auto memory = format_bytes(info.memory_bytes());
        for (const auto& [start, end] : info.memory)
            memory += fmt::format(" [{:#x}-{:#x}]", start, end - 1);
        line("Memory", memory);
    }
    if (!info.devices.empty())
        line("Devices", fmt::format("{} (DMA {})", fmt::join(info.devices, " "), info.dma));
    line("Kernel", info.kernel_release.empty() ? info.kernel_image
                                               : fmt::format("{} ({})", info.kernel_release, info.kernel_image));
    line("Words", info.cmdline);
    if (info.heartbeat != 0)
        line("Heartbeat", fmt::format("{}, last at {}", info.heartbeat, local_time(info.heartbeat_usec)));
    if (info.need_restart)
        line("Note", "the manifest has changed: restart to use it");
    if (info.need_reload)
        line("Note", "the manifest has become invalid or is not found: the last good definition is used");
    for (const auto& finding : info.findings)
        fmt::print("{}\n", finding_text(finding, stdout));
}

// Of a manifest that makes no partition.
void print_bad(const PartitionInfo& info)
{
    fmt::print("{}\n{:>12}: {}\n{:>12}: {}\n", info.name, "Manifest", info.manifest_path, "State", info.state);
    for (const auto& finding : info.findings)
        fmt::print("{}\n", finding_text(finding, stdout));
}

} // namespace

Run declare_status(CLI::App& command, const Common& common)
{
    command.footer("The text may change from version to version. Programs use `show`, or `--json`. Findings "
                   "stand below the partition that they are about. Without NAME, manifests that make no partition come "
                   "last, with what is wrong with them.");
    const auto names = std::make_shared<std::vector<std::string>>();
    command.add_option("NAME", *names, "Partitions; all, if none is named");
    return [names, &common] {
        Client client{common.bus()};
        std::vector<PartitionInfo> partitions;
        std::vector<PartitionInfo> bad;
        if (names->empty()) {
            partitions = client.partitions();
            bad = bad_manifests(client.manifests(), partitions);
        }
        for (const auto& name : *names)
            partitions.push_back(client.partition(name));

        if (common.json != JsonMode::off) {
            auto json = nlohmann::ordered_json::array();
            for (const auto& partition : partitions)
                json.push_back(to_json(partition));
            for (const auto& manifest : bad)
                json.push_back(to_json(manifest));
            print_json(json, common.json);
            return 0;
        }
        for (std::size_t i = 0; i < partitions.size(); ++i) {
            if (i > 0)
                fmt::print("\n");
            print_status(partitions[i]);
        }
        for (std::size_t i = 0; i < bad.size(); ++i) {
            if (i > 0 || !partitions.empty())
                fmt::print("\n");
            print_bad(bad[i]);
        }
        return 0;
    };
}

} // namespace parker::cli
