// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>

namespace parker::cli {
namespace {

constexpr std::uint64_t second_usec = 1'000'000;

// The substates that take time (schemas/org.parker1.Partition.xml).
std::string_view in_words(std::string_view sub_state)
{
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> words{{
        {"reserving", "taking and zeroing memory, taking CPUs and devices"},
        {"loading", "loading the kernel"},
        {"booting", "waiting for the first heartbeat"},
        {"stopping", "waiting for the power-off"},
        {"returning", "giving everything back"},
    }};
    for (const auto& [name, text] : words)
        if (name == sub_state)
            return text;
    return {};
}

} // namespace

Progress::Progress(Client& client, std::string partition) : client_{client}, partition_{std::move(partition)}
{
    if (::isatty(STDERR_FILENO) != 1)
        return;
    check_event(sd_event_add_time_relative(client.event(), &timer_, CLOCK_MONOTONIC, second_usec, 0, &on_second, this));
    check_event(sd_event_source_set_enabled(timer_, SD_EVENT_OFF));
    client.on_event([this](const Client::Event& event) {
        if (event.partition == partition_ && !event.sub_state.empty())
            enter(event.sub_state);
    });
}

Progress::~Progress()
{
    if (timer_ == nullptr)
        return;
    client_.on_event({});
    sd_event_source_disable_unref(timer_);
    if (!doing_.empty())
        fmt::print(stderr, "{}", clear_line);
}

void Progress::enter(const std::string& sub_state)
{
    if (!doing_.empty())
        fmt::print(stderr, "{}", clear_line);
    doing_ = in_words(sub_state);
    since_ = std::chrono::steady_clock::now();
    check_event(arm());
    if (!doing_.empty())
        draw();
}

// The next second of what is being done; off, if nothing is.
int Progress::arm()
{
    if (const int result = sd_event_source_set_time_relative(timer_, second_usec); result < 0)
        return result;
    return sd_event_source_set_enabled(timer_, doing_.empty() ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

void Progress::draw() const
{
    const auto elapsed = std::chrono::steady_clock::now() - since_;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
    fmt::print(stderr, "{}{}: {}{}", clear_line, partition_, doing_,
               seconds == 0 ? "" : fmt::format(" ({} s)", seconds));
}

int Progress::on_second(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* self)
{
    auto& progress = *static_cast<Progress*>(self);
    progress.draw();
    return progress.arm();
}

} // namespace parker::cli
