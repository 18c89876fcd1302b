// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <stdlib.h>

#include "control/network_link.h"
#include "folder.h"

using namespace parker;

namespace {

// A machine's files, with the links eth0 of 0000:01:00.0 and eth1 of 0000:02:00.0, behind virtio's folder.
struct Net {
    Net()
    {
        add("eth0", "sys/devices/pci0000:00/0000:01:00.0");
        add("eth1", "sys/devices/pci0000:00/0000:02:00.0/virtio1");
        for (const auto* bdf : {"0000:01:00.0", "0000:02:00.0"}) {
            std::filesystem::create_directories(folder / "sys/bus/pci/devices");
            std::filesystem::create_symlink(folder / ("sys/devices/pci0000:00/" + std::string{bdf}),
                                            folder / ("sys/bus/pci/devices/" + std::string{bdf}));
        }
    }
    void add(const std::string& name, const std::string& device) const
    {
        const auto path = device + "/net/" + name;
        folder.write(path + "/flags", "0x1002\n");
        std::filesystem::create_directories(folder / "sys/class/net");
        std::filesystem::create_symlink(folder / path, folder / ("sys/class/net/" + name));
    }
    void add_virtual(const std::string& name) const { add(name, "sys/devices/virtual"); }
    void route(const std::string& name) const
    {
        folder.write("proc/net/route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n" + name +
                                           "\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                                           "eth1\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
    }
    void upper(const std::string& below, const std::string& above) const
    {
        std::filesystem::create_directories(folder / ("sys/class/net/" + below + "/upper_" + above));
    }
    std::string why(const char* bdf) const
    {
        const auto use = link_use(*Bdf::parse(bdf), folder / "");
        return use ? (use->blocks ? "" : "may: ") + use->why.reason() : "";
    }
    std::string eth0() const { return why("0000:01:00.0"); }
    std::string eth1() const { return why("0000:02:00.0"); }

    Folder folder;
};

constexpr const char* own = "its network link eth0 is the machine's own: the default route leads over it";

} // namespace

TEST_CASE("the link with the default route is the machine's own")
{
    const Net net;
    CHECK(net.eth0().empty());
    net.route("eth0");
    CHECK(net.eth0() == own);
    CHECK(net.eth1().empty()); // a route, but not the default one
}

TEST_CASE("so it is for IPv6")
{
    const Net net;
    const std::string none(32, '0');
    net.folder.write("proc/net/ipv6_route",
                     none + " 00 " + none + " 00 fe80000000000000000000000000fffe 00000400 1 0 00450003     eth0\n" +
                         none + " 00 " + none + " 00 " + none + " ffffffff 1 0 00200200       lo\n" +
                         "20010000000000000000000000000000 40 " + none + " 00 " + none + " 400 1 0 0001     eth1\n");
    CHECK(net.eth0() == own);
    CHECK(net.eth1().empty());
    CHECK(default_routes(net.folder / "").size() == 1);
}

TEST_CASE("what lies above a link makes it the machine's own, too")
{
    const Net net;
    SECTION("a bond")
    {
        net.add_virtual("bond0");
        net.route("bond0");
        net.upper("eth0", "bond0");
        CHECK(net.eth0() == std::string{own} + ", as a part of bond0");
    }
    SECTION("a bridge over a VLAN over a team")
    {
        for (const auto* name : {"team0", "team0.7", "br0"})
            net.add_virtual(name);
        net.route("br0");
        net.upper("eth0", "team0");
        net.upper("team0", "team0.7");
        net.upper("team0.7", "br0");
        CHECK(net.eth0() == std::string{own} + ", as a part of br0");
    }
    SECTION("a bridge, as its own folder or the link's master has it")
    {
        net.add_virtual("br0");
        net.route("br0");
        CHECK(net.eth0().empty());
        std::filesystem::create_directories(net.folder / "sys/class/net/br0/brif/eth0");
        CHECK(net.eth0() == std::string{own} + ", as a part of br0");
        std::filesystem::remove_all(net.folder / "sys/class/net/br0/brif");
        std::filesystem::create_symlink("../../br0", net.folder / "sys/class/net/eth0/master");
        CHECK(net.eth0() == std::string{own} + ", as a part of br0");
    }
    SECTION("a circle ends")
    {
        net.add_virtual("a");
        net.upper("eth0", "a");
        net.upper("a", "eth0");
        net.route("b");
        CHECK(net.eth0().empty());
    }
    CHECK(net.eth1().empty());
}

TEST_CASE("a link that is merely up is told, and no more")
{
    const Net net;
    net.folder.write("sys/class/net/eth1/flags", "0x1003\n");
    CHECK(net.eth1().empty()); // no cable
    net.folder.write("sys/class/net/eth1/carrier", "1\n");
    CHECK(net.eth1() == "may: its network link eth1 is up");
    net.folder.write("sys/class/net/eth1/flags", "0x1002\n");
    CHECK(net.eth1().empty());
}

TEST_CASE("the link of this session is found by its address")
{
    ::setenv("SSH_CONNECTION", "127.0.0.1 50000 127.0.0.1 22", 1);
    CHECK(session_link() == OwnLinks{{"lo", "this session came in over it"}});
    ::setenv("SSH_CONNECTION", "::ffff:127.0.0.1 50000 ::ffff:127.0.0.1 22", 1);
    CHECK(session_link() == OwnLinks{{"lo", "this session came in over it"}});
    ::setenv("SSH_CONNECTION", "fe80::2%eth7 50000 fe80::1%eth7 22", 1);
    CHECK(session_link() == OwnLinks{{"eth7", "this session came in over it"}});
    ::setenv("SSH_CONNECTION", "rubbish", 1);
    CHECK(session_link().empty());
    ::setenv("SSH_CONNECTION", "203.0.113.7 1 203.0.113.254 22", 1); // no address of this machine
    CHECK(session_link().empty());
    ::unsetenv("SSH_CONNECTION");

    const Net net;
    const auto use = link_use(*Bdf::parse("0000:01:00.0"), net.folder / "", {{"eth0", "this session came in over it"}});
    REQUIRE(use);
    CHECK(use->blocks);
}
