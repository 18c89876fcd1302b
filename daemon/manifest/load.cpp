// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <system_error>

#include "base/fd.h"
#include "manifest/merge.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

namespace fs = std::filesystem;

Finding about_file(const fs::path& file, Severity severity, Code code, std::string message, std::string suggestion = {})
{
    Finding finding;
    finding.severity = severity;
    finding.code = code;
    finding.at.file = printable(file.string());
    finding.message = std::move(message);
    finding.suggestion = std::move(suggestion);
    return finding;
}

Error unreadable(const fs::path& file, std::string_view doing)
{
    return {Code::unreadable, file.string(), fmt::format("{}: {}", doing, errno_text(errno))};
}

// All of the file, or a little more than the limit. Throws Error. Never waits: a FIFO or a device is no manifest.
std::string read_file(const fs::path& file, struct stat& status)
{
    const Fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!fd)
        throw unreadable(file, "cannot open");
    if (::fstat(fd.get(), &status) != 0)
        throw unreadable(file, "cannot stat");
    if (!S_ISREG(status.st_mode))
        throw Error{Code::unreadable, file.string(), S_ISDIR(status.st_mode) ? "is a directory" : "is no regular file"};

    std::string text;
    while (text.size() <= max_manifest_bytes) {
        constexpr std::size_t step = 64 * 1024;
        const auto old = text.size();
        text.resize(old + step);
        const auto got = ::read(fd.get(), text.data() + old, step);
        text.resize(old + static_cast<std::size_t>(got > 0 ? got : 0));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw unreadable(file, "cannot read");
        if (got == 0)
            break;
    }
    return text;
}

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
        const auto text = read_file(file, status);
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
        if (full_)
            return;
        auto more = load_file(file, if_loose);
        for (auto& finding : more.findings)
            sum_.findings.push_back(std::move(finding));
        for (auto& manifest : more.manifests) {
            if (sum_.manifests.size() == max_manifests) {
                full_ = true;
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

bool is_null_device(const fs::path& file)
{
    std::error_code error;
    if (fs::read_symlink(file, error) == "/dev/null")
        return true;
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3);
}

// Editors leave .#x.yaml, .x.yaml.swp and x.yaml~ behind.
bool is_manifest_name(const std::string& name)
{
    return name.ends_with(".yaml") && !name.starts_with('.') && name.size() > std::string_view{".yaml"}.size();
}

} // namespace

Manifests load_files(const std::vector<fs::path>& files)
{
    Sum sum;
    for (const auto& file : files)
        sum.add(file, Severity::warning);
    return sum.take();
}

Manifests load_directories(const std::vector<fs::path>& directories)
{
    Sum sum;
    std::map<std::string, fs::path> files; // name -> the one that counts
    for (const auto& directory : directories) {
        std::error_code error;
        fs::directory_iterator entries{directory, error};
        for (; !error && entries != fs::directory_iterator{}; entries.increment(error))
            if (auto name = entries->path().filename().string(); is_manifest_name(name))
                files.emplace(std::move(name), entries->path());
        if (error && error != std::errc::no_such_file_or_directory)
            sum.add(about_file(directory, Severity::error, Code::unreadable, "cannot list: " + error.message()));
    }
    for (const auto& [name, file] : files)
        if (!is_null_device(file))
            sum.add(file, Severity::error);
    return sum.take();
}

std::vector<fs::path> manifest_directories(const fs::path& root)
{
    return {root / "etc/parker.d", root / "run/parker.d", root / "usr/lib/parker.d"};
}

} // namespace parker
