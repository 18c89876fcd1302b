// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"

namespace parker {
namespace {

void write_all(const Fd& file, std::string_view text, const std::string& name)
{
    while (!text.empty()) {
        const auto written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            throw_errno(Code::failed, name, "cannot be written");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

} // namespace

void replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
        throw Error{Code::failed, path.string(), "is no regular file, and is not replaced by one"};
    auto name = path.string() + ".XXXXXX";
    const Fd file{::mkostemp(name.data(), O_CLOEXEC)};
    if (!file)
        throw_errno(Code::failed, path.string(), "cannot be written beside");
    try {
        write_all(file, text, name);
        if (::fchmod(file.get(), mode) != 0)
            throw_errno(Code::failed, name, "cannot be given its mode");
        if (::rename(name.c_str(), path.c_str()) != 0)
            throw_errno(Code::failed, path.string(), "cannot be replaced");
    } catch (const Error&) {
        ::unlink(name.c_str());
        throw;
    }
}

} // namespace parker
