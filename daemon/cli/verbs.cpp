// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include "cli/verb.h"
#include "manifest/load.h"

namespace parker::cli {

std::span<const Verb> verbs()
{
    static constexpr auto table = std::to_array<Verb>({
        {"list", "All partitions, a line each (default)", declare_list},
        {"status", "How partitions fare, for people", declare_status},
        {"show", "All properties of partitions, for programs", declare_show},
        {"host", "What this machine has, and whether partitions can have it", declare_host},
        {"cat", "The manifests that count, with their paths", declare_cat},
        {"validate", "Check manifests, without parkerd", declare_validate},
        {"plan", "What the manifests would come to, touching nothing", declare_plan},
        {"apply", "Have parkerd read all manifests again", declare_apply},
        {"start", "Start partitions: systemctl start parker@NAME", declare_start},
        {"stop", "Stop partitions by their power button", declare_stop},
        {"restart", "Stop and start partitions", declare_restart},
        {"kill", "Stop partitions at once, whatever they do", declare_kill},
        {"log", "What a partition's kernel says", declare_log},
        {"dump", "A partition's memory, for crash(8) and drgn", declare_dump},
        {"top", "How partitions fare at the moment: uptime, load, memory, CPUs", declare_top},
        {"events", "Follow what happens", declare_events},
        {"metrics", "States and counters for Prometheus", declare_metrics},
        {"explain", "What an error code means", declare_explain},
        {"run", "Start a partition and stay with it: parker@NAME.service does", declare_run},
    });
    return table;
}

std::vector<std::filesystem::path> Common::manifest_directories() const
{
    return config.empty() ? parker::manifest_directories(sysroot) : config;
}

} // namespace parker::cli
