// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/missing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "manifest/suggest.h"

namespace parker {
namespace {

using State = ReadFile::State;

// "db" of /etc/parker.d/db.yaml, and of db.yml or db.yaml.disabled.
std::string stem_of(const std::string& path)
{
    const auto name = std::filesystem::path{path}.filename().string();
    return name.ends_with(".yaml") ? name.substr(0, name.size() - 5) : name.substr(0, name.find('.'));
}

Error broken(const std::string& name, const Finding& finding)
{
    return {Code::invalid_manifest, "partition " + name, finding.at.file + ": " + finding.message,
            "parkerctl validate " + finding.at.file};
}

Error none(const std::string& name, const std::string& why, const std::string& suggestion)
{
    return {Code::no_such_partition, "partition " + name, "there is none of this name" + why, suggestion};
}

// In the words of the file that is called after it.
Error none_in(const ReadFile& file, const std::string& name)
{
    switch (file.state) {
    case State::ignored:
        return none(name, fmt::format("; {} is not read, as its name does not end in `.yaml`", file.path),
                    fmt::format("mv {} {}", file.path,
                                (std::filesystem::path{file.path}.parent_path() / (name + ".yaml")).string()));
    case State::disabled:
        return none(name, fmt::format("; {} is a link to /dev/null, which disables it", file.path),
                    "remove the link, and put a manifest there");
    case State::empty:
        return none(name, fmt::format("; there is no manifest in {}", file.path), "parkerctl validate " + file.path);
    case State::unread:
        return none(name, fmt::format("; {} was not read, as there are too many manifests", file.path),
                    "parkerctl validate");
    default:
        return none(name, fmt::format("; {} defines `{}`", file.path, fmt::join(file.partitions, "`, `")),
                    "use that name, or change it there");
    }
}

} // namespace

std::vector<std::string> names_of(const Manifests& manifests)
{
    std::vector<std::string> names;
    for (const auto& manifest : manifests.manifests)
        names.push_back(manifest.name.value);
    return names;
}

Error why_none(const std::string& name, const std::vector<std::string>& names, const Findings& findings,
               const Reading& reading)
{
    const auto first_error = [&findings](auto is_it) {
        const auto found = std::ranges::find_if(findings, [&is_it](const Finding& finding) {
            return finding.severity == Severity::error && is_it(finding);
        });
        return found == findings.end() ? nullptr : &*found;
    };
    if (const auto* own = first_error([&name](const Finding& finding) { return finding.partition == name; }))
        return broken(name, *own);
    // Nobody knows whose document it was: this one's if the file is called so.
    if (const auto* own = first_error(
            [&name](const Finding& finding) { return finding.partition.empty() && stem_of(finding.at.file) == name; }))
        return broken(name, *own);
    for (const bool ignored : {false, true}) // what is read counts more
        for (const auto& file : reading.files)
            if ((file.state == State::ignored) == ignored && stem_of(file.path) == name)
                return none_in(file, name);
    if (const auto meant = nearest(name, names); !meant.empty())
        return none(name, {}, fmt::format("did you mean `{}`?", meant));
    if (const auto* anybodys = first_error([](const Finding& finding) { return finding.partition.empty(); }))
        return none(name, fmt::format(", but {} has an error, and may define it", anybodys->at.file),
                    "parkerctl validate " + anybodys->at.file);
    return none(name, {}, "see `parkerctl list`");
}

} // namespace parker
