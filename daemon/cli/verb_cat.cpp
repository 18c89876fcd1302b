// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bus/json.h"
#include "cli/verb.h"
#include "manifest/files.h"
#include "manifest/load.h"
#include "manifest/missing.h"

namespace parker::cli {
namespace {

struct Text {
    ManifestFile file;
    std::string text;
};

std::string read_whole(const ManifestFile& file)
{
    if (file.disables)
        return {};
    struct stat status {};
    auto text = read_manifest(file.path, status);
    if (text.size() > max_manifest_bytes)
        throw Error{Code::too_large, file.path.string(),
                    fmt::format("the file has more than {} bytes", max_manifest_bytes)};
    return text;
}

// What cannot be read is a finding.
std::vector<Text> read_all(const Common& common, Findings& findings)
{
    auto [listing, unread] = manifest_files(common.manifest_directories());
    findings = std::move(unread);
    std::vector<Text> texts;
    for (const auto& file : listing.files) {
        try {
            texts.push_back({file, read_whole(file)});
        } catch (const Error& error) {
            findings.push_back(about_file(file.path, Severity::error, error.code(), error.reason()));
        }
    }
    return texts;
}

// Also a file that is called after the partition, as mistakes may hide what it says.
bool is_about(const Text& each, const std::string& name)
{
    return each.file.path.stem() == name ||
           std::ranges::any_of(parse_manifests(each.text, each.file.path).manifests,
                               [&name](const Manifest& manifest) { return manifest.name.value == name; });
}

Error no_such(const Common& common, const std::string& name)
{
    const auto manifests = load_directories(common.manifest_directories());
    return why_none(name, names_of(manifests), manifests.findings, manifests.reading);
}

void print(const Text& each)
{
    fmt::print("# {}{}\n{}{}", each.file.path.string(), each.file.disables ? " -> /dev/null" : "", each.text,
               each.text.empty() || each.text.ends_with('\n') ? "" : "\n");
}

} // namespace

Run declare_cat(CLI::App& command, const Common& common)
{
    command.footer(
        "The files that count, each behind a comment with its path: not those that one of the same name in an "
        "earlier directory masks. A link to /dev/null shows as such. Of a partition, the file that defines "
        "it. What is shown is what lies in the directories now; `status` says if parkerd could not use it.");
    const auto names = std::make_shared<std::vector<std::string>>();
    command.add_option("NAME", *names, "Partitions; all files, if none is named");
    return [names, &common] {
        Findings findings;
        auto texts = read_all(common, findings);
        for (const auto& name : *names)
            if (std::ranges::none_of(texts, [&name](const Text& each) { return is_about(each, name); }))
                throw no_such(common, name);
        if (!names->empty())
            std::erase_if(texts, [&names](const Text& each) {
                return std::ranges::none_of(*names, [&each](const auto& name) { return is_about(each, name); });
            });
        if (common.json != JsonMode::off) {
            auto json = nlohmann::ordered_json::array();
            for (const auto& [file, text] : texts)
                json.push_back({{"path", file.path.string()}, {"disables", file.disables}, {"text", text}});
            print_json(json, common.json);
        } else {
            for (const auto& each : texts) {
                if (&each != &texts.front())
                    fmt::print("\n");
                print(each);
            }
        }
        print_findings(findings);
        return exit_code(findings);
    };
}

} // namespace parker::cli
