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

namespace {

// A machine's files, with one drive of the function 0000:01:00.0.
struct DriveFiles {
    DriveFiles()
    {
        const std::string path = "sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/";
        folder.write(path + "dev", "259:0\n");
        for (const auto* part : {"1", "2"}) {
            folder.write(path + "nvme0n1p" + part + "/partition", part);
            folder.write(path + "nvme0n1p" + part + "/dev", std::string{"259:"} + part + "\n");
        }
        link("sys/bus/pci/devices/0000:01:00.0", "sys/devices/pci0000:00/0000:01:00.0");
        link("sys/block/nvme0n1", "sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1");
    }
    void link(const std::string& from, const std::string& to) const
    {
        std::filesystem::create_directories((folder / from).parent_path());
        std::filesystem::create_symlink(folder / to, folder / from);
    }
    // A device that has part 2 for itself.
    void hold(const std::string& holder, const std::string& name, const std::string& uuid) const
    {
        std::filesystem::create_directories(folder / ("sys/block/nvme0n1/nvme0n1p2/holders/" + holder));
        if (!name.empty())
            folder.write("sys/block/" + holder + "/dm/name", name + "\n");
        folder.write("sys/block/" + holder + "/dm/uuid", uuid + "\n");
        folder.write("sys/block/" + holder + "/dev", "253:0\n");
    }
    std::string use() const { return drive_use("nvme0n1", folder / ""); }
    std::string why() const
    {
        const auto found = boot_use(*Bdf::parse("0000:01:00.0"), folder / "");
        return found ? found->why.what() : "";
    }

    Folder folder;
};

} // namespace

TEST_CASE("how a drive is used is told")
{
    const DriveFiles files;
    CHECK(files.use().empty());
    CHECK(files.why().empty());
    const std::string mounts = "36 35 8:1 / /other rw - ext4 /dev/sda1 rw\n";

    SECTION("mounted, by number")
    {
        files.folder.write("proc/self/mountinfo", mounts + "37 35 259:1 / /srv/data rw - ext4 /dev/root rw\n");
        CHECK(files.use() == "mounted on /srv/data");
        CHECK(files.why() == "0000:01:00.0: its drive nvme0n1 is in use: mounted on /srv/data");
    }
    SECTION("mounted, by name: btrfs has numbers of its own")
    {
        files.folder.write("proc/self/mountinfo", "37 35 0:31 / / rw shared:1 - btrfs /dev/nvme0n1p2 rw\n");
        CHECK(files.use() == "mounted on /");
    }
    SECTION("mounted, in a copy of a machine")
    {
        files.folder.write("proc/mounts", "sysfs /sys sysfs rw 0 0\n/dev/nvme0n1p1 /boot ext4 rw 0 0\n");
        CHECK(files.use() == "mounted on /boot");
    }
    SECTION("swapped to")
    {
        files.folder.write("proc/swaps", "Filename Type Size Used Priority\n/dev/nvme0n1p2 partition 99 0 -2\n");
        CHECK(files.use() == "swapped to");
    }
    SECTION("part of an array")
    {
        files.hold("md0", "", "");
        CHECK(files.use() == "part of the array md0");
    }
    SECTION("part of a volume, and what that is for")
    {
        files.hold("dm-0", "vg-root", "LVM-abc");
        files.folder.write("proc/self/mountinfo", "37 35 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n");
        CHECK(files.use() == "part of the LVM volume vg-root, mounted on /");
    }
    SECTION("encrypted, and swapped to")
    {
        files.hold("dm-0", "secret", "CRYPT-LUKS2-abc");
        files.folder.write("proc/swaps", "Filename Type\n/dev/mapper/secret partition\n");
        CHECK(files.use() == "part of the encrypted volume secret, swapped to");
    }
    SECTION("holders in a circle end")
    {
        files.hold("dm-0", "a", "LVM-a");
        std::filesystem::create_directories(files.folder / "sys/block/dm-0/holders/dm-0");
        std::filesystem::create_directories(files.folder / "sys/block/dm-0/holders/nvme0n1");
        CHECK_FALSE(files.use().empty());
    }
    SECTION("a pool, which no table of the kernel's knows: only what is on it tells")
    {
        files.folder.write("run/udev/data/b259:1", "E:ID_FS_TYPE=zfs_member\n");
        CHECK(files.use().empty()); // it may be exported
        CHECK(files.why().empty());
        CHECK(how_used("nvme0n1", files.folder / "") == "it is a zfs_member");
    }
    SECTION("much of it")
    {
        std::string many;
        for (int i = 0; i < 9; ++i)
            many += "37 35 259:1 / /m" + std::to_string(i) + " rw - ext4 /dev/nvme0n1p1 rw\n";
        files.folder.write("proc/self/mountinfo", many);
        CHECK(files.use() == "mounted on /m0, mounted on /m1, mounted on /m2, mounted on /m3 and more");
    }
}
