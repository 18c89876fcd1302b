// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/image.h"

#include <fcntl.h>
#include <gcrypt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"

namespace parker {

std::vector<std::byte> read_image(const std::string& path, std::uint64_t limit)
{
    // O_NONBLOCK: a FIFO in its place must not stop us before it can be refused.
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!file)
        throw_errno(Code::unreadable, path, "cannot be opened");
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        throw_errno(Code::unreadable, path, "cannot be examined");
    if (!S_ISREG(status.st_mode))
        throw Error{Code::unreadable, path, "is no regular file"};
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > limit)
        throw Error{Code::image_too_large, path,
                    "has " + format_bytes(size) + ", more than the " + format_bytes(limit) + " of the partition",
                    "give the partition more memory"};
    std::vector<std::byte> bytes(size);
    for (std::size_t length = 0; length < bytes.size();) {
        const auto got = ::read(file.get(), bytes.data() + length, bytes.size() - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw_errno(Code::unreadable, path, "cannot be read");
        if (got == 0)
            throw Error{Code::unreadable, path, "became shorter while it was read", "try again"};
        length += static_cast<std::size_t>(got);
    }
    return bytes;
}

std::string sha256(std::span<const std::byte> bytes)
{
    static const bool ready = [] {
        gcry_check_version(nullptr); // initialises the library
        gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
        gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
        return true;
    }();
    static_cast<void>(ready);
    std::array<unsigned char, 32> digest{};
    gcry_md_hash_buffer(GCRY_MD_SHA256, digest.data(), bytes.data(), bytes.size());
    std::string text;
    for (const auto byte : digest) {
        constexpr std::string_view digits = "0123456789abcdef";
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::string sha256(std::string_view text)
{
    return sha256(std::as_bytes(std::span{text}));
}

} // namespace parker
