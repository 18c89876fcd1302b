// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/core_relay.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/undo.h"

namespace parker {
namespace {

using namespace std::chrono_literals;

constexpr auto ask_every = 100ms;
constexpr auto grace = 1s; // for a file that is only slow, so that the job's end is the end of it

struct Relay {
    std::unique_ptr<Inside> inside;
    introspect::ElfCore core;
    Fd file;
    introspect::Compression compression;

    std::atomic<std::uint64_t> bytes = 0;
    std::mutex mutex; // held while memory is copied
    std::condition_variable ended;
    bool may_look = true;
    bool done = false;
    std::uint64_t written = 0;
    std::exception_ptr failure;

    void write()
    {
        std::exception_ptr failed;
        std::uint64_t result = 0;
        try {
            result = introspect::write_core(
                core, file.get(), compression,
                [this](std::uint64_t now) {
                    bytes = now;
                    const std::lock_guard lock{mutex};
                    return may_look;
                },
                [this](std::span<const std::byte> from, std::span<std::byte> into) {
                    const std::lock_guard lock{mutex};
                    if (may_look)
                        std::ranges::copy(from, into.begin());
                    return may_look;
                });
        } catch (...) {
            failed = std::current_exception();
        }
        const std::lock_guard lock{mutex};
        inside.reset();
        file.reset();
        written = result;
        failure = failed;
        done = true;
        ended.notify_all();
    }
};

} // namespace

std::uint64_t relay_core(std::unique_ptr<Inside> inside, introspect::ElfCore core, Fd file,
                         introspect::Compression compression, const introspect::Proceed& proceed)
{
    const auto relay = std::make_shared<Relay>();
    relay->inside = std::move(inside);
    relay->core = std::move(core);
    relay->file = std::move(file);
    relay->compression = compression;
    try {
        std::thread thread{[relay] { relay->write(); }};
        (void)::pthread_setname_np(thread.native_handle(), "dump");
        thread.detach();
    } catch (const std::system_error& error) {
        throw Error{Code::failed, "memory dump", std::string{"no thread can be had: "} + error.what(), "try again"};
    }
    std::unique_lock lock{relay->mutex};
    Undo look_away; // whichever way this ends
    look_away.add([&relay] { relay->may_look = false; });
    const auto done = [&relay] { return relay->done; };
    while (!relay->ended.wait_for(lock, ask_every, done)) {
        if (proceed(relay->bytes)) // which is quick
            continue;
        relay->may_look = false;
        if (!relay->ended.wait_for(lock, grace, done))
            throw Error{Code::cancelled, "memory dump", "was given up"};
    }
    if (relay->failure)
        std::rethrow_exception(relay->failure);
    (void)proceed(relay->bytes);
    return relay->written;
}

} // namespace parker
