// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/give_back.h"

namespace parker {
namespace {

template <typename Step>
std::optional<Error> tried(Step step)
{
    try {
        step();
        return std::nullopt;
    } catch (const Error& error) {
        return error;
    }
}

void end(Control& control, const HeldPartition& held, const LastLook& look)
{
    if (held.state != HeldPartition::State::idle)
        control.kill(held.name);
    if (look)
        look(held);
}

} // namespace

std::optional<Error> give_back(Control& control, const std::string& name, const LastLook& look) noexcept
{
    std::optional<HeldPartition> held;
    if (auto error = tried([&held, &control, &name] { held = control.find(name); }))
        return error;
    if (!held)
        return std::nullopt;
    if (auto error = tried([&control, &held, &look] { end(control, *held, look); }))
        return error; // nothing may be taken from under a running kernel

    std::optional<Error> first;
    const auto keep_first = [&first](std::optional<Error> error) {
        if (error && !first)
            first = std::move(error);
    };
    bool devices_quiet = true;
    if (!held->devices.empty()) {
        auto error = tried([&control, &name, &held] { control.give_devices(name, held->devices); });
        devices_quiet = !error || error->code() == Code::not_returned;
        keep_first(std::move(error));
    }
    if (devices_quiet) // else a function may still write into the partition's memory
        for (auto range = held->memory.rbegin(); range != held->memory.rend(); ++range)
            keep_first(tried([&control, &name, range] { control.give_memory(name, *range); }));
    if (!held->cpus.empty())
        keep_first(tried([&control, &name, &held] { control.give_cpus(name, held->cpus); }));
    if (!first)
        keep_first(tried([&control, &name] { control.destroy(name); }));
    return first;
}

std::optional<Error> end_and_keep(Control& control, const std::string& name, const LastLook& look) noexcept
{
    return tried([&control, &name, &look] {
        if (const auto held = control.find(name))
            end(control, *held, look);
    });
}

} // namespace parker
