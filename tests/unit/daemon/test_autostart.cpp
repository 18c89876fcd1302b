// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/autostart.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.h"

using namespace parker;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder()
    {
        std::string name = fs::temp_directory_path() / "parker-seen-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    fs::path file() const { return path_ / "run/seen"; }

private:
    fs::path path_;
};

} // namespace

TEST_CASE("A name is new once, also to the parkerd that comes after")
{
    const Folder folder;
    {
        Seen seen{folder.file()};
        CHECK(seen.add("db"));
        CHECK(seen.add("web"));
        CHECK_FALSE(seen.add("db"));
        seen.save();
    }
    Seen again{folder.file()};
    CHECK_FALSE(again.add("db"));
    CHECK_FALSE(again.add("web"));
    CHECK(again.add("cache"));

    SECTION("until it has gone")
    {
        again.remove("db");
        again.save();
        Seen third{folder.file()};
        CHECK(third.add("db"));
        CHECK_FALSE(third.add("web"));
        CHECK_FALSE(third.add("cache"));
    }
}

TEST_CASE("Nothing is written when nothing has changed, and never without a file")
{
    const Folder folder;
    Seen seen{folder.file()};
    seen.save();
    seen.remove("db");
    seen.save();
    CHECK_FALSE(fs::exists(folder.file()));
    seen.add("db");
    CHECK_FALSE(fs::exists(folder.file()));
    seen.save();
    CHECK(fs::remove(folder.file()));
    seen.add("db");
    seen.save();
    CHECK_FALSE(fs::exists(folder.file()));

    Seen nowhere{{}};
    CHECK(nowhere.add("db"));
    CHECK_NOTHROW(nowhere.save());
}
