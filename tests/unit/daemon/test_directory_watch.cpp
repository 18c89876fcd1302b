// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/directory_watch.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "manifest/files.h"

using namespace parker;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// Two folders, one of which is watched.
class Watched {
public:
    Watched()
    {
        std::string name = fs::temp_directory_path() / "parker-watch-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = fs::canonical(name);
        fs::create_directories(path / "srv/v1");
        fs::create_directories(path / "srv/v2");
        write(path / "srv/v1/db.yaml", "one");
        write(path / "srv/v2/db.yaml", "two");
    }
    ~Watched() { fs::remove_all(path); }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    static void write(const fs::path& file, const char* text) { std::ofstream{file} << text; }

    // Whether the change is told of.
    template <typename Change>
    bool tells(const fs::path& watched, Change change)
    {
        Loop loop;
        bool told = false;
        DirectoryWatch watch{loop, {watched}, [&told] { told = true; }};
        // What is new to it, it tells of once.
        watch.also(manifest_files({watched}).listing.links);
        const auto turn = [&loop, &told](std::chrono::milliseconds most) {
            told = false;
            const auto end = Loop::Clock::now() + most;
            while (!told && Loop::Clock::now() < end)
                REQUIRE(sd_event_run(loop.get(), 50'000) >= 0);
        };
        if (watch.pending())
            turn(20s);
        change();
        turn(patience);
        return told;
    }

    std::chrono::milliseconds patience = 20s;
    fs::path path;
};

void swap_link(const fs::path& link, const fs::path& target)
{
    fs::create_symlink(target, link.string() + ".new");
    fs::rename(link.string() + ".new", link);
}

} // namespace

TEST_CASE("what changes in a directory is told of")
{
    Watched place;
    const auto folder = place.path / "srv/v1";
    CHECK(place.tells(folder, [&] { Watched::write(folder / "web.yaml", ""); }));
    CHECK(place.tells(folder, [&] { Watched::write(folder / "db.yaml", "in place"); }));
    CHECK(place.tells(folder, [&] { fs::remove(folder / "db.yaml"); }));
    CHECK(place.tells(place.path / "none/yet", [&] { fs::create_directories(place.path / "none/yet"); }));
}

TEST_CASE("a manifest that is a link changes where it leads")
{
    Watched place;
    const auto etc = place.path / "etc";
    fs::create_directory(etc);
    fs::create_directory_symlink("v1", place.path / "srv/current");
    fs::create_symlink("../srv/current/db.yaml", etc / "db.yaml");

    CHECK(place.tells(etc, [&] { Watched::write(place.path / "srv/v1/db.yaml", "in place"); }));
    CHECK(place.tells(etc, [&] {
        Watched::write(place.path / "srv/v1/fresh", "renamed");
        fs::rename(place.path / "srv/v1/fresh", place.path / "srv/v1/db.yaml");
    }));
    CHECK(place.tells(etc, [&] { swap_link(place.path / "srv/current", "v2"); }));
    CHECK(place.tells(etc, [&] { Watched::write(place.path / "srv/v2/db.yaml", "in place"); }));
    CHECK(place.tells(etc, [&] { fs::remove(place.path / "srv/v2/db.yaml"); }));
    CHECK(place.tells(etc, [&] { Watched::write(place.path / "srv/v2/db.yaml", "there again"); }));

    // Unless something is mounted on this machine just then.
    place.patience = 500ms;
    bool silent = false;
    for (int i = 0; i < 5 && !silent; ++i)
        silent = !place.tells(etc, [&] { Watched::write(place.path / "srv/v2/other", "no matter"); });
    CHECK(silent);
}

TEST_CASE("a directory that is a link changes where it leads")
{
    Watched place;
    const auto etc = place.path / "etc";
    fs::create_directory_symlink("srv/v1", etc);
    CHECK(place.tells(etc, [&] { Watched::write(etc / "web.yaml", ""); }));
    CHECK(place.tells(etc, [&] { swap_link(etc, "srv/v2"); }));
    CHECK(place.tells(etc, [&] { Watched::write(place.path / "srv/v2/db.yaml", "in place"); }));
    CHECK(place.tells(etc, [&] { fs::remove_all(place.path / "srv/v2"); }));
}
