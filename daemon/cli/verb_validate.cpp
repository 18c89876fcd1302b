// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>

#include "bus/json.h"
#include "cli/verb.h"
#include "firmware/word_rules.h"
#include "manifest/load.h"
#include "plan/complaints.h"

namespace parker::cli {

namespace {

// What a start would refuse although the manifest itself is in order.
bool has_fit_words(const Manifest& manifest, Findings& findings)
{
    try {
        firmware::check_words(manifest.kernel.cmdline.value);
        return true;
    } catch (const Error& error) {
        Complaints{manifest, findings}.error(error.code(), manifest.kernel.cmdline.at, error.what(),
                                             error.suggestion());
        return false;
    }
}

} // namespace

Run declare_validate(CLI::App& command, const Common& common)
{
    command.footer("Each mistake with its file, line and column, what it collides with, and a suggestion. All mistakes "
                   "of all files at once. Needs neither root nor parkerd. The exit code is the first error's.");
    const auto files = std::make_shared<std::vector<std::filesystem::path>>();
    command.add_option("FILE", *files, "Manifests; all that parkerd reads, if none is named");
    return [files, &common] {
        auto manifests = files->empty() ? load_directories(common.manifest_directories()) : load_files(*files);
        std::erase_if(manifests.manifests,
                      [&manifests](const Manifest& manifest) { return !has_fit_words(manifest, manifests.findings); });
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
