// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <future>
#include <string>

#include "daemon/workers.h"

using namespace parker;
using namespace std::chrono_literals;

TEST_CASE("work that shares a lane waits for its turn, other work goes on")
{
    Loop loop;
    Workers workers{loop};
    std::promise<void> gate;
    std::shared_future<void> opened = gate.get_future();
    std::mutex mutex;
    std::string begun;
    std::string done;
    const auto submit = [&](const Executor::Lanes& lanes, char name, bool waits = false) {
        workers.submit(
            lanes,
            [&, name, waits] {
                {
                    const std::lock_guard lock{mutex};
                    begun += name;
                }
                if (waits)
                    opened.wait();
            },
            [&, name](const std::optional<Error>&) {
                done += name;
                if (name == 'd') // overtakes all that wait for the gate
                    gate.set_value();
                if (done.size() == 5)
                    loop.stop();
            });
    };
    submit({"a", "taking"}, 'a', true);
    submit({"b", "taking"}, 'b');
    submit({"b"}, 'c'); // behind b, though its lane is free
    submit({"d"}, 'd');
    submit({"a"}, 'e');
    loop.run();
    CHECK(done.front() == 'd');
    CHECK(begun.find('a') < begun.find('b'));
    CHECK(begun.find('b') < begun.find('c'));
    CHECK(begun.find('a') < begun.find('e'));
}

TEST_CASE("however many pieces of work wait for something, that of another lane finds a thread")
{
    Loop loop;
    Workers workers{loop};
    std::promise<void> gate;
    const auto opened = gate.get_future().share();
    unsigned done = 0;
    bool overtook = false;
    bool gave_up = false;
    constexpr unsigned many = 60;
    const auto count = [&](const std::optional<Error>&) {
        if (++done == many + 1)
            loop.stop();
    };
    for (unsigned i = 0; i < many; ++i)
        workers.submit(
            {"bad-" + std::to_string(i)}, [opened] { opened.wait(); }, count);
    workers.submit(
        {"good"}, [] {},
        [&](const std::optional<Error>& error) {
            overtook = done == 0;
            if (!gave_up)
                gate.set_value();
            count(error);
        });
    const auto limit = loop.timer([&] {
        gave_up = true;
        gate.set_value();
    });
    limit->at(Loop::Clock::now() + 20s);
    loop.run();
    CHECK(overtook);
    CHECK_FALSE(gave_up);
}

TEST_CASE("each lane that comes free finds a thread, whatever the next work in the others does")
{
    Loop loop;
    Workers workers{loop};
    std::promise<void> gate;
    const auto opened = gate.get_future().share();
    bool overtook = false;
    bool gave_up = false;
    workers.submit(
        {"bad", "taking"}, [] { std::this_thread::sleep_for(20ms); }, [](const std::optional<Error>&) {});
    workers.submit(
        {"bad"}, [opened] { opened.wait(); }, [&](const std::optional<Error>&) { loop.stop(); });
    workers.submit(
        {"good", "taking"}, [] {},
        [&](const std::optional<Error>&) {
            overtook = true;
            if (!gave_up)
                gate.set_value();
        });
    const auto limit = loop.timer([&] {
        gave_up = true;
        gate.set_value();
    });
    limit->at(Loop::Clock::now() + 20s);
    loop.run();
    CHECK(overtook);
    CHECK_FALSE(gave_up);
}

TEST_CASE("a failure of work reaches its completion, and stop() drops what has not begun")
{
    Loop loop;
    Workers workers{loop};
    workers.submit(
        {"a"},
        [] {
            throw Error{Code::busy, "it", "is busy"};
        },
        [&loop](const std::optional<Error>& error) {
            CHECK(error);
            CHECK(error->code() == Code::busy);
            loop.stop();
        });
    loop.run();

    std::promise<void> running;
    bool dropped = true;
    workers.submit({"a"},
                   [&running] {
                       running.set_value();
                       std::this_thread::sleep_for(10ms);
                   },
                   {});
    workers.submit({"a"}, [&dropped] { dropped = false; }, {});
    running.get_future().wait();
    workers.stop();
    CHECK(dropped);
}
