// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/error.h"

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

FreshFile::FreshFile(std::filesystem::path path) : path_{std::move(path)}, name_{path_.string() + ".XXXXXX"}
{
    struct stat status {};
    if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
        throw Error{Code::failed, path_.string(), "is no regular file, and is not replaced by one"};
    file_ = Fd{::mkostemp(name_.data(), O_CLOEXEC)};
    if (!file_)
        throw_errno(Code::failed, path_.string(), "cannot be written beside");
}

FreshFile::~FreshFile()
{
    if (file_)
        ::unlink(name_.c_str());
}

void FreshFile::replace()
{
    if (::rename(name_.c_str(), path_.c_str()) != 0)
        throw_errno(Code::failed, path_.string(), "cannot be replaced");
    file_.reset();
}

void replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode)
{
    FreshFile fresh{path};
    write_all(fresh.file(), text, fresh.name());
    if (::fchmod(fresh.file().get(), mode) != 0)
        throw_errno(Code::failed, fresh.name(), "cannot be given its mode");
    fresh.replace();
}

} // namespace parker
