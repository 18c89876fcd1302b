// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>

#include "bus/json.h"
#include "cli/verb.h"
#include "manifest/load.h"

namespace parker::cli {

Run declare_validate(CLI::App& command, const Common& common)
{
    command.footer("Each mistake with its file, line and column, what it collides with, and a suggestion. All mistakes "
                   "of all files at once. Needs neither root nor parkerd. The exit code is the first error's.");
    const auto files = std::make_shared<std::vector<std::filesystem::path>>();
    command.add_option("FILE", *files, "Manifests; all that parkerd reads, if none is named");
    return [files, &common] {
        const auto manifests = files->empty() ? load_directories(common.manifest_directories()) : load_files(*files);
        if (common.json != JsonMode::off) {
            print_json(parker::to_json(manifests.findings), common.json);
        } else {
            print_findings(manifests.findings);
            for (const auto& manifest : manifests.manifests)
                fmt::print("{}: {}: valid\n", manifest.name.at.file, manifest.name.value);
        }
        return exit_code(manifests.findings);
    };
}

} // namespace parker::cli
