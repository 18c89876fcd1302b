// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <functional>

#include "base/error.h"
#include "fake_image.h"
#include "firmware/bzimage.h"

using namespace parker;
using namespace parker::firmware;

TEST_CASE("a bzImage is read")
{
    const auto image = test::fake_image();
    const auto parsed = parse_bzimage(image);
    CHECK(parsed.release == "6.1.0-test");
    CHECK(parsed.kernel.size() == 4096);
    CHECK(parsed.kernel.data() == image.data() + 5 * 512);
    CHECK(parsed.init_bytes == 32 * MiB);
    CHECK(parsed.alignment == 2 * MiB);
    CHECK(parsed.cmdline_max == 2047);
}

TEST_CASE("what is no bzImage is refused, with the reason")
{
    struct Row {
        const char* what;
        std::function<void(Bytes&)> change;
        const char* message;
    };
    const auto set8 = [](std::size_t at, std::uint8_t value) {
        return [at, value](Bytes& b) { put(std::span{b}, at, value); };
    };
    const auto set16 = [](std::size_t at, std::uint16_t value) {
        return [at, value](Bytes& b) { put(std::span{b}, at, value); };
    };
    const auto set32 = [](std::size_t at, std::uint32_t value) {
        return [at, value](Bytes& b) { put(std::span{b}, at, value); };
    };
    const std::vector<Row> rows{
        {"empty", [](Bytes& b) { b.clear(); }, "no Linux bzImage"},
        {"header cut", [](Bytes& b) { b.resize(0x250); }, "no Linux bzImage"},
        {"setup cut", [](Bytes& b) { b.resize(0x700); }, "within its setup part"},
        {"kernel cut", [](Bytes& b) { b.resize(b.size() - 1); }, "truncated"},
        {"boot flag", set16(0x1fe, 0), "no Linux bzImage"},
        {"magic", set32(0x202, 0), "no Linux bzImage"},
        {"ELF",
         [](Bytes& b) {
             put_text(b, 0,
                      "\x7f"
                      "ELF");
         },
         "vmlinux"},
        {"zboot", [](Bytes& b) { put_text(b, 4, "zimg"); }, "zboot"},
        {"gzip", [](Bytes& b) { put_text(b, 0, "\x1f\x8b"); }, "gzip"},
        {"old", set16(0x206, 0x020b), "older than 2.12"},
        {"32-bit", set16(0x236, 0), "32-bit"},
        {"below 4 GiB", set16(0x236, 1), "above 4 GiB"},
        {"not relocatable", set8(0x234, 0), "above 4 GiB"},
        {"zImage", set8(0x211, 0), "zImage"},
        {"header too short", set8(0x201, 0x10), "impossible size"},
        {"header too long", set8(0x201, 0xff), "impossible size"},
        {"odd alignment", set32(0x230, 0x300000), "alignment"},
        {"no alignment", set32(0x230, 0), "alignment"},
        {"init_size", set32(0x260, 100), "less memory"},
        {"payload", set32(0x24c, 0xffffffff), "payload"},
        {"version text", set16(0x20e, 0xf000), "version text"},
        {"empty kernel", set32(0x1f4, 0), "empty"},
        {"endless kernel", set32(0x1f4, 0xffffffff), "truncated"},
    };
    for (const auto& row : rows) {
        auto image = test::fake_image();
        row.change(image);
        CAPTURE(row.what);
        try {
            parse_bzimage(image);
            FAIL_CHECK("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == Code::bad_image);
            CHECK_THAT(error.what(), Catch::Contains(row.message));
        }
    }
}

TEST_CASE("no cut of an image is read beyond its end")
{
    // Under the address sanitizer a read behind the vector's end is a failure.
    const auto whole = test::fake_image();
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += 7) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
        cut.shrink_to_fit();
        CHECK_THROWS_AS(parse_bzimage(cut), Error);
    }
}
