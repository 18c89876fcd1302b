// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <fstream>

#include "partition/image.h"
#include "partition/launch.h"
#include "rig.h"

using namespace parker;
using Verb = Fleet::Verb;

TEST_CASE("the phantom APIC ID is nobody's, and fits eight bits if one does")
{
    CHECK(phantom_apic_id({0, 2, 4}) == 5);
    CHECK(phantom_apic_id({0, 253}) == 254);
    CHECK(phantom_apic_id({0, 254}) == 253);
    CHECK(phantom_apic_id({0, 253, 254}) == 252);
    CHECK(phantom_apic_id({0, 300}) == 254);
    CHECK(phantom_apic_id({0, 1, 0xffff, 0xffffffff}) == 2);
    std::vector<std::uint32_t> all;
    for (std::uint32_t id = 0; id < 255; ++id)
        all.push_back(id);
    CHECK(phantom_apic_id(all) == 256);
    all.push_back(300);
    CHECK(phantom_apic_id(all) == 301);
}

TEST_CASE("a partition's UUID is its own, and stays the same")
{
    const auto uuid = partition_uuid("b3d5", "db");
    CHECK(uuid == partition_uuid("b3d5", "db"));
    CHECK(uuid != partition_uuid("b3d5", "web"));
    CHECK(uuid != partition_uuid("c4e6", "db"));
    CHECK(std::to_integer<unsigned>(uuid[7]) >> 4 == 8); // RFC 9562: version and variant
    CHECK(std::to_integer<unsigned>(uuid[8]) >> 6 == 2);
}

TEST_CASE("what is wrong with the images stands at its place in the manifest, and nothing is kept")
{
    struct Row {
        const char* name;
        unsigned line;
        const char* outcome;
    };
    const auto row = GENERATE(values<Row>({
        {"missing", 7, "unreadable"},
        {"truncated", 7, "bad-image"},
        {"too large", 7, "image-too-large"},
        {"another one than pinned", 9, "image-mismatch"},
        {"a command line that would endanger the machine", 8, "bad-value"},
    }));
    const std::string name = row.name;
    CAPTURE(name);
    Rig rig;
    Rig::Spec spec;
    const auto path = rig.directory / "vmlinuz";
    if (name == "missing")
        std::filesystem::remove(path);
    if (name == "too large")
        std::filesystem::resize_file(path, GiB); // sparse; the partition has 512 MiB
    if (name == "truncated")
        rig.build_error = Error{Code::bad_image, "kernel image", "is shorter than its header says"};
    if (name.starts_with("a command"))
        rig.build_error = Error{Code::bad_value, "command line", "reboot=t would reset the machine"};
    if (name.starts_with("another"))
        spec.sha256 = sha256("something else");
    rig.define({spec});
    const auto job = rig.fleet->begin(Verb::start, "db");
    rig.drain();
    CHECK(rig.outcome(job) == row.outcome);
    CHECK(rig.phase() == "failed/dead");
    CHECK(rig.status().result == Result::start_failed);
    REQUIRE_FALSE(rig.status().findings.empty());
    const auto finding = rig.status().findings.back();
    CHECK(finding.at.line == row.line);
    CHECK(finding.at.file == spec.file);
    CHECK(finding.partition == "db");
    CHECK(rig.control->history().empty()); // it was refused before anything was taken
    CHECK(rig.holds_nothing());
}

TEST_CASE("an image with the pinned sum starts")
{
    Rig rig;
    Rig::Spec spec;
    spec.sha256 = sha256("a kernel");
    rig.define({spec});
    CHECK(rig.outcome(rig.start()) == "done");
}

TEST_CASE("the firmware is asked for with the machine's own numbers")
{
    Rig rig;
    Rig::Spec spec;
    spec.extra = "credentials: {system.hostname: db}\n";
    rig.computer.nodes.push_back({1, {}, GiB, GiB, {21, 10}});
    rig.computer.nodes.front().distances = {10, 21};
    rig.define({spec});
    const auto manifests = rig.manifests({spec});
    rig.control->create("db");
    rig.control->take_cpus("db", CpuSet{2, 3});
    rig.control->take_memory("db", 0, 512 * MiB);
    rig.control->take_devices("db", {*Bdf::parse(Rig::drive)}, false);
    firmware::Request seen;
    Launch input{std::make_shared<Manifest>(manifests.manifests.front()), "digest", rig.computer, true, {}, {}};
    input.build = [&seen](const firmware::Request& request) {
        seen = request;
        firmware::Firmware result;
        result.entry = result.boot_params = result.page_table = request.memory.front().start;
        return result;
    };
    Launched launched;
    launch(*rig.control, input, launched);
    REQUIRE(seen.cpus.size() == 2);
    CHECK(seen.cpus.front().apic_id == 4);
    CHECK(seen.phantom_apic_id == 15);
    CHECK(seen.tsc_khz == 2'000'000);
    CHECK(seen.slice == rig.sim_list().front().slice);
    CHECK(seen.memory == rig.sim_list().front().memory);
    CHECK(seen.node_distances == std::map<std::pair<unsigned, unsigned>, std::uint8_t>{{{0, 1}, 21}, {{1, 0}, 21}});
    REQUIRE(seen.buses.size() == 1);
    CHECK(seen.buses.front().segment == 1);
    CHECK(seen.buses.front().number == 1);
    CHECK(seen.buses.front().ecam == 0xb010'0000);
    CHECK(seen.buses.front().mem_start == 0xe000'0000);
    CHECK(seen.buses.front().mem_bytes == MiB);
    CHECK(seen.cmdline == "ro");
    CHECK(seen.credentials == std::map<std::string, std::string>{{"system.hostname", "db"}});
}

TEST_CASE("firmware that does not lie in the partition's memory is not written")
{
    Rig rig;
    const auto manifests = rig.manifests({{}});
    rig.control->create("db");
    rig.control->take_cpus("db", CpuSet{2, 3});
    const auto memory = rig.control->take_memory("db", 0, 512 * MiB);
    Launch input{std::make_shared<Manifest>(manifests.manifests.front()), "digest", rig.computer, true, {}, {}};
    input.build = [&memory](const firmware::Request&) {
        firmware::Firmware result;
        result.segments.push_back({memory.front().end - 1, firmware::Bytes(2)});
        return result;
    };
    Launched launched;
    CHECK_THROWS_AS(launch(*rig.control, input, launched), Error);
    CHECK(rig.sim_list().front().state == HeldPartition::State::idle);
}

namespace {

// Of this kind; that devices are not confined is said, too.
Findings findings(const Rig& rig, Code code)
{
    auto found = rig.status().findings;
    std::erase_if(found, [code](const Finding& finding) { return finding.code != code; });
    return found;
}

} // namespace

TEST_CASE("an initial RAM disk without a byte is warned of, and one that brings words is refused")
{
    Rig rig;
    const auto write = [&rig](const char* name, std::string_view content) {
        const auto path = rig.directory / name;
        std::ofstream{path, std::ios::binary} << content;
        return path.string();
    };
    const auto one = write("one.img", "cpio");
    const auto none = write("none.img", "");
    const auto words = write("words.img", "cpio kernel { acpi = off }\n#BOOTCONFIG\n");
    Rig::Spec spec;
    const auto start = [&rig, &spec](const std::string& initrd) {
        spec.initrd = initrd;
        rig.define({spec});
        return rig.outcome(rig.start());
    };
    const auto stop = [&rig] {
        rig.fleet->begin(Verb::kill, "db");
        rig.drain();
    };
    CHECK(start(one) == "done");
    CHECK(findings(rig, Code::bad_image).empty());
    stop();
    CHECK(start("[" + one + ", " + none + "]") == "done");
    const auto warnings = findings(rig, Code::bad_image);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings.front().severity == Severity::warning);
    CHECK(warnings.front().message == none + ": the initial RAM disk has no bytes");
    CHECK(warnings.front().at.line == 9);
    stop();

    CHECK(start(words) == "bad-value");
    const auto refused = findings(rig, Code::bad_value);
    REQUIRE(refused.size() == 1);
    CHECK(refused.front().at.line == 9);
    CHECK(refused.front().severity == Severity::error);
    CHECK_THAT(refused.front().message, Catch::StartsWith(words));
    CHECK(rig.holds_nothing());
    CHECK(start("[" + one + ", " + words + ", " + none + "]") == "bad-value"); // nothing behind it hides it
    CHECK(start("[" + words + ", " + one + "]") == "done");                    // where the kernel does not look
}

TEST_CASE("a partition that may use KVM is warned of, but on AMD")
{
    struct Row {
        const char* vendor;
        const char* extra;
        std::size_t warnings;
    };
    const auto row = GENERATE(values<Row>({
        {"GenuineIntel", "isolation: {virtualization: true}\n", 1},
        {"", "isolation: {virtualization: true}\n", 1},
        {"AuthenticAMD", "isolation: {virtualization: true}\n", 0},
        {"GenuineIntel", "isolation: {virtualization: false}\n", 0},
        {"GenuineIntel", "", 0},
    }));
    CAPTURE(row.vendor, row.extra);
    Rig rig;
    rig.computer.cpu_vendor = row.vendor;
    Rig::Spec spec;
    spec.extra = row.extra;
    rig.define({spec});
    CHECK(rig.outcome(rig.start()) == "done");
    const auto warnings = findings(rig, Code::not_stoppable);
    REQUIRE(warnings.size() == row.warnings);
    if (row.warnings > 0) {
        CHECK(warnings.front().severity == Severity::warning);
        CHECK(warnings.front().at.line == 9);
    }
}

TEST_CASE("what the boot machine is decides what the kernel is told")
{
    Rig rig;
    rig.computer.in_virtual_machine = rig.computer.has_hfi = true;
    Rig::Spec spec;
    spec.extra = "isolation: {virtualization: true}\n";
    const auto manifests = rig.manifests({spec});
    rig.control->create("db");
    rig.control->take_cpus("db", CpuSet{2, 3});
    rig.control->take_memory("db", 0, 512 * MiB);
    firmware::Request seen;
    Launch input{std::make_shared<Manifest>(manifests.manifests.front()), "digest", rig.computer, true, {}, {}};
    input.build = [&seen](const firmware::Request& request) {
        seen = request;
        firmware::Firmware result;
        result.entry = result.boot_params = result.page_table = request.memory.front().start;
        return result;
    };
    Launched launched;
    launch(*rig.control, input, launched);
    CHECK(seen.virtualization);
    CHECK(seen.in_virtual_machine);
    CHECK(seen.hide_hfi);
}

namespace {

class FarControl : public SimulatedControl {
public:
    using SimulatedControl::SimulatedControl;
    std::uint32_t apic_id(unsigned cpu) override { return cpu + 253; }
};

} // namespace

TEST_CASE("a CPU that interrupts do not reach does not start")
{
    Rig rig;
    FarControl control{rig.computer, [&rig] { return rig.now; }};
    const auto manifests = rig.manifests({{}});
    control.create("db");
    control.take_cpus("db", CpuSet{1, 2});
    control.take_memory("db", 0, 512 * MiB);
    Launch input{std::make_shared<Manifest>(manifests.manifests.front()), "digest", rig.computer, true, {}, {}};
    input.build = [](const firmware::Request&) -> firmware::Firmware { throw std::logic_error{"not asked"}; };
    Launched launched;
    CHECK_THROWS_WITH(launch(control, input, launched),
                      "CPU 2: its APIC ID is 255, and a partition's interrupts reach 254 at most");
}
