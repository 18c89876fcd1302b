// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"
#include "base/replace_file.h"

using namespace parker;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder()
    {
        std::string name = fs::temp_directory_path() / "parker-replace-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    auto entries() const { return std::distance(fs::directory_iterator{path}, fs::directory_iterator{}); }

    fs::path path;
};

std::string text_of(const fs::path& file)
{
    std::ifstream stream{file};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

} // namespace

TEST_CASE("a file is replaced as a whole, with its mode, and nothing stays beside it")
{
    const Folder folder;
    const auto file = folder.path / "metrics.prom";
    for (const std::string text : {"first, and longer\n", "second\n", ""}) {
        replace_file(file, text, 0644);
        CHECK(text_of(file) == text);
        CHECK((fs::status(file).permissions() & fs::perms::all) == fs::perms{0644});
        CHECK(folder.entries() == 1);
    }
    replace_file(file, "mine", 0600);
    CHECK((fs::status(file).permissions() & fs::perms::all) == fs::perms{0600});
}

TEST_CASE("what cannot be replaced stays, and is named")
{
    const Folder folder;
    CHECK_THROWS_WITH(replace_file(folder.path / "none/x", "text", 0644), Catch::Contains("none/x"));
    const auto fifo = folder.path / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_THROWS_WITH(replace_file(fifo, "text", 0644), Catch::Contains("fifo: is no regular file"));
    CHECK(fs::is_fifo(fifo));
    CHECK_THROWS_AS(replace_file(folder.path, "text", 0644), Error);
    CHECK(folder.entries() == 1);
}
