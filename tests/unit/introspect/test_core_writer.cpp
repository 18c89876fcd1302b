// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "image.h"
#include "introspect/core_writer.h"

using namespace parker;
using namespace parker::introspect;

namespace {

const auto go_on = [](std::uint64_t) { return true; };

Fd temporary_file(int flags = 0)
{
    std::string name = "/tmp/parker-test-XXXXXX";
    Fd file{::mkostemp(name.data(), flags)};
    REQUIRE(file);
    ::unlink(name.c_str());
    return file;
}

std::string content(const Fd& file)
{
    struct stat status {};
    REQUIRE(::fstat(file.get(), &status) == 0);
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    REQUIRE(::pread(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return text;
}

// What the file has to be.
std::string flat(const ElfCore& core)
{
    std::string text(core.file_bytes, '\0');
    std::memcpy(text.data(), core.head.data(), core.head.size());
    for (const auto& [offset, bytes] : core.segments)
        std::memcpy(text.data() + offset, bytes.data(), bytes.size());
    return text;
}

std::string unpacked(const std::string& packed)
{
    std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
    const auto size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
    REQUIRE_FALSE(ZSTD_isError(size));
    text.resize(size);
    return text;
}

Code code_of(const ElfCore& core, const Fd& file, const Proceed& proceed = go_on)
{
    try {
        (void)write_core(core, file.get(), Compression::none, proceed);
    } catch (const Error& error) {
        return error.code();
    }
    return Code::usage; // which nothing here throws
}

// Reads all that comes through a pipe.
class Reader {
public:
    Reader()
    {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        theirs = Fd{ends[1]};
        thread_ = std::thread{[this, ours = std::make_shared<Fd>(ends[0])] {
            std::array<char, 5000> buffer;
            for (ssize_t got = 0; (got = ::read(ours->get(), buffer.data(), buffer.size())) > 0;)
                text_.append(buffer.data(), static_cast<std::size_t>(got));
        }};
    }
    std::string text()
    {
        theirs.reset();
        thread_.join();
        return text_;
    }

    Fd theirs;

private:
    std::string text_;
    std::thread thread_;
};

struct Example {
    Example()
    {
        for (std::size_t i = 0; i < MiB; i += 12345) // some pages, here and there
            image.bytes(0)[i] = std::byte{0x5a};
        image.bytes(1).back() = std::byte{1};
    }

    Image image;
    PhysicalMemory memory = image.memory();
    ElfCore core = elf_core(memory, nullptr);
};

} // namespace

TEST_CASE("A regular file gets the core, with holes where memory is zero")
{
    Example example;
    const auto file = temporary_file();
    std::uint64_t last = 0;
    const auto written = write_core(example.core, file.get(), Compression::none, [&last](std::uint64_t bytes) {
        CHECK(bytes >= last);
        last = bytes;
        return true;
    });
    CHECK(last == example.core.file_bytes);
    CHECK(content(file) == flat(example.core));
    CHECK(written >= MiB); // a little that is zero is no hole: its extents would cost more
    CHECK(written < example.core.file_bytes / 2);
    struct stat status {};
    REQUIRE(::fstat(file.get(), &status) == 0);
    CHECK(static_cast<std::uint64_t>(status.st_blocks) * 512 < example.core.file_bytes * 3 / 4);
}

TEST_CASE("A file that ends with zeros has its whole size")
{
    const Image image;
    auto memory = image.memory();
    const auto core = elf_core(memory, nullptr);
    const auto file = temporary_file();
    (void)write_core(core, file.get(), Compression::none, go_on);
    CHECK(content(file).size() == core.file_bytes);
}

TEST_CASE("A pipe gets every byte of it")
{
    Example example;
    Reader reader;
    const auto written = write_core(example.core, reader.theirs.get(), Compression::none, go_on);
    CHECK(written == example.core.file_bytes);
    CHECK(reader.text() == flat(example.core));
}

TEST_CASE("Compressed, it is the same when unpacked")
{
    Example example;
    SECTION("in a file")
    {
        const auto file = temporary_file();
        const auto written = write_core(example.core, file.get(), Compression::zstd, go_on);
        const auto packed = content(file);
        CHECK(packed.size() == written);
        CHECK(packed.size() < example.core.file_bytes / 10);
        CHECK(unpacked(packed) == flat(example.core));
    }
    SECTION("through a pipe")
    {
        Reader reader;
        (void)write_core(example.core, reader.theirs.get(), Compression::zstd, go_on);
        CHECK(unpacked(reader.text()) == flat(example.core));
    }
}

TEST_CASE("It can be given up, also while nobody reads")
{
    Example example;
    unsigned asked = 0;
    const auto stop = [&asked](std::uint64_t) { return ++asked < 3; };
    SECTION("in the middle of a file")
    {
        CHECK(code_of(example.core, temporary_file(), stop) == Code::cancelled);
    }
    SECTION("with a pipe that is full")
    {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const Fd reader{ends[0]};
        CHECK(code_of(example.core, Fd{ends[1]}, stop) == Code::cancelled);
    }
    CHECK(asked == 3);
}

TEST_CASE("It can be given up while somebody reads a little now and then")
{
    Example example;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    std::atomic<std::size_t> taken = 0;
    std::thread reader{[&taken, ours = Fd{ends[0]}] {
        std::array<char, 4096> page;
        for (ssize_t got = 0; (got = ::read(ours.get(), page.data(), page.size())) > 0;) {
            taken += static_cast<std::size_t>(got);
            std::this_thread::sleep_for(std::chrono::milliseconds{5}); // never so long that nobody seems to read
        }
    }};
    unsigned asked = 0;
    CHECK(code_of(example.core, Fd{ends[1]}, [&asked](std::uint64_t) { return ++asked < 5; }) == Code::cancelled);
    CHECK(taken < MiB / 2);
    reader.join();
    CHECK(asked == 5);
}

TEST_CASE("What it cannot be written to is refused, or says why")
{
    Example example;
    SECTION("a file with something in it")
    {
        const auto file = temporary_file();
        REQUIRE(::write(file.get(), "x", 1) == 1);
        CHECK(code_of(example.core, file) == Code::invalid_argument);
    }
    SECTION("a file that is only appended to")
    {
        CHECK(code_of(example.core, temporary_file(O_APPEND)) == Code::invalid_argument);
    }
    SECTION("a file that is open for reading")
    {
        CHECK(code_of(example.core, Fd{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)}) == Code::invalid_argument);
    }
    SECTION("a device")
    {
        CHECK(code_of(example.core, Fd{::open("/dev/null", O_WRONLY | O_CLOEXEC)}) == Code::invalid_argument);
    }
    SECTION("a pipe whose reader is gone")
    {
        (void)::signal(SIGPIPE, SIG_IGN);
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        ::close(ends[0]);
        CHECK(code_of(example.core, Fd{ends[1]}) == Code::failed);
    }
}
