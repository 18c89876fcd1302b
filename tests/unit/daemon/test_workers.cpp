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
