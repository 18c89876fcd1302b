// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "control/in_use.h"
#include "folder.h"

using namespace parker;

namespace {

struct Block {
    Block() { std::filesystem::create_directories(folder / "block"); }

    void add(const std::string& disk, const std::string& function)
    {
        const auto device = folder / ("devices/" + function + "/host/" + disk);
        std::filesystem::create_directories(device);
        std::filesystem::create_directory_symlink(device, folder / ("block/" + disk));
    }
    std::optional<std::string> in_use(const std::string& function)
    {
        return drive_in_use(folder / ("devices/" + function), folder / "block", [this](const std::string& name) {
            asked.push_back(name);
            return name == claimed;
        });
    }

    Folder folder;
    std::vector<std::string> asked;
    std::string claimed;
};

} // namespace

TEST_CASE("a function's own drives are asked for, and no others")
{
    Block block;
    block.add("sda", "0000:01:00.0");
    block.add("sdb", "0000:01:00.01"); // a name that only begins like the function's
    block.claimed = "sda";
    CHECK(block.in_use("0000:01:00.0") == "sda");
    CHECK(block.asked == std::vector<std::string>{"sda"});
    block.claimed = "sdb";
    CHECK(block.in_use("0000:01:00.0") == std::nullopt);
}

TEST_CASE("one path of several to a namespace stands for the namespace")
{
    Block block;
    block.add("nvme0c1n2", "0000:01:00.0");
    block.claimed = "nvme0n2";
    CHECK(block.in_use("0000:01:00.0") == "nvme0n2");
}

TEST_CASE("a function that is not there, a link into nowhere, and a folder that is missing use nothing")
{
    Block block;
    block.add("sda", "0000:01:00.0");
    block.claimed = "sda";
    CHECK(block.in_use("0000:02:00.0") == std::nullopt);
    std::filesystem::remove_all(block.folder / "devices/0000:01:00.0/host");
    CHECK(block.in_use("0000:01:00.0") == std::nullopt);
    std::filesystem::remove_all(block.folder / "block");
    CHECK(block.in_use("0000:01:00.0") == std::nullopt);
}
