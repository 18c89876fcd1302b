// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>

#include "base/error.h"
#include "devices/disk.h"

using namespace parker;
using namespace parker::devices;

namespace {

Fd make_file(off_t bytes)
{
    Fd file{::memfd_create("disk", MFD_CLOEXEC)};
    REQUIRE(::ftruncate(file.get(), bytes) == 0);
    return file;
}

} // namespace

TEST_CASE("A file is a disk: what is written is read, what is discarded is gone")
{
    FileDisk disk{make_file(1 << 20), false};
    CHECK(disk.bytes() == 1 << 20);
    CHECK_FALSE(disk.readonly());
    std::array<std::byte, 8192> data{}, back{};
    data.fill(std::byte{7});
    CHECK(disk.write(4096, data) == 0);
    CHECK(disk.flush() == 0);
    CHECK(disk.read(4096, back) == 0);
    CHECK(back == data);
    CHECK(disk.discard(4096, 4096) == 0);
    CHECK(disk.read(4096, back) == 0);
    CHECK(back.front() == std::byte{0});
    CHECK(back.back() == std::byte{7});
}

TEST_CASE("A file that became shorter is an error to read, not zeros")
{
    auto file = make_file(8192);
    const auto other = ::dup(file.get());
    FileDisk disk{std::move(file), false};
    REQUIRE(::ftruncate(other, 4096) == 0);
    ::close(other);
    std::array<std::byte, 4096> back{};
    CHECK(disk.read(0, back) == 0);
    CHECK(disk.read(4096, back) == EIO);
}

TEST_CASE("A disk that is only to be read is not written")
{
    const auto file = make_file(4096);
    const auto path = "/proc/self/fd/" + std::to_string(file.get());
    const auto opened = GENERATE(O_RDONLY, O_RDWR);
    FileDisk disk{Fd{::open(path.c_str(), opened | O_CLOEXEC)}, opened == O_RDWR};
    const std::array<std::byte, 512> data{};
    CHECK(disk.readonly());
    CHECK(disk.write(0, data) == EROFS);
    CHECK(disk.discard(0, 512) == EROFS);
    CHECK(disk.flush() == 0);
}

TEST_CASE("A pipe is no disk")
{
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    Fd other{ends[1]};
    CHECK_THROWS_AS(FileDisk(Fd{ends[0]}, false), Error);
}
