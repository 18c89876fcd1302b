// SPDX-License-Identifier: LGPL-2.1-or-later
// crowd ADDRESS CONNECTIONS ROUNDS PARTITION: in each round, every connection asks parkerd something at once. Prints
// how many answers there were, and how long they took: median, 99th percentile, most; milliseconds.
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr const char* service = "org.parker1";
constexpr const char* manager = "org.parker1.Manager";
constexpr const char* properties = "org.freedesktop.DBus.Properties";
constexpr const char* partition = "org.parker1.Partition";
constexpr std::uint64_t patience_usec = 60'000'000;

int check(int result, const char* doing)
{
    if (result >= 0)
        return result;
    std::fprintf(stderr, "crowd: %s: %d\n", doing, result);
    std::exit(EXIT_FAILURE);
}

struct Question {
    unsigned* unanswered = nullptr;
    std::vector<double>* times = nullptr;
    Clock::time_point asked;
};

int on_answer(sd_bus_message* message, void* self, sd_bus_error* /*error*/)
{
    auto& question = *static_cast<Question*>(self);
    if (sd_bus_message_is_method_error(message, nullptr) > 0) {
        std::fprintf(stderr, "crowd: %s\n", sd_bus_message_get_error(message)->message);
        std::exit(EXIT_FAILURE);
    }
    question.times->push_back(Milliseconds{Clock::now() - question.asked}.count());
    --*question.unanswered;
    return 0;
}

sd_bus* connect(const char* address, sd_event* event)
{
    sd_bus* bus = nullptr;
    check(sd_bus_new(&bus), "a connection");
    check(sd_bus_set_address(bus, address), "its address");
    check(sd_bus_set_bus_client(bus, 1), "a bus");
    check(sd_bus_start(bus), "connecting");
    check(sd_bus_flush(bus), "connecting");
    check(sd_bus_attach_event(bus, event, 0), "attaching");
    return bus;
}

void ask(sd_bus* bus, unsigned number, const std::string& name, Question& question)
{
    const auto path = "/org/parker1/partition/" + name;
    sd_bus_message* call = nullptr;
    const auto make = [bus, &call](const char* object, const char* interface, const char* member) {
        check(sd_bus_message_new_method_call(bus, &call, service, object, interface, member), "a call");
    };
    switch (number % 5) {
    case 0:
        make("/org/parker1", manager, "ListPartitions");
        break;
    case 1:
        make(path.c_str(), properties, "GetAll");
        check(sd_bus_message_append(call, "s", partition), "a call");
        break;
    case 2:
        make(path.c_str(), properties, "Get");
        check(sd_bus_message_append(call, "ss", partition, "State"), "a call");
        break;
    case 3:
        make("/org/parker1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        break;
    default:
        make("/org/parker1", manager, "GetPartition");
        check(sd_bus_message_append(call, "s", name.c_str()), "a call");
    }
    question.asked = Clock::now();
    check(sd_bus_call_async(bus, nullptr, call, on_answer, &question, patience_usec), "calling");
    sd_bus_message_unref(call);
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 5) {
        std::fputs("usage: crowd ADDRESS CONNECTIONS ROUNDS PARTITION\n", stderr);
        return 2;
    }
    sd_event* event = nullptr;
    check(sd_event_new(&event), "an event loop");
    std::vector<sd_bus*> connections;
    for (auto left = std::stoul(argv[2]); left > 0; --left)
        connections.push_back(connect(argv[1], event));
    std::vector<double> times;
    for (auto left = std::stoul(argv[3]); left > 0; --left) {
        auto unanswered = static_cast<unsigned>(connections.size());
        std::deque<Question> questions(connections.size(), {&unanswered, &times, {}});
        for (unsigned number = 0; number < connections.size(); ++number)
            ask(connections[number], number, argv[4], questions[number]);
        while (unanswered > 0)
            check(sd_event_run(event, UINT64_MAX), "waiting");
    }
    for (auto* bus : connections)
        sd_bus_flush_close_unref(bus);
    sd_event_unref(event);
    std::ranges::sort(times);
    std::printf("%zu answers, median %.1f, 99th percentile %.1f, most %.1f\n", times.size(), times[times.size() / 2],
                times[times.size() * 99 / 100], times.back());
    return EXIT_SUCCESS;
}
