// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/reread.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "manifest/files.h"

using namespace parker;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

class DropFolder {
public:
    DropFolder()
    {
        std::string name = fs::temp_directory_path() / "parker-reread-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~DropFolder() { fs::remove_all(path); }
    DropFolder(const DropFolder&) = delete;
    DropFolder& operator=(const DropFolder&) = delete;

    void write(const char* name) const
    {
        std::ofstream{path / "fresh"} << "apiVersion: parker/v1\nname: " << fs::path{name}.stem().string()
                                      << "\ncpus: {count: 1}\nmemory: {size: 2MiB}\nkernel: {image: /a}\n";
        REQUIRE(::chmod((path / "fresh").c_str(), 0644) == 0);
        fs::rename(path / "fresh", path / name);
    }

    fs::path path;
};

} // namespace

TEST_CASE("a file that an editor writes anew is not gone")
{
    const DropFolder folder;
    folder.write("db.yaml");
    const auto before = reread({folder.path}, {}).reading.listing;
    fs::rename(folder.path / "db.yaml", folder.path / "db.yaml~");
    std::jthread editor{[&folder] {
        std::this_thread::sleep_for(100ms);
        folder.write("db.yaml");
    }};
    CHECK(reread({folder.path}, before, 2s).manifests.size() == 1);
}

TEST_CASE("a file that stays away is gone, and nobody waits for one that never was")
{
    const DropFolder folder;
    folder.write("db.yaml");
    const auto before = reread({folder.path}, {}, 1h).reading.listing;
    fs::remove(folder.path / "db.yaml");
    CHECK(reread({folder.path}, before, 1ms).manifests.empty());
    CHECK(reread({folder.path}, manifest_files({folder.path}).listing, 1h).manifests.empty());
}

TEST_CASE("what has not changed is not read again")
{
    const DropFolder folder;
    folder.write("db.yaml");
    std::this_thread::sleep_for(50ms);
    const auto before = reread({folder.path}, {}).reading.listing;
    CHECK_FALSE(reread_if_changed({folder.path}, before));
    folder.write("web.yaml");
    const auto now = reread_if_changed({folder.path}, before);
    REQUIRE(now);
    CHECK(now->manifests.size() == 2);
    // Written so shortly before the reading that the next time might not show.
    CHECK(reread_if_changed({folder.path}, manifest_files({folder.path}).listing));
}
