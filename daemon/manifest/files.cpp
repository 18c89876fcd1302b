// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
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

// Editors leave .#x.yaml, .x.yaml.swp and x.yaml~ behind.
bool is_manifest_name(const std::string& name)
{
    return name.ends_with(".yaml") && !name.starts_with('.') && name.size() > std::string_view{".yaml"}.size();
}

} // namespace

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
    std::map<std::string, fs::path> files; // name -> the one that counts
    for (const auto& directory : directories) {
        std::error_code error;
        fs::directory_iterator entries{directory, error};
        for (; !error && entries != fs::directory_iterator{}; entries.increment(error))
            if (auto name = entries->path().filename().string(); is_manifest_name(name))
                files.emplace(std::move(name), entries->path());
        if (error && error != std::errc::no_such_file_or_directory)
            result.findings.push_back(
                about_file(directory, Severity::error, Code::unreadable, "cannot list: " + error.message()));
    }
    for (auto& [name, file] : files) {
        const bool disables = is_null_device(file);
        result.files.push_back({std::move(file), disables});
    }
    return result;
}

} // namespace parker
