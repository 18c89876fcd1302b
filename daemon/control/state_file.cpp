// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"
#include "base/replace_file.h"

namespace parker {

void write_state(const std::filesystem::path& path, std::string_view text)
{
    std::error_code ignored; // the next step says what is wrong
    std::filesystem::create_directories(path.parent_path(), ignored);
    replace_file(path, text, 0600);
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
