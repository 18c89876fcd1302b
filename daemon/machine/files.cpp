// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/error.h"

namespace parker {

Files::Files(Fd root) : root_{std::move(root)} {}

Files::Files(const std::filesystem::path& root) : root_{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}
{
    if (!root_)
        throw_errno(Code::bad_machine, root.string(), "cannot open the machine's root folder");
}

std::optional<Files> Files::folder(const std::string& path) const
{
    Fd opened{::openat(root_.get(), path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    return opened ? std::optional{Files{std::move(opened)}} : std::nullopt;
}

std::optional<std::string> Files::start(const std::string& path, std::size_t bytes) const
{
    // O_NONBLOCK: a FIFO in a folder that claims to be a machine must not stop us.
    const Fd file{::openat(root_.get(), path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return std::nullopt;

    // st_size is 0 in procfs and a page for all attributes of sysfs: read until the end says so. Where there is one,
    // only the end gives less than a page; procfs may anywhere.
    constexpr std::size_t page = 4 * KiB;
    const bool is_sized = status.st_size > 0;
    std::string content;
    std::size_t filled = 0;
    while (filled < bytes) {
        content.resize(std::min(bytes, std::max(page, 2 * filled)));
        const auto asked = content.size() - filled;
        const auto got = ::read(file.get(), content.data() + filled, asked);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return std::nullopt;
        filled += static_cast<std::size_t>(got);
        if (got == 0 || (is_sized && static_cast<std::size_t>(got) < std::min(asked, page)))
            break;
    }
    content.resize(filled);
    return content;
}

std::optional<std::string> Files::read(const std::string& path, std::size_t limit) const
{
    auto content = start(path, limit + 1);
    return content && content->size() <= limit ? std::move(content) : std::nullopt;
}

std::string Files::line(const std::string& path) const
{
    const auto content = read(path);
    return content ? text::printable(text::trim(*content)) : std::string{};
}

std::vector<std::string> Files::list(const std::string& folder) const
{
    std::vector<std::string> names;
    Fd opened{::openat(root_.get(), folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!opened)
        return names;
    const std::unique_ptr<DIR, int (*)(DIR*)> entries{::fdopendir(opened.get()), ::closedir};
    if (!entries)
        return names;
    opened.release();
    while (const auto* entry = ::readdir(entries.get())) {
        std::string name = entry->d_name;
        if (name == "." || name == "..")
            continue;
        if (names.size() == max_entries)
            break;
        names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    return names;
}

std::string Files::link(const std::string& path) const
{
    std::array<char, 4096> target{};
    const auto length = ::readlinkat(root_.get(), path.c_str(), target.data(), target.size());
    return length > 0 ? std::string{target.data(), static_cast<std::size_t>(length)} : std::string{};
}

bool Files::exists(const std::string& path) const
{
    struct stat status {};
    return ::fstatat(root_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

} // namespace parker
