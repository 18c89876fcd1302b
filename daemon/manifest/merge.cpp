// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/merge.h"

#include <fmt/format.h>

#include <algorithm>

namespace parker {

Manifests unique_by_name(Manifests manifests)
{
    const auto name = [](const Manifest& manifest) -> const std::string& { return manifest.name.value; };
    std::ranges::stable_sort(manifests.manifests, {}, name);

    std::vector<Manifest> unique;
    for (auto& manifest : manifests.manifests) {
        if (unique.empty() || unique.back().name.value != manifest.name.value) {
            unique.push_back(std::move(manifest));
            continue;
        }
        const auto& first = unique.back().name;
        manifests.findings.push_back({.severity = Severity::error,
                                      .code = Code::duplicate_name,
                                      .at = manifest.name.at,
                                      .partition = first.value,
                                      .message = fmt::format("partition `{}` is defined twice", first.value),
                                      .source_line = {},
                                      .holder = fmt::format("{}:{}", first.at.file, first.at.line),
                                      .suggestion = "give one of them another name"});
    }
    manifests.manifests = std::move(unique);
    return manifests;
}

} // namespace parker
