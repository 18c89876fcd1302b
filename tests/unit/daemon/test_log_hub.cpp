// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/log_hub.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <future>
#include <nlohmann/json.hpp>

#include "control/simulated.h"
#include "image.h"
#include "introspect/panic.h"
#include "maze.h"

using namespace parker;
using namespace std::chrono_literals;
using introspect::Image;

namespace {

constexpr std::uint64_t bad_bytes = 8 * MiB;

// A simulated machine whose memory is where an Image has it; and a third node for another partition.
Machine machine()
{
    Machine m;
    for (unsigned node = 0; node < 3; ++node) {
        const auto bytes = node < 2 ? Image::range_bytes[node] : bad_bytes;
        Machine::Core core;
        core.node = node;
        core.cpus.add(node);
        m.cores.push_back(core);
        m.online.add(node);
        m.nodes.push_back({node, core.cpus, bytes, bytes});
    }
    m.possible = m.online;
    return m;
}

class Reader {
public:
    explicit Reader(Fd fd) : fd_{std::move(fd)} {}

    // The next line; nothing: the other end is closed. Fails when there is none for long.
    std::optional<nlohmann::json> next()
    {
        for (;;) {
            if (const auto end = text_.find('\n'); end != std::string::npos) {
                auto json = nlohmann::json::parse(text_.substr(0, end));
                text_.erase(0, end + 1);
                return json;
            }
            pollfd wait{fd_.get(), POLLIN, 0};
            REQUIRE(::poll(&wait, 1, 60000) == 1); // a look may take 30 s, on a machine that is slow beyond measure
            std::array<char, 65536> bytes;
            const auto got = ::read(fd_.get(), bytes.data(), bytes.size());
            if (got <= 0)
                return std::nullopt;
            text_.append(bytes.data(), static_cast<std::size_t>(got));
        }
    }

    // The same in short: "run 1", "text", "lost 3", "unreadable", "end panic cause".
    std::string line()
    {
        const auto json = next();
        if (!json)
            return "closed";
        const auto text = [&json](const char* key) { return json->at(key).get<std::string>(); };
        if (text("kind") == "run")
            return "run " + text("run");
        if (text("kind") == "record")
            return text("text");
        if (text("kind") == "lost")
            return "lost " + std::to_string(json->at("records").get<unsigned>());
        if (text("kind") == "end")
            return "end " + text("result") + ' ' + text("cause");
        return text("kind");
    }

    Fd& fd() { return fd_; }

private:
    Fd fd_;
    std::string text_;
};

// Counts what is mapped.
class CountingControl : public SimulatedControl {
public:
    using SimulatedControl::SimulatedControl;

    std::unique_ptr<Mapping> map(const MemoryRange& range) override
    {
        if (before_map)
            before_map(range);
        return std::make_unique<Counted>(SimulatedControl::map(range), mapped);
    }

    std::atomic<int> mapped = 0;
    std::function<void(const MemoryRange&)> before_map; // set before somebody looks

private:
    struct Counted : Mapping {
        Counted(std::unique_ptr<Mapping> mapping, std::atomic<int>& count) : real{std::move(mapping)}, mapped{count}
        {
            ++mapped;
        }
        ~Counted() override { --mapped; }
        std::span<std::byte> bytes() override { return real->bytes(); }

        std::unique_ptr<Mapping> real;
        std::atomic<int>& mapped;
    };
};

struct Stage {
    explicit Stage(Image::Options options = {}) : image{std::move(options)}
    {
        control.create("db");
        control.take_cpus("db", {1});
        for (unsigned node = 0; node < 2; ++node)
            control.take_memory("db", node, Image::range_bytes[node]);
        for (const auto& range : held().memory)
            mappings.push_back(control.SimulatedControl::map(range));
        show_all();
    }

    HeldPartition held() { return *control.find("db"); }

    // What the image's kernel has written becomes visible in the partition.
    void show()
    {
        constexpr std::size_t ring = Image::physical_of(0) - Image::range_start[0];
        constexpr std::size_t texts = Image::range_bytes[1] - 0x80000;
        // As a kernel does it: the text first, then the descriptor that says that it is whole.
        std::memcpy(&mappings.at(1)->bytes()[texts], &image.bytes(1)[texts], 0x80000);
        std::memcpy(&mappings.at(0)->bytes()[ring], &image.bytes(0)[ring], 0x50000);
    }
    void show_all()
    {
        for (const auto i : {1U, 0U})
            std::memcpy(mappings.at(i)->bytes().data(), image.bytes(i).data(), image.bytes(i).size());
    }
    void log(const std::string& text)
    {
        image.log(text);
        show();
    }
    void runs(const std::string& id) { hub.runs(held(), {id, "6.1.0-test", 1'000'000}); }
    std::string end(const std::string& id, const std::string& result)
    {
        const auto autopsy = [](const introspect::Kernel* kernel) {
            return kernel == nullptr ? std::string{} : introspect::cause_of_death(kernel->ring());
        };
        return hub.end(held(), {id, "6.1.0-test", 1'000'000}, result, again, autopsy,
                       [this](const Inside* inside) { seen = inside != nullptr && inside->kernel() != nullptr; });
    }

    introspect::Vitals vitals()
    {
        const auto told = std::make_shared<std::promise<introspect::Vitals>>();
        auto answer = told->get_future();
        hub.ask_vitals("db", [told](const introspect::Vitals& vitals) { told->set_value(vitals); });
        REQUIRE(answer.wait_for(20s) == std::future_status::ready);
        return answer.get();
    }

    // Another partition, whose kernel is up to no good.
    HeldPartition bad(std::optional<introspect::Maze> maze = {})
    {
        control.create("bad");
        control.take_cpus("bad", {2});
        control.take_memory("bad", 2, bad_bytes);
        const auto held = *control.find("bad");
        bad_memory = control.SimulatedControl::map(held.memory.front());
        if (maze)
            introspect::lay_out(*maze, bad_memory->bytes(), held.memory.front().start);
        return held;
    }

    CountingControl control{machine(), &SimulatedControl::Clock::now};
    Image image;
    std::vector<std::unique_ptr<Mapping>> mappings;
    std::unique_ptr<Mapping> bad_memory;
    std::vector<std::string> given_up; // of hub
    std::mutex given_up_mutex;
    bool again = true; // the next kernel finds this memory as it is
    bool seen = false; // a kernel was there at the end
    LogHub hub{control, [this](const std::string& name, const LogRun& run, const std::string& why) {
                   const std::lock_guard lock{given_up_mutex};
                   given_up.push_back(name + ' ' + run.id + ": " + why);
               }};
};

} // namespace

TEST_CASE("A follower gets a log from its first line on, and each line as it comes")
{
    Stage stage;
    REQUIRE(stage.held().memory.front().start == Image::range_start[0]);
    Reader reader{stage.hub.open("db", true)};
    stage.log("Linux version 6.1");
    stage.runs("1");
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == "Linux version 6.1");
    stage.log("more");
    CHECK(reader.line() == "more");
    stage.runs("1"); // said again
    stage.log("Kernel panic - not syncing: test");
    CHECK(reader.line() == "Kernel panic - not syncing: test");

    Reader late{stage.hub.open("db", true)};
    CHECK(late.line() == "run 1");
    CHECK(late.line() == "Linux version 6.1");
    CHECK(late.line() == "more");
}

TEST_CASE("A record has all its fields, and text that is no UTF-8 does no harm")
{
    Stage stage;
    stage.image.log("a\xff\n\x1b[31m",
                    {.time_nsec = 5'000'000'001, .level = 3, .facility = 1, .continues = true, .caller = 7});
    stage.image.log("b", {.caller = 0x8000'0003});
    stage.show();
    stage.runs("1");
    Reader reader{stage.hub.open("db", false)};
    auto json = reader.next();
    REQUIRE(json);
    CHECK(*json ==
          nlohmann::json{{"kind", "run"}, {"run", "1"}, {"kernel_release", "6.1.0-test"}, {"started_usec", 1'000'000}});
    json = reader.next();
    REQUIRE(json);
    CHECK(*json == nlohmann::json{{"kind", "record"},
                                  {"seq", 0},
                                  {"time_nsec", 5'000'000'001},
                                  {"level", 3},
                                  {"facility", 1},
                                  {"continues", true},
                                  {"caller", "T7"},
                                  {"text", "a\xef\xbf\xbd\n\x1b[31m"}});
    json = reader.next();
    REQUIRE(json);
    CHECK(json->at("caller") == "C3");
    CHECK(reader.line() == "closed"); // as it does not follow
}

TEST_CASE("The last words and the cause come before the end, though nobody had time to look")
{
    Stage stage;
    Reader reader{stage.hub.open("db", true)};
    stage.image.log("Kernel panic - not syncing: test");
    stage.image.commit(stage.image.reserve("without a newline", {}));
    stage.show();
    CHECK(stage.end("1", "panic") == "Kernel panic - not syncing: test");
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == "Kernel panic - not syncing: test");
    CHECK(reader.line() == "without a newline");
    CHECK(reader.line() == "end panic Kernel panic - not syncing: test");

    SECTION("and the next kernel in that memory is not taken for this one")
    {
        stage.runs("2");
        CHECK(reader.line() == "run 2");
        Reader now{stage.hub.open("db", false)};
        CHECK(now.line() == "run 2");
        CHECK(now.line() == "unreadable");
        CHECK(now.line() == "closed");
        stage.image.put_note(Image::note_at, stage.image.note()); // it has come so far
        stage.image.log("new");
        stage.show_all();
        CHECK(reader.line() == "Kernel panic - not syncing: test"); // it is the same ring in this test
    }
    SECTION("and whoever follows hears that the partition is gone")
    {
        stage.hub.gone("db");
        CHECK(reader.line() == "closed");
    }
}

TEST_CASE("A kernel that dies before it has a note leaves its log, and the next is not taken for it")
{
    Stage stage{{.early = true}};
    Reader reader{stage.hub.open("db", true)};
    stage.image.log(stage.image.banner());
    stage.image.log("Kernel panic - not syncing: early");
    stage.show_all();
    stage.runs("1");
    CHECK(stage.end("1", "boot-timeout") == "Kernel panic - not syncing: early");
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == stage.image.banner());
    CHECK(reader.line() == "Kernel panic - not syncing: early");
    CHECK(reader.line() == "end boot-timeout Kernel panic - not syncing: early");
    CHECK(stage.end("2", "boot-timeout").empty());
    CHECK(reader.line() == "run 2");
    CHECK(reader.line() == "unreadable");
    CHECK(reader.line() == "end boot-timeout ");
}

TEST_CASE("A kernel that stands still before it has a note can be read after a while, and goes on to be")
{
    Stage stage{{.early = true}};
    stage.image.log(stage.image.banner());
    stage.show_all();
    stage.runs("1");
    Reader reader{stage.hub.open("db", true)};
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == stage.image.banner());
    CHECK_FALSE(stage.vitals().load_average);
    stage.image.put_note(Image::note_at, stage.image.note());
    stage.image.log("more");
    stage.show_all();
    CHECK(reader.line() == "more");
    Reader once{stage.hub.open("db", false)};
    CHECK(once.line() == "run 1");
    CHECK(once.line() == stage.image.banner());
    CHECK(once.line() == "more");
    CHECK(once.line() == "closed");
}

TEST_CASE("The end of a kernel that nobody followed, or that left no log")
{
    Stage stage;
    CHECK(stage.end("1", "success").empty());
    stage.control.give_memory("db", stage.held().memory.back());
    stage.control.give_memory("db", stage.held().memory.back());
    Reader reader{stage.hub.open("db", true)};
    CHECK(stage.end("1", "panic").empty());
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == "unreadable");
    CHECK(reader.line() == "end panic ");
}

TEST_CASE("Who does not follow is told that no kernel runs: before it does, at its end, and after")
{
    Stage stage;
    const auto none = [&stage] {
        Reader reader{stage.hub.open("db", false)};
        return reader.line() == "unreadable" && reader.line() == "closed";
    };
    Reader follower{stage.hub.open("db", true)};
    CHECK(none());
    stage.runs("1");
    CHECK(follower.line() == "run 1");
    bool meanwhile = false;
    const auto autopsy = [&none, &meanwhile](const introspect::Kernel* /*kernel*/) {
        meanwhile = none();
        return std::string{};
    };
    stage.hub.end(stage.held(), {"1", "6.1.0-test", 1'000'000}, "success", false, autopsy, [](const Inside*) {});
    CHECK(meanwhile);
    CHECK(none());
    CHECK(follower.line() == "end success ");
}

TEST_CASE("A reader who takes nothing holds up nobody, and is told what it missed")
{
    Stage stage{{.count_bits = 8, .size_bits = 18}};
    Reader slow{stage.hub.open("db", true)};
    Reader quick{stage.hub.open("db", true)};
    stage.runs("1");
    CHECK(quick.line() == "run 1");
    unsigned written = 0;
    for (; written < 12000; ++written) { // all of it is much more than a socket holds
        stage.image.log(std::to_string(written) + std::string(900, '.'));
        if (written % 200 != 0)
            continue;
        stage.show(); // fits into the ring, and is read before the next lot
        for (auto seen = quick.line(); !seen.starts_with(std::to_string(written) + '.'); seen = quick.line())
            ;
    }
    stage.show();
    CHECK(slow.line() == "run 1");
    unsigned lines = 0;
    unsigned lost = 0;
    while (lines + lost < written) {
        const auto line = slow.line();
        if (line.starts_with("lost "))
            lost += static_cast<unsigned>(std::stoul(line.substr(5)));
        else
            ++lines;
    }
    CHECK(lines + lost == written);
    CHECK(lost > 0);
}

TEST_CASE("A kernel that overwrites its log is told of, and followed again when there is a log")
{
    Stage stage;
    stage.log("one");
    stage.runs("1");
    Reader reader{stage.hub.open("db", true)};
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == "one");
    for (auto& mapping : stage.mappings)
        std::memset(mapping->bytes().data(), 0xa5, mapping->bytes().size());
    CHECK(reader.line() == "unreadable");
    stage.image.log("two");
    stage.show_all();
    CHECK(reader.line() == "two");
}

TEST_CASE("While a look at one partition does not come back, others are followed, asked about, and ended")
{
    Stage stage{{.symbols = Image::Options::Symbols::plain}};
    stage.image.poke(Image::physical_of(Image::online_at), 1);
    stage.show_all();
    const auto bad = stage.bad();
    std::promise<void> entered;
    std::promise<void> gate;
    std::atomic<int> looks = 0;
    stage.control.before_map = [&, opened = gate.get_future().share()](const MemoryRange& range) {
        if (range.start != bad.memory.front().start)
            return;
        if (looks++ == 0)
            entered.set_value();
        opened.wait();
    };
    stage.hub.runs(bad, {"1", "6.1.0-test", 1'000'000});
    Reader stuck{stage.hub.open("bad", true)};
    entered.get_future().wait();
    stage.hub.ask_vitals("bad", [](const introspect::Vitals&) {});
    stage.hub.runs(bad, {"2", "6.1.0-test", 1'000'000});
    auto ended = std::async(std::launch::async, [&] {
        return stage.hub.end(
            bad, {"2", "6.1.0-test", 1'000'000}, "killed", false, [](const auto*) { return std::string{}; },
            [](const Inside*) {});
    });

    Reader reader{stage.hub.open("db", true)};
    stage.log("one");
    stage.runs("1");
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == "one");
    CHECK(stage.vitals().load_average);
    stage.log("Kernel panic - not syncing: test");
    CHECK(reader.line() == "Kernel panic - not syncing: test");
    CHECK(stage.end("1", "panic") == "Kernel panic - not syncing: test");
    CHECK(reader.line() == "end panic Kernel panic - not syncing: test");
    stage.hub.gone("db");
    CHECK(reader.line() == "closed");
    CHECK(ended.wait_for(0s) == std::future_status::timeout);
    gate.set_value();
    CHECK(ended.get().empty());
    CHECK(stage.control.mapped == 0);
}

TEST_CASE("A kernel whose memory leads astray: the look is given up, who follows is told why, and its end is an end")
{
    Stage stage;
    const auto bad = stage.bad(introspect::Maze::dense);
    Reader reader{stage.hub.open("bad", true)};
    stage.hub.runs(bad, {"1", "6.1.0-test", 1'000'000});
    CHECK(reader.line() == "run 1");
    const auto end = [&](const std::string& run, const std::function<bool()>& hurry) {
        return stage.hub.end(
            bad, {run, "6.1.0-test", 1'000'000}, "panic", false, [](const auto*) { return std::string{}; },
            [](const Inside*) {}, hurry);
    };
    SECTION("while it runs")
    {
        CHECK(reader.line() == "unreadable");
        const std::lock_guard lock{stage.given_up_mutex};
        REQUIRE(stage.given_up.size() == 1);
        CHECK(stage.given_up.front().starts_with("bad 1: the search for its kernel's log was given up after "));
    }
    SECTION("when it has ended")
    {
        CHECK(end("1", {}).empty());
        const auto why = reader.next();
        REQUIRE(why);
        CHECK(why->at("kind") == "unreadable");
        CHECK(why->at("why").get<std::string>().find("leads astray") != std::string::npos);
        CHECK(reader.line() == "end panic ");
        CHECK(stage.given_up.size() == 1);
    }
    SECTION("at once, when somebody is in a hurry")
    {
        unsigned asked = 0;
        CHECK(end("1", [&asked] {
                  ++asked;
                  return true;
              }).empty());
        CHECK(asked > 0);
        CHECK(asked < 10); // once in a thousand steps, until it was noticed
        CHECK(reader.line() == "unreadable");
        CHECK(reader.line() == "end panic ");
        CHECK(stage.given_up.empty()); // nobody's fault
    }
    SECTION("and the next kernel there is found")
    {
        CHECK(end("1", [] { return true; }).empty());
        CHECK(reader.line() == "unreadable");
        CHECK(reader.line() == "end panic ");
        std::memset(stage.bad_memory->bytes().data(), 0, bad_bytes);
        stage.hub.runs(bad, {"2", "6.1.0-test", 1'000'000});
        CHECK(reader.line() == "run 2");
    }
    CHECK(stage.control.mapped <= 1);
}

TEST_CASE("Nobody looks into memory that is given back, also when another hand ended the kernel")
{
    Stage stage;
    stage.hub.away("db"); // nobody has ever asked
    stage.log("one");
    stage.runs("1");
    Reader reader{stage.hub.open("db", true)};
    CHECK(reader.line() == "run 1");
    CHECK(reader.line() == "one");
    CHECK(stage.control.mapped == 2);
    stage.hub.away("db");
    CHECK(stage.control.mapped == 0);
    CHECK(reader.line() == "end unknown ");
    std::this_thread::sleep_for(300ms); // it would have looked again
    CHECK(stage.control.mapped == 0);
    stage.runs("2");
    CHECK(reader.line() == "run 2");
    CHECK(reader.line() == "one");
}

TEST_CASE("One user's readers leave room for others', and all users' for root's")
{
    Stage stage;
    std::vector<Fd> readers;
    const auto open = [&](const std::string& name, std::optional<std::uint32_t> user) {
        try {
            readers.push_back(stage.hub.open(name, true, user));
            return std::string{"opened"};
        } catch (const Error& error) {
            CHECK(error.code() == Code::limit_exceeded);
            return std::string{error.what()};
        }
    };
    for (std::size_t i = 0; i < LogHub::most_of_user; ++i)
        CHECK(open("db", 1000) == "opened");
    CHECK(open("db", 1000) == "partition db: its log has 8 readers of this user, the most there can be");
    CHECK(open("web", 1000) == "opened");
    for (std::uint32_t user = 1001; user < 1003; ++user)
        for (std::size_t i = 0; i < LogHub::most_of_user; ++i)
            CHECK(open("db", user) == "opened");
    CHECK(open("db", 1003) == "partition db: its log has 24 readers who are not root, the most there can be");
    CHECK(open("db", std::nullopt) == "opened");
    for (unsigned i = 0; readers.size() < LogHub::most_logs_of_user + 2 * LogHub::most_of_user + 1; ++i)
        REQUIRE(open("other-" + std::to_string(i), 1000) == "opened");
    CHECK(open("one-more", 1000) == "caller: reads 64 logs already, the most there can be");
    readers.erase(readers.begin());
    std::string said;
    for (int i = 0; i < 200 && said != "opened"; ++i) {
        said = open("db", 1000);
        ::usleep(50'000);
    }
    CHECK(said == "opened");
}

TEST_CASE("The number of readers is limited, and those that left do not count")
{
    Stage stage;
    std::vector<Fd> readers;
    for (std::size_t i = 0; i < LogHub::most_followers; ++i)
        readers.push_back(stage.hub.open("db", true));
    CHECK_THROWS_AS(stage.hub.open("db", true), Error);
    CHECK_NOTHROW(stage.hub.open("web", true));
    readers.pop_back();
    for (int i = 0; i < 200; ++i) {
        try {
            readers.push_back(stage.hub.open("db", true));
            break;
        } catch (const Error&) {
            ::usleep(50'000);
        }
    }
    CHECK(readers.size() == LogHub::most_followers);
}

TEST_CASE("Who asks is told how the kernel fares, followed or not")
{
    Stage stage{{.symbols = Image::Options::Symbols::plain}};
    stage.image.poke(Image::physical_of(Image::online_at), 1); // of the image's CPUs: the partition has one
    stage.show_all();
    stage.runs("1");
    std::optional<Reader> reader;
    if (GENERATE(false, true)) {
        reader.emplace(stage.hub.open("db", true));
        CHECK(reader->line() == "run 1");
    }
    const auto vitals = stage.vitals();
    CHECK(vitals.load_average == std::array{1.5, 0.25, 0.0});
    CHECK(vitals.memory_total == 4 * MiB);
    REQUIRE(vitals.cpus.size() == 1);
    CHECK(stage.control.mapped == 2); // it is kept, for who asks again

    SECTION("as it is now, not as it was")
    {
        const auto one = std::uint64_t{1} << 11;
        std::memcpy(&stage.mappings.at(0)->bytes()[Image::physical_of(Image::load_at) - Image::range_start[0]], &one,
                    8);
        CHECK(stage.vitals().load_average == std::array{1.0, 0.25, 0.0});
    }
    SECTION("and nothing of it stays when the partition ends")
    {
        CHECK(stage.end("1", "hung").empty());
        CHECK(stage.control.mapped == 0);
        CHECK_FALSE(stage.vitals().load_average); // nothing runs there
        CHECK(stage.control.mapped == 0);
        stage.hub.gone("db");
        CHECK_FALSE(stage.vitals().load_average);
    }
    SECTION("also of the next kernel, whose symbols lie elsewhere")
    {
        stage.end("1", "reboot");
        stage.image = Image{{.symbols = Image::Options::Symbols::absolute_percpu}};
        stage.image.poke(Image::physical_of(Image::online_at), 1);
        stage.show_all();
        stage.runs("2");
        CHECK(stage.vitals().cpus.size() == 1);
    }
}

TEST_CASE("What was kept for those who ask goes when nobody asks again")
{
    Stage stage{{.symbols = Image::Options::Symbols::plain}};
    stage.runs("1");
    CHECK(stage.vitals().load_average);
    CHECK(stage.control.mapped == 2);
    for (int i = 0; i < 600 && stage.control.mapped != 0; ++i)
        ::usleep(100'000);
    CHECK(stage.control.mapped == 0);
    CHECK(stage.vitals().load_average);
}

TEST_CASE("A kernel that keeps no symbols, or is none, tells nothing")
{
    Stage stage;
    stage.runs("1");
    CHECK_FALSE(stage.vitals().load_average);
    std::memset(stage.mappings.at(0)->bytes().data(), 0, stage.mappings.at(0)->bytes().size());
    stage.runs("2");
    CHECK(stage.vitals().cpus.empty());
}
