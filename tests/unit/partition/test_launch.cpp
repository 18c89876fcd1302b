// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <fstream>

#include "partition/give_back.h"
#include "partition/image.h"
#include "partition/launch.h"
#include "rig.h"
#include <algorithm>

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

namespace {

// A partition that has all that it is to run with, and what launch() is given for it.
struct Ready {
    explicit Ready(const Rig::Spec& spec = {}, const std::vector<Bdf>& devices = {})
    {
        input.manifest = std::make_shared<Manifest>(rig.manifests({spec}).manifests.front());
        input.definition = "digest";
        input.machine = rig.computer;
        input.memory_is_clean = true;
        input.build = [this](const firmware::Request& request) {
            seen = request;
            firmware::Firmware result;
            result.entry = result.boot_params = result.page_table = request.memory.front().start;
            return result;
        };
        input.state_directory = rig.directory;
        rig.control->create("db");
        rig.control->take_cpus("db", CpuSet{2, 3});
        rig.control->take_memory("db", 0, 512 * MiB);
        if (!devices.empty())
            rig.control->take_devices("db", devices, false);
    }
    Code code()
    {
        return code_of([this] { launch(*rig.control, input, launched); });
    }

    Rig rig;
    Launch input;
    firmware::Request seen;
    Launched launched;
};

} // namespace

TEST_CASE("the kernel and all initrds together have to fit, and the one that does not is named")
{
    Rig rig;
    for (const auto* name : {"one", "two"}) {
        std::ofstream{rig.directory / name} << "an initrd";
        std::filesystem::resize_file(rig.directory / name, 40 * MiB); // sparse; the partition has 64 MiB
    }
    const auto line = [&rig](const std::string& initrds) {
        auto all = rig.manifests({{.memory = "{size: 64MiB}"}});
        auto manifest = all.manifests.front();
        unsigned number = 20;
        for (const auto& name : {std::string{"one"}, std::string{"two"}})
            if (initrds.find(name) != std::string::npos)
                manifest.kernel.initrds.push_back({(rig.directory / name).string(), {"db.yaml", ++number, 1}});
        std::optional<Finding> finding;
        const auto code = code_of([&] {
            rehearse(
                manifest,
                [](const firmware::Request& request) {
                    CHECK(request.initrds.size() == 1);
                    return firmware::Firmware{};
                },
                finding);
        });
        CHECK(code == (finding ? Code::image_too_large : Code::usage));
        return finding ? finding->at.line : 0U;
    };
    CHECK(line("one") == 0);
    CHECK(line("one two") == 22);
    std::filesystem::resize_file(rig.directory / "one", 64 * MiB - 7); // a byte more than the kernel leaves
    CHECK(line("one") == 21);
    std::filesystem::resize_file(rig.directory / "one", 64 * MiB - 8);
    CHECK(line("one") == 0);
}

TEST_CASE("a device whose bus cannot be shown to the kernel is refused, and nothing runs")
{
    Ready ready{{}, {*Bdf::parse(Rig::drive)}};
    SECTION("no configuration space")
    {
        ready.input.machine.ecam.clear();
    }
    SECTION("no bridge")
    {
        ready.input.machine.buses.clear();
    }
    CHECK(ready.code() == Code::no_such_device);
    CHECK(ready.rig.sim_list().front().state == HeldPartition::State::idle);
}

TEST_CASE("a CPU that is possible, but not there, has no APIC ID to be kept clear of")
{
    Ready ready;
    ready.input.machine.possible.add(99);
    CHECK(ready.code() == Code::usage);
    CHECK(ready.seen.phantom_apic_id == 15);
}

TEST_CASE("distances of nodes are passed on where they are distances")
{
    Ready ready;
    ready.input.machine.nodes.push_back({1, {}, GiB, GiB, {11, 10, 254}});
    ready.input.machine.nodes.push_back({2, {}, GiB, GiB, {255, 10, 10, 77}});
    ready.input.machine.nodes.front().distances = {10};
    CHECK(ready.code() == Code::usage);
    CHECK(ready.seen.node_distances ==
          std::map<std::pair<unsigned, unsigned>, std::uint8_t>{{{1, 0}, 11}, {{1, 2}, 254}});
}

TEST_CASE("a CPU goes by the node of its core")
{
    Ready ready;
    for (auto& core : ready.input.machine.cores)
        if (core.cpus.contains(3))
            core.node = 7;
    std::erase_if(ready.input.machine.cores, [](const Machine::Core& core) { return core.cpus.contains(2); });
    CHECK(ready.code() == Code::usage);
    REQUIRE(ready.seen.cpus.size() == 2);
    CHECK(ready.seen.cpus[0].node == 0);
    CHECK(ready.seen.cpus[1].node == 7);
}

TEST_CASE("a failure of the firmware that is not the manifest's leaves no mark there")
{
    Ready ready;
    ready.input.build = [](const firmware::Request&) -> firmware::Firmware {
        throw Error{Code::invalid_argument, "firmware", "too many buses"};
    };
    CHECK(ready.code() == Code::invalid_argument);
    CHECK_FALSE(ready.launched.finding);
}

TEST_CASE("a partition that went between its reservation and its start is not started")
{
    Ready ready;
    SECTION("all of it")
    {
        REQUIRE_FALSE(give_back(*ready.rig.control, "db", {}));
    }
    SECTION("its CPUs")
    {
        ready.rig.control->give_cpus("db", CpuSet{2, 3});
    }
    CHECK(ready.code() == Code::failed);
}

TEST_CASE("the record of a run is there before the kernel runs, so that no daemon can miss it")
{
    Ready ready;
    ready.rig.control->fail(Rig::Call::start, {Code::start_failed, "CPU 2", "did not answer"});
    CHECK(ready.code() == Code::start_failed);
    CHECK(load_run(ready.rig.directory, "db").definition == "digest");
    CHECK(load_run(ready.rig.directory, "db").id == ready.launched.run.id);
}

TEST_CASE("firmware may lie in the memory or in the slice, and an empty piece is none")
{
    Ready ready;
    const auto held = ready.rig.sim_list().front();
    ready.input.build = [&held](const firmware::Request& request) {
        firmware::Firmware result;
        result.segments.push_back({held.slice + 3, firmware::Bytes(2, std::byte{7})});
        result.segments.push_back({request.memory.front().end - 2, firmware::Bytes(2, std::byte{8})});
        result.segments.push_back({request.memory.front().start, {}});
        result.entry = result.boot_params = result.page_table = request.memory.front().start;
        return result;
    };
    CHECK(ready.code() == Code::usage);
    CHECK(ready.rig.control->map({held.slice, held.slice + page_bytes})->bytes()[4] == std::byte{7});
    const auto end = held.memory.front().end;
    CHECK(ready.rig.control->map({end - page_bytes, end})->bytes()[page_bytes - 1] == std::byte{8});
}
