// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "control/drivers.h"
#include "folder.h"

using namespace parker;

namespace {

const Bdf drive = *Bdf::parse("01:00.0");
const Bdf network = *Bdf::parse("02:00.0");

// /sys/bus/pci with the kernel's reactions.
struct Bus {
    Bus()
    {
        add(drive, "nvme");
        add(network, "e1000e");
    }

    void add(const Bdf& bdf, const std::string& driver)
    {
        folder.write("pci/devices/" + bdf.to_string() + "/driver_override", "(null)\n");
        std::filesystem::create_directories(folder / ("pci/drivers/" + driver));
        folder.write("pci/drivers/" + driver + "/bind", "");
        bind(bdf, driver);
    }
    std::filesystem::path link(const Bdf& bdf) const { return folder / "pci/devices" / bdf.to_string() / "driver"; }
    void bind(const Bdf& bdf, const std::string& driver)
    {
        std::filesystem::remove(link(bdf));
        std::filesystem::create_symlink(folder / "pci/drivers" / driver, link(bdf));
    }
    std::string driver(const Bdf& bdf) const
    {
        return std::filesystem::is_symlink(link(bdf)) ? std::filesystem::read_symlink(link(bdf)).filename().string()
                                                      : "";
    }
    std::string override(const Bdf& bdf) const
    {
        return folder.read("pci/devices/" + bdf.to_string() + "/driver_override");
    }

    void react(const std::filesystem::path& path, std::string_view text)
    {
        const auto relative = path.lexically_relative(folder / "pci").string();
        writes.push_back(relative);
        if (relative == refuse)
            throw Error{Code::device_busy, path, "refused"};
        if (relative.ends_with("driver_override")) {
            folder.write("pci/" + relative, text == "\n" ? "(null)\n" : text);
            return;
        }
        const auto bdf = Bdf::parse(text);
        REQUIRE(bdf);
        if (relative.ends_with("unbind") && *bdf != sticky)
            std::filesystem::remove(link(*bdf));
        else if (relative.ends_with("bind") && *bdf != sticky)
            bind(*bdf, path.parent_path().filename());
        else if (relative == "drivers_probe")
            bind(*bdf, probed);
    }

    Drivers drivers()
    {
        return Drivers{folder / "pci", folder / "run/drivers.json",
                       [this](const std::filesystem::path& path, std::string_view text) { react(path, text); },
                       [this](const std::filesystem::path& function) {
                           return function.filename() == used ? std::optional<std::string>{"sda"} : std::nullopt;
                       }};
    }

    Folder folder;
    std::vector<std::string> writes;
    std::string refuse;           // this attribute cannot be written
    std::optional<Bdf> sticky;    // neither lets go nor is taken back
    std::string probed = "other"; // what a probe ends in
    std::string used;             // the function whose drive is in use
};

} // namespace

TEST_CASE("drivers let go, are remembered, and come back")
{
    Bus bus;
    bus.drivers().release("db", {drive, network});
    CHECK(bus.driver(drive).empty());
    CHECK(bus.driver(network).empty());
    CHECK(bus.override(drive) == "parker\n");
    CHECK(bus.drivers().remembered("db") == std::vector{drive, network}); // by another instance: it is in the file
    CHECK(bus.drivers().remembered("web").empty());
    bus.drivers().restore({drive, network});
    CHECK(bus.driver(drive) == "nvme");
    CHECK(bus.driver(network) == "e1000e");
    CHECK(bus.override(drive) == "(null)\n");
    CHECK(bus.drivers().remembered("db").empty());
}

TEST_CASE("the file is written before anything is unbound, and for root alone")
{
    Bus bus;
    bus.refuse = "devices/0000:01:00.0/driver_override";
    Drivers drivers{bus.folder / "pci", bus.folder / "run/drivers.json",
                    [&bus](const std::filesystem::path&, std::string_view) {
                        struct stat status {};
                        REQUIRE(::stat((bus.folder / "run/drivers.json").c_str(), &status) == 0);
                        CHECK((status.st_mode & 0777) == 0600);
                        throw Error{Code::device_busy, "", "enough seen"};
                    }};
    CHECK_THROWS_AS(drivers.release("db", {drive}), Error);
}

TEST_CASE("a driver that does not let go brings the others back, last first")
{
    Bus bus;
    bus.sticky = network;
    try {
        bus.drivers().release("db", {drive, network});
        FAIL();
    } catch (const Error& error) {
        CHECK(error.code() == Code::device_busy);
        CHECK(error.object() == "0000:02:00.0");
        CHECK(error.reason() == "driver e1000e would not let go of it");
    }
    CHECK(bus.driver(drive) == "nvme");
    CHECK(bus.driver(network) == "e1000e");
    CHECK(bus.override(drive) == "(null)\n");
    CHECK(bus.override(network) == "(null)\n");
    CHECK(bus.drivers().remembered("db").empty());
    CHECK(bus.writes ==
          std::vector<std::string>{"devices/0000:01:00.0/driver_override", "devices/0000:01:00.0/driver/unbind",
                                   "devices/0000:02:00.0/driver_override", "devices/0000:02:00.0/driver/unbind",
                                   "devices/0000:02:00.0/driver_override", "devices/0000:01:00.0/driver_override",
                                   "drivers/nvme/bind"});
}

TEST_CASE("a drive in use is refused before anything is touched")
{
    Bus bus;
    bus.used = network.to_string();
    CHECK_FALSE(bus.drivers().in_use(drive));
    REQUIRE(bus.drivers().in_use(network));
    const std::string foretold = bus.drivers().in_use(network)->what();
    try {
        bus.drivers().release("db", {drive, network});
        FAIL();
    } catch (const Error& error) {
        CHECK(error.code() == Code::device_busy);
        CHECK(std::string{error.what()} ==
              "0000:02:00.0: its drive sda is in use: mounted, swapped to, or part of an array");
        CHECK(error.what() == foretold);
        CHECK(error.suggestion() == "end that use: `lsblk /dev/sda` shows it");
    }
    CHECK(bus.writes.empty());
    CHECK(bus.drivers().remembered("db").empty());
}

TEST_CASE("a function without a driver, and one with an override of its own, come back as they were")
{
    Bus bus;
    std::filesystem::remove(bus.link(drive));
    bus.folder.write("pci/devices/0000:02:00.0/driver_override", "e1000e\n");
    bus.drivers().release("db", {drive, network});
    bus.drivers().restore({drive, network});
    CHECK(bus.driver(drive).empty());
    CHECK(bus.override(network) == "e1000e\n");
    CHECK(bus.driver(network) == "e1000e");
}

TEST_CASE("what will not bind is named, stays remembered, and can be tried again")
{
    Bus bus;
    bus.drivers().release("db", {drive, network});
    bus.sticky = drive;
    try {
        bus.drivers().restore({drive, network});
        FAIL();
    } catch (const Error& error) {
        CHECK(error.code() == Code::not_returned);
        CHECK(error.object() == "0000:01:00.0");
    }
    CHECK(bus.driver(network) == "e1000e"); // does not wait for the other
    CHECK(bus.drivers().remembered("db") == std::vector{drive});

    CHECK_THROWS_AS(bus.drivers().release("web", {drive}), Error); // it is still on its way
    bus.drivers().release("db", {drive});                          // the partition starts again
    bus.sticky.reset();
    bus.drivers().restore({drive});
    CHECK(bus.driver(drive) == "nvme"); // and what it had at first is not forgotten
    CHECK(bus.drivers().remembered("db").empty());
}

TEST_CASE("another driver in its place is not the return that was promised")
{
    Bus bus;
    bus.drivers().release("db", {drive});
    std::filesystem::remove_all(bus.folder / "pci/drivers/nvme"); // its module is gone
    CHECK_THROWS_AS(bus.drivers().restore({drive}), Error);
    CHECK(bus.driver(drive) == "other");
    bus.probed = "nvme";
    std::filesystem::create_directories(bus.folder / "pci/drivers/nvme");
    bus.drivers().restore({drive});
    CHECK(bus.driver(drive) == "nvme");
}

TEST_CASE("a function that was unplugged is not waited for")
{
    Bus bus;
    bus.drivers().release("db", {drive});
    std::filesystem::remove_all(bus.folder / "pci/devices/0000:01:00.0");
    bus.drivers().restore({drive});
    CHECK(bus.drivers().remembered("db").empty());
    CHECK_THROWS_AS(bus.drivers().release("db", {drive}), Error);
}

TEST_CASE("a damaged file is an error, not a guess")
{
    const auto* text =
        GENERATE("", "[]", "{\"x\": {}}", "{\"0000:01:00.0\": 1}", "{\"0000:01:00.0\": {\"driver\": \"a\"}}",
                 "{\"0000:01:00.0\": {\"partition\":\"db\",\"driver\":\"../../x\",\"override\":\"\"}}");
    CAPTURE(text);
    Bus bus;
    bus.folder.write("run/drivers.json", text);
    CHECK_THROWS_AS(bus.drivers().remembered("db"), Error);
}
