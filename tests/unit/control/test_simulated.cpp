// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <parker.h>
#include <parker_control.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "control/simulated.h"

using namespace parker;
using namespace std::chrono_literals;

namespace {

using Clock = SimulatedControl::Clock;

Machine small_machine()
{
    Machine m;
    m.online = m.possible = CpuSet{0, 1, 2, 3};
    m.possible.add(4); // known, not online
    m.nodes.push_back({0, m.online, 4 * GiB, GiB});
    Machine::PciFunction port, drive, second;
    port.bdf = *Bdf::parse("00:01.0");
    port.is_bridge = true;
    drive.bdf = *Bdf::parse("01:00.0");
    second.bdf = *Bdf::parse("01:00.1");
    drive.parent = second.parent = port.bdf;
    Machine::PciFunction chipset;
    chipset.bdf = *Bdf::parse("00:1f.0");
    m.functions = {port, chipset, drive, second};
    return m;
}

struct Simulation {
    explicit Simulation(SimulatedControl::Options options = {})
        : control{small_machine(), [this] { return now; }, options}
    {
    }
    Code code(const std::function<void(Control&)>& call)
    {
        try {
            call(control);
        } catch (const Error& error) {
            return error.code();
        }
        return Code::usage;
    }
    Clock::time_point now{1h};
    SimulatedControl control;
};

const std::vector<Bdf> both{*Bdf::parse("01:00.0"), *Bdf::parse("01:00.1")};

} // namespace

TEST_CASE("what is slow holds up nobody who only looks")
{
    Simulation s;
    s.control.create("db");
    s.control.slow_down(SimulatedControl::Call::take_cpus, 1s, "db");
    std::atomic<bool> done = false;
    std::thread taking{[&s, &done] {
        s.control.take_cpus("db", CpuSet{2});
        done = true;
    }};
    std::this_thread::sleep_for(100ms); // it has begun
    CHECK(s.control.find("db")->cpus.empty());
    s.control.create("web");
    s.control.take_cpus("web", CpuSet{3}); // this is somebody else
    CHECK_FALSE(done);
    taking.join();
    CHECK(s.control.find("db")->cpus == CpuSet{2});
}

TEST_CASE("the simulated machine keeps the module's rules")
{
    Simulation s;
    s.control.create("db");
    s.control.create("web");
    CHECK(s.code([](Control& c) { c.create("db"); }) == Code::wrong_state);
    CHECK(s.code([](Control& c) { c.take_cpus("none", CpuSet{1}); }) == Code::no_such_partition);
    CHECK(s.code([](Control& c) { c.take_cpus("db", CpuSet{0}); }) == Code::boot_cpu);
    CHECK(s.code([](Control& c) { c.take_cpus("db", CpuSet{4}); }) == Code::cpu_busy);
    CHECK(s.code([](Control& c) { c.take_cpus("db", CpuSet{9}); }) == Code::no_such_cpu);
    s.control.take_cpus("db", CpuSet{1, 2});
    CHECK(s.code([](Control& c) { c.take_cpus("web", CpuSet{2, 3}); }) == Code::cpu_busy);
    CHECK(s.control.find("web")->cpus.empty()); // all or nothing
    CHECK(s.code([](Control& c) { c.give_cpus("web", CpuSet{2}); }) == Code::invalid_argument);
    CHECK(s.code([](Control& c) { c.take_devices("db", {*Bdf::parse("00:01.0")}, false); }) == Code::bridge);
    CHECK(s.code([](Control& c) { c.take_devices("db", {*Bdf::parse("00:1f.0")}, false); }) == Code::root_bus);
    CHECK(s.code([](Control& c) { c.take_devices("db", {both.front()}, false); }) == Code::shared_bus);
    CHECK(s.code([](Control& c) { c.take_devices("db", both, true); }) == Code::dma_unconfined);
    s.control.take_devices("db", both, false);
    CHECK(s.code([](Control& c) { c.take_devices("web", both, false); }) == Code::device_busy);
    CHECK(s.code([](Control& c) { c.destroy("db"); }) == Code::wrong_state);
    s.control.give_devices("db", both);
    s.control.give_cpus("db", CpuSet{1, 2});
    s.control.destroy("db");
    CHECK(s.control.list().size() == 1);
}

TEST_CASE("simulated memory is finite, and comes in several ranges if it must")
{
    SimulatedControl::Options options;
    options.largest_range = 256 * MiB;
    Simulation s{options};
    s.control.create("db");
    CHECK(s.control.take_memory("db", 0, 512 * MiB).size() == 2);
    CHECK(s.code([](Control& c) { c.take_memory("db", 0, GiB); }) == Code::memory_busy);
    CHECK(s.code([](Control& c) { c.take_memory("db", 7, GiB); }) == Code::no_such_node);
    const auto ranges = s.control.find("db")->memory;
    REQUIRE(ranges.size() == 2);
    CHECK(ranges[0].end <= ranges[1].start);
    s.control.give_memory("db", ranges[1]);
    CHECK(s.control.find("db")->memory.size() == 1);
    CHECK(s.control.take_memory("db", 0, 768 * MiB).size() >= 3);
}

TEST_CASE("low slices run out")
{
    SimulatedControl::Options options;
    options.slices = 1;
    Simulation s{options};
    s.control.create("db");
    CHECK(s.control.info().slices_free == 0);
    CHECK(s.code([](Control& c) { c.create("web"); }) == Code::no_low_slice);
}

TEST_CASE("a simulated kernel runs, beats, hears the power button, and holds what it has meanwhile")
{
    Simulation s;
    s.control.create("db");
    s.control.take_cpus("db", CpuSet{1});
    const auto start = s.control.take_memory("db", 0, 64 * MiB).front().start;
    CHECK(s.code([start](Control& c) { c.start("db", {start, start, 0x1000, 1}); }) == Code::failed); // outside
    CHECK(s.code([start](Control& c) { c.start("db", {start, start, start, 2}); }) == Code::invalid_argument);
    s.control.start("db", {start, start, start, 1});
    CHECK(s.code([](Control& c) { c.give_cpus("db", CpuSet{1}); }) == Code::wrong_state);
    CHECK(s.code([](Control& c) { c.destroy("db"); }) == Code::wrong_state);
    CHECK(s.control.advance().empty());
    CHECK(s.control.next_event() == s.now + 1s);
    s.now += 1s;
    CHECK(s.control.advance() == std::vector<std::string>{"db"}); // the first beat is an event
    s.now += 5s;
    CHECK(s.control.advance().empty()); // the others are not
    CHECK(s.control.find("db")->heartbeat == 6);

    const auto slice = s.control.find("db")->slice;
    const auto page = s.control.map({slice, slice + page_bytes});
    const std::uint32_t button = PARKER_COMMAND_POWER_BUTTON;
    std::memcpy(page->bytes().data() + PARKER_CTL_COMMAND, &button, sizeof button);
    s.now += 2s;
    CHECK(s.control.advance().empty());
    s.now += 2s;
    CHECK(s.control.advance() == std::vector<std::string>{"db"});
    CHECK(s.control.find("db")->state == HeldPartition::State::exited);
    CHECK(s.control.find("db")->exit == HeldPartition::Exit::poweroff);
    s.control.kill("db");
    CHECK(s.control.find("db")->state == HeldPartition::State::idle);
    CHECK(s.control.find("db")->exit == HeldPartition::Exit::none);
    CHECK_FALSE(s.control.next_event());
}

TEST_CASE("simulated memory is what was written to it, and zero again when taken anew")
{
    Simulation s;
    s.control.create("db");
    const auto range = s.control.take_memory("db", 0, 64 * MiB).front();
    const MemoryRange last{range.end - page_bytes, range.end};
    s.control.map(last)->bytes()[5] = std::byte{7};
    CHECK(s.control.map(range)->bytes()[range.bytes() - page_bytes + 5] == std::byte{7});
    const auto first = s.control.map({range.start, range.start + page_bytes})->bytes();
    first[0] = first[9] = std::byte{7};
    s.control.map(last)->zero();
    CHECK(s.control.map(last)->bytes()[5] == std::byte{0});
    s.control.map({range.start + 8, range.start + 16})->zero(); // no whole page
    CHECK((first[0] == std::byte{7} && first[9] == std::byte{0}));
    s.control.map(last)->bytes()[5] = std::byte{7};
    CHECK(s.code([&range](Control& c) { c.map({range.end, range.end + page_bytes}); }) == Code::kernel_refused);
    s.control.give_memory("db", range);
    CHECK(s.code([&last](Control& c) { c.map(last); }) == Code::kernel_refused);
    CHECK(s.control.take_memory("db", 0, 64 * MiB).front() == range);
    CHECK(s.control.map(last)->bytes()[5] == std::byte{0});
}

TEST_CASE("failures come when asked for, and do nothing")
{
    Simulation s;
    const Error error{Code::kernel_refused, "test", "no"};
    s.control.fail(SimulatedControl::Call::create, error, 2);
    CHECK(s.code([](Control& c) { c.create("db"); }) == Code::kernel_refused);
    CHECK(s.code([](Control& c) { c.create("db"); }) == Code::kernel_refused);
    s.control.create("db");
    s.control.fail_nth(2, error);
    s.control.take_cpus("db", CpuSet{1});
    CHECK(s.code([](Control& c) { c.take_memory("db", 0, 64 * MiB); }) == Code::kernel_refused);
    CHECK(s.control.find("db")->memory.empty());
    CHECK(s.control.history() == std::vector<std::string>{"create db", "take_cpus db 1"});
}

TEST_CASE("failures may be of one partition alone")
{
    Simulation s;
    s.control.fail(SimulatedControl::Call::create, {Code::kernel_refused, "test", "no"}, 1, "db");
    s.control.create("web");
    CHECK(s.code([](Control& c) { c.create("db"); }) == Code::kernel_refused);
    s.control.create("db");
    CHECK(SimulatedControl::find_call("take-memory") == SimulatedControl::Call::take_memory);
    CHECK_FALSE(SimulatedControl::find_call("take"));
}

TEST_CASE("a simulated kernel meets its fate each time that it is started")
{
    Simulation s;
    s.control.create("db");
    s.control.take_cpus("db", CpuSet{1});
    const auto start = s.control.take_memory("db", 0, 64 * MiB).front().start;
    s.control.destine("db", HeldPartition::Exit::panic, 3500ms);
    for (int again = 0; again < 2; ++again) {
        s.control.start("db", {start, start, start, 1});
        s.now += 3s;
        s.control.advance();
        CHECK(s.control.find("db")->state == HeldPartition::State::running);
        CHECK(s.control.next_event() == s.now + 500ms);
        s.now += 500ms;
        CHECK(s.control.advance() == std::vector<std::string>{"db"});
        CHECK(s.control.find("db")->exit == HeldPartition::Exit::panic);
        s.control.kill("db");
    }
    s.control.destine("db", std::nullopt, 1500ms);
    s.control.start("db", {start, start, start, 1});
    const auto before = s.control.find("db")->heartbeat;
    s.now += 20s;
    s.control.advance();
    CHECK(s.control.find("db")->heartbeat == before + 1);
    CHECK(s.control.find("db")->state == HeldPartition::State::running);
    CHECK_FALSE(s.control.next_event());
}
