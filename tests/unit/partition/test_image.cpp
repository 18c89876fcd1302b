// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>

#include "partition/image.h"
#include "rig.h"

using namespace parker;

TEST_CASE("an image is read whole, or not at all")
{
    const Rig rig;
    const auto path = (rig.directory / "vmlinuz").string();
    CHECK(read_image(path, 8).size() == 8);
    const auto code = [](const std::string& file, std::uint64_t limit) {
        try {
            read_image(file, limit);
        } catch (const Error& error) {
            return error.code();
        }
        return Code::usage;
    };
    CHECK(code(path, 7) == Code::image_too_large);
    CHECK(code(path + "-missing", 8) == Code::unreadable);
    CHECK(code(rig.directory, 1024 * 1024) == Code::unreadable);
    CHECK(code("/dev/zero", 8) == Code::unreadable);
    const auto fifo = rig.directory / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(code(fifo, 8) == Code::unreadable);
}

TEST_CASE("sha256 sums are those of sha256sum")
{
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
