// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/load.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "manifest/files.h"
#include "manifest/merge.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

namespace fs = std::filesystem;

// Whoever can write a manifest owns the machine: a file that others may change is not to be trusted.
std::string looseness(const struct stat& status)
{
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
        return fmt::format("the file belongs to user {}, not to root", status.st_uid);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fmt::format("others than its owner may write the file (mode {:04o})", status.st_mode & 07777U);
    return {};
}

Manifests load_file(const fs::path& file, Severity if_loose)
{
    try {
        struct stat status {};
        const auto text = read_manifest(file, status);
        Findings loose;
        if (const auto why = looseness(status); !why.empty()) {
            loose.push_back(about_file(file, if_loose, Code::loose_mode, why, "chown root FILE; chmod go-w FILE"));
            if (if_loose == Severity::error)
                return {{}, std::move(loose)};
        }
        auto result = parse_manifests(text, printable(file.string()));
        result.findings.insert(result.findings.begin(), loose.begin(), loose.end());
        return result;
    } catch (const Error& error) {
        return {{}, {about_file(file, Severity::error, error.code(), error.reason(), error.suggestion())}};
    }
}

// Adds up what the files give, to the limit.
class Sum {
public:
    void add(const fs::path& file, Severity if_loose)
    {
        ReadFile read;
        add(file, if_loose, read);
    }
    void add(const fs::path& file, Severity if_loose, ReadFile& read)
    {
        read.state = ReadFile::State::unread;
        if (full_)
            return;
        auto more = load_file(file, if_loose);
        read.state = more.manifests.empty() ? ReadFile::State::empty : ReadFile::State::valid;
        for (const auto& manifest : more.manifests)
            read.partitions.push_back(manifest.name.value);
        for (auto& finding : more.findings)
            sum_.findings.push_back(std::move(finding));
        for (auto& manifest : more.manifests) {
            if (sum_.manifests.size() == max_manifests) {
                full_ = true;
                read.state = ReadFile::State::unread;
                sum_.findings.push_back(
                    about_file(file, Severity::error, Code::too_large,
                               fmt::format("more than {} manifests, the rest is not read", max_manifests)));
                return;
            }
            sum_.manifests.push_back(std::move(manifest));
        }
    }
    void add(Finding finding) { sum_.findings.push_back(std::move(finding)); }
    Manifests take() { return unique_by_name(std::move(sum_)); }

private:
    Manifests sum_;
    bool full_ = false;
};

// Also of its errors that came up later, when it was seen beside others.
void judge(ReadFile& file, const Findings& findings)
{
    for (const auto& finding : findings) {
        if (finding.at.file != file.path || finding.severity != Severity::error)
            continue;
        file.state = ReadFile::State::invalid;
        if (!finding.partition.empty())
            file.partitions.push_back(finding.partition);
    }
    std::ranges::sort(file.partitions);
    file.partitions.erase(std::unique(file.partitions.begin(), file.partitions.end()), file.partitions.end());
}

} // namespace

Manifests load_files(const std::vector<fs::path>& files)
{
    Sum sum;
    for (const auto& file : files) {
        sum.add(file, Severity::warning);
        std::error_code error;
        if (!is_manifest_name(file.filename().string()) && fs::is_regular_file(file, error))
            sum.add(about_file(file, Severity::warning, Code::ignored_file, "parkerd would not read it under this name",
                               "end the name in `.yaml`"));
    }
    return sum.take();
}

Manifests load_directories(const std::vector<fs::path>& directories)
{
    Sum sum;
    auto [listing, findings] = manifest_files(directories);
    for (auto& finding : findings)
        sum.add(std::move(finding));
    std::vector<ReadFile> read;
    for (const auto& file : listing.files) {
        ReadFile one{printable(file.path.string()), ReadFile::State::disabled, {}};
        if (!file.disables)
            sum.add(file.path, Severity::error, one);
        read.push_back(std::move(one));
    }
    for (const auto& file : listing.ignored)
        read.push_back({printable(file.string()), ReadFile::State::ignored, {}});
    auto result = sum.take();
    for (auto& file : read)
        judge(file, result.findings);
    result.reading = {std::move(listing), std::move(read)};
    return result;
}

std::vector<fs::path> manifest_directories(const fs::path& root)
{
    return {root / "etc/parker.d", root / "run/parker.d", root / "usr/lib/parker.d"};
}

} // namespace parker
