// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace parker {

void write_state(const std::filesystem::path& path, std::string_view text)
{
    std::error_code ignored; // the open below says what is wrong
    std::filesystem::create_directories(path.parent_path(), ignored);
    const auto temporary = path.string() + ".new";
    const Fd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file)
        throw_errno(Code::failed, temporary, "cannot be opened");
    while (!text.empty()) {
        const auto written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            throw_errno(Code::failed, temporary, "cannot be written");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        throw_errno(Code::failed, path, "cannot be replaced");
}

std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit)
{
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return std::nullopt;
    if (!file)
        throw_errno(Code::unreadable, path, "cannot be opened");
    std::string text(limit + 1, '\0');
    std::size_t length = 0;
    while (length < text.size()) {
        const auto got = ::read(file.get(), text.data() + length, text.size() - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == ENODEV) // a sysfs attribute whose object has just gone
            return std::nullopt;
        if (got < 0)
            throw_errno(Code::unreadable, path, "cannot be read");
        if (got == 0)
            break;
        length += static_cast<std::size_t>(got);
    }
    if (length > limit)
        throw Error{Code::too_large, path, "has more than " + std::to_string(limit) + " bytes"};
    text.resize(length);
    return text;
}

} // namespace parker
