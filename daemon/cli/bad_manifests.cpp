// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/bad_manifests.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace parker::cli {
namespace {

std::string file_name(const ManifestInfo& manifest)
{
    return std::filesystem::path{manifest.path}.filename().string();
}

// Those that the file is to define and that are not there; what it is called, if not even a name can be read.
std::vector<std::string> missing_names(const ManifestInfo& manifest, const std::vector<PartitionInfo>& partitions)
{
    if (manifest.state == "ignored") // whatever it is, it is no partition's
        return {file_name(manifest)};
    std::vector<std::string> names;
    for (const auto& name : manifest.partitions)
        if (std::ranges::find(partitions, name, &PartitionInfo::name) == partitions.end())
            names.push_back(name);
    const auto is_nameless = [](const Finding& finding) {
        return finding.severity == Severity::error && finding.partition.empty();
    };
    const bool nameless = manifest.state != "invalid" || std::ranges::any_of(manifest.findings, is_nameless);
    const bool kept = std::ranges::any_of(partitions, [&manifest](const PartitionInfo& info) {
        return info.manifest_path == manifest.path && info.need_reload;
    });
    if (names.empty() && nameless && !kept)
        names.push_back(std::filesystem::path{manifest.path}.stem().string());
    return names;
}

} // namespace

std::vector<PartitionInfo> bad_manifests(const std::vector<ManifestInfo>& manifests,
                                         const std::vector<PartitionInfo>& partitions)
{
    std::vector<PartitionInfo> bad;
    for (const auto& manifest : manifests) {
        if (manifest.state == "valid" || manifest.state == "disabled")
            continue;
        for (const auto& name : missing_names(manifest, partitions)) {
            PartitionInfo info;
            info.name = name;
            info.manifest_path = manifest.path;
            info.state = manifest.state;
            info.need_reload = false;
            std::ranges::copy_if(manifest.findings, std::back_inserter(info.findings), [&name](const Finding& finding) {
                return finding.partition.empty() || finding.partition == name;
            });
            if (!info.findings.empty()) {
                const auto& first = info.findings.front();
                const auto file = file_name(manifest);
                info.message = first.at.line == 0 ? fmt::format("{} {}", file, first.message)
                                                  : fmt::format("{}:{}: {}", file, first.at.line, first.message);
                info.error_code = parker::info(first.code).name;
                info.suggestion = first.suggestion;
            }
            bad.push_back(std::move(info));
        }
    }
    std::ranges::stable_sort(bad, {}, &PartitionInfo::name);
    return bad;
}

} // namespace parker::cli
