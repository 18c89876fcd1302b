// SPDX-License-Identifier: LGPL-2.1-or-later
#include "devices/disk.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"

namespace parker::devices {

FileDisk::FileDisk(Fd file, bool readonly) : file_{std::move(file)}
{
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0)
        throw_errno(Code::unreadable, "disk", "fstat");
    if (S_ISREG(status.st_mode))
        bytes_ = static_cast<std::uint64_t>(status.st_size);
    else if (!S_ISBLK(status.st_mode))
        throw Error{Code::unreadable, "disk", "it is neither a regular file nor a block device"};
    else if (::ioctl(file_.get(), BLKGETSIZE64, &bytes_) != 0)
        throw_errno(Code::unreadable, "disk", "BLKGETSIZE64");
    const auto flags = ::fcntl(file_.get(), F_GETFL);
    if (flags < 0)
        throw_errno(Code::unreadable, "disk", "F_GETFL");
    readonly_ = readonly || (flags & O_ACCMODE) == O_RDONLY;
}

int FileDisk::read(std::uint64_t offset, std::span<std::byte> into)
{
    while (!into.empty()) {
        const auto got = ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            return EIO; // somebody cut the file short
        into = into.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return 0;
}

int FileDisk::write(std::uint64_t offset, std::span<const std::byte> from)
{
    if (readonly_)
        return EROFS;
    while (!from.empty()) {
        const auto put = ::pwrite(file_.get(), from.data(), from.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        if (put == 0)
            return EIO;
        from = from.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
    return 0;
}

int FileDisk::flush()
{
    return readonly_ || ::fdatasync(file_.get()) == 0 ? 0 : errno;
}

int FileDisk::discard(std::uint64_t offset, std::uint64_t bytes)
{
    if (readonly_)
        return EROFS;
    const auto result = ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                                    static_cast<off_t>(bytes));
    return result == 0 || errno == EOPNOTSUPP ? 0 : errno; // a hint: what cannot be given back stays
}

} // namespace parker::devices
