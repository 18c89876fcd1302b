// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/fd.h"
#include "manifest/load.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_ignored = 32; // of one directory
constexpr unsigned max_links = 40;      // as the kernel follows

Error unreadable(const fs::path& file, std::string_view doing)
{
    return {Code::unreadable, file.string(), fmt::format("{}: {}", doing, errno_text(errno))};
}

bool is_null_device(const fs::path& file)
{
    std::error_code error;
    if (fs::read_symlink(file, error) == "/dev/null")
        return true;
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3);
}

std::int64_t nanoseconds(const struct timespec& time)
{
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStamp stamp_of(const fs::path& file)
{
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0)
        return {};
    return {{status.st_dev, status.st_ino},
            static_cast<std::uint64_t>(status.st_size),
            nanoseconds(status.st_mtim),
            nanoseconds(status.st_ctim)};
}

// What editors, package managers and people leave beside a file, and what is plainly for people.
bool is_left_behind(const std::string& name)
{
    constexpr std::string_view endings[] = {"~",       ".bak",     ".orig", ".old",    ".save",    ".swp",
                                            ".swo",    ".tmp",     ".new",  ".rpmnew", ".rpmsave", ".rpmorig",
                                            ".pacnew", ".pacsave", ".rej",  ".md",     ".rst",     ".lock"};
    constexpr std::string_view parts[] = {".dpkg-", ".ucf-"};
    const auto number = name.find_last_not_of("0123456789");
    return name.starts_with('.') || name.starts_with('#') || name.starts_with("README") ||
           name.find('.') == std::string::npos ||
           (number != std::string::npos && number + 1 < name.size() && name[number] == '.') || // x.yaml.1
           std::ranges::any_of(endings, [&name](auto ending) { return name.ends_with(ending); }) ||
           std::ranges::any_of(parts, [&name](auto part) { return name.find(part) != std::string::npos; });
}

Finding about_ignored(const fs::path& file)
{
    const auto name = file.filename().string();
    return about_file(
        file, Severity::warning, Code::ignored_file, "is not read: the names of manifests end in `.yaml`",
        fmt::format("if it is one, call it {}",
                    printable((file.parent_path() / (name.substr(0, name.find('.')) + ".yaml")).string())));
}

// Of one directory.
struct Folder {
    std::vector<fs::path> manifests;
    std::vector<fs::path> ignored;
    std::vector<fs::path> links; // among the manifests
    std::error_code error;
};

Folder list(const fs::path& directory)
{
    Folder folder;
    fs::directory_iterator entries{directory, folder.error};
    for (; !folder.error && entries != fs::directory_iterator{}; entries.increment(folder.error)) {
        const auto name = entries->path().filename().string();
        std::error_code unknown;
        if (is_manifest_name(name)) {
            folder.manifests.push_back(entries->path());
            if (entries->is_symlink(unknown))
                folder.links.push_back(entries->path());
        } else if (!is_left_behind(name) && !entries->is_directory(unknown) && folder.ignored.size() < max_ignored) {
            folder.ignored.push_back(entries->path());
        }
    }
    return folder;
}

} // namespace

// Editors leave .#x.yaml, .x.yaml.swp and x.yaml~ behind.
bool is_manifest_name(const std::string& name)
{
    return name.ends_with(".yaml") && !name.starts_with('.') && name.size() > std::string_view{".yaml"}.size();
}

std::vector<WatchedEntry> links_on_the_way(const fs::path& path)
{
    std::vector<WatchedEntry> entries;
    std::error_code error;
    auto rest = fs::absolute(path, error).lexically_normal();
    for (unsigned links = 0; links <= max_links; ++links) {
        auto at = rest.root_path();
        const auto parts = rest.relative_path();
        bool linked = false;
        for (auto part = parts.begin(); part != parts.end() && !linked; ++part) {
            const auto target = fs::read_symlink(at / *part, error);
            if (error) {
                at /= *part;
                continue;
            }
            linked = true;
            entries.push_back({at, part->string()});
            auto next = target.is_absolute() ? target : at / target;
            for (auto behind = std::next(part); behind != parts.end(); ++behind)
                next /= *behind;
            rest = next.lexically_normal();
        }
        if (!linked)
            break;
    }
    if (!entries.empty())
        entries.push_back({rest.parent_path(), rest.filename().string()});
    return entries;
}

Finding about_file(const fs::path& file, Severity severity, Code code, std::string message, std::string suggestion)
{
    Finding finding;
    finding.severity = severity;
    finding.code = code;
    finding.at.file = printable(file.string());
    finding.message = std::move(message);
    finding.suggestion = std::move(suggestion);
    return finding;
}

std::string read_manifest(const fs::path& file, struct stat& status)
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

ManifestFiles manifest_files(const std::vector<fs::path>& directories)
{
    ManifestFiles result;
    auto& listing = result.listing;
    struct timespec now {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    listing.taken_nsec = nanoseconds(now);
    std::map<std::string, fs::path> files; // name -> the one that counts
    const auto follow = [&listing](const fs::path& path) {
        for (auto& entry : links_on_the_way(path))
            listing.links.push_back(std::move(entry));
    };
    for (const auto& given : directories) {
        const auto directory = (given / "").parent_path(); // no slash at its end
        const auto folder = list(directory);
        const auto id = stamp_of(directory).id;
        listing.folders.push_back({directory, !folder.error, id});
        follow(directory);
        for (const auto& file : folder.manifests)
            files.emplace(file.filename().string(), file);
        for (const auto& link : folder.links)
            follow(link);
        listing.ignored.insert(listing.ignored.end(), folder.ignored.begin(), folder.ignored.end());
        if (folder.error && folder.error != std::errc::no_such_file_or_directory)
            result.findings.push_back(
                about_file(directory, Severity::error, Code::unreadable, "cannot list: " + folder.error.message()));
    }
    for (auto& [name, file] : files) {
        const bool disables = is_null_device(file);
        const auto stamp = stamp_of(file);
        listing.files.push_back({std::move(file), disables, stamp});
    }
    std::ranges::sort(listing.ignored);
    for (const auto& file : listing.ignored)
        result.findings.push_back(about_ignored(file));
    std::ranges::sort(listing.links);
    listing.links.erase(std::unique(listing.links.begin(), listing.links.end()), listing.links.end());
    return result;
}

} // namespace parker
