// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/drivers.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/undo.h"
#include "control/state_file.h"

namespace parker {
namespace {

constexpr std::size_t ledger_limit = 4 * MiB;
constexpr std::size_t driver_attribute_limit = 4 * KiB;
constexpr std::string_view our_override = "parker";

} // namespace

Drivers::Drivers(std::filesystem::path pci, std::filesystem::path file, Write write, InUse in_use)
    : pci_{std::move(pci)}, file_{std::move(file)}, write_{std::move(write)}, in_use_{std::move(in_use)}
{
}

std::optional<Error> Drivers::in_use(const Bdf& bdf) const
{
    const auto drive = in_use_(function(bdf));
    return drive ? std::optional{drive_busy(bdf, *drive, how_used(*drive))} : std::nullopt;
}

void Drivers::release(const std::string& partition, const std::vector<Bdf>& functions)
{
    std::unique_lock changing{changing_};
    auto ledger = load();
    for (const auto& bdf : functions) {
        if (!std::filesystem::exists(function(bdf)))
            throw Error{Code::no_such_device, bdf.to_string(), "this machine has no such function",
                        "see `parkerctl host`"};
        if (const auto was = ledger.find(bdf); was != ledger.end() && was->second.partition != partition)
            throw Error{Code::device_busy, bdf.to_string(),
                        "is still on its way back from partition " + was->second.partition, "try again"};
        if (const auto refusal = in_use(bdf))
            throw Error{*refusal};
        auto override = read_small_file(function(bdf) / "driver_override", driver_attribute_limit).value_or("");
        while (override.ends_with('\n'))
            override.pop_back();
        if (override == "(null)" || override == our_override)
            override.clear();
        // A function that is remembered already never got its driver back: what it has now is not what it had.
        ledger.try_emplace(bdf, Was{partition, driver_of(bdf), override});
    }
    save(ledger);
    changing.unlock();

    Undo undo;
    for (const auto& bdf : functions) {
        undo.add([this, bdf] {
            try {
                restore({bdf});
            } catch (const Error&) {
                // It stays remembered, is listed as the partition's, and goes back with the rest.
            }
        });
        write_(function(bdf) / "driver_override", std::string{our_override} + '\n');
        if (!driver_of(bdf).empty())
            write_(function(bdf) / "driver" / "unbind", bdf.to_string());
        if (const auto driver = driver_of(bdf); !driver.empty())
            throw Error{Code::device_busy, bdf.to_string(), "driver " + driver + " would not let go of it",
                        "stop what uses the device: mounts, network links, open files"};
    }
    undo.keep();
}

void Drivers::restore(const std::vector<Bdf>& functions)
{
    const auto ledger = load();
    std::vector<Bdf> back;
    std::optional<Error> first;
    for (const auto& bdf : functions) {
        const auto was = ledger.find(bdf);
        if (was == ledger.end())
            continue;
        try {
            if (std::filesystem::exists(function(bdf))) // unplugged: nothing to bind, nothing to wait for
                bind_again(bdf, was->second);
            back.push_back(bdf);
        } catch (const Error& error) {
            if (!first)
                first = error;
        }
    }
    forget(back);
    if (first)
        throw Error{*first};
}

void Drivers::forget(const std::vector<Bdf>& functions)
{
    const std::lock_guard changing{changing_};
    auto ledger = load();
    for (const auto& bdf : functions)
        ledger.erase(bdf);
    save(ledger);
}

void Drivers::bind_again(const Bdf& bdf, const Was& was) const
{
    const auto fail = [&bdf, &was](const std::string& why) {
        throw Error{Code::not_returned, bdf.to_string(), "driver " + was.driver + " would not take it back: " + why,
                    "the kernel log (`journalctl -k`) may say why; it will be tried again"};
    };
    try {
        write_(function(bdf) / "driver_override", was.override + '\n');
    } catch (const Error& error) {
        fail(error.reason());
    }
    if (was.driver.empty() || driver_of(bdf) == was.driver)
        return;
    std::string why = "it said nothing";
    try {
        // Without its module the driver has no folder: the probe asks udev and all drivers that are there.
        const auto bind = pci_ / "drivers" / was.driver / "bind";
        write_(std::filesystem::exists(bind) ? bind : pci_ / "drivers_probe", bdf.to_string());
    } catch (const Error& error) {
        why = error.reason();
    }
    if (const auto driver = driver_of(bdf); driver != was.driver)
        fail(driver.empty() ? why : "driver " + driver + " has it");
}

std::vector<Bdf> Drivers::remembered(const std::string& partition) const
{
    std::vector<Bdf> functions;
    for (const auto& [bdf, was] : load())
        if (was.partition == partition)
            functions.push_back(bdf);
    return functions;
}

std::string Drivers::driver_of(const Bdf& bdf) const
{
    std::error_code none;
    return std::filesystem::read_symlink(function(bdf) / "driver", none).filename();
}

Drivers::Ledger Drivers::load() const
{
    const auto text = read_small_file(file_, ledger_limit);
    if (!text)
        return {};
    const auto malformed = [this] {
        return Error{Code::failed, file_, "is damaged", "move it away; drivers must then be bound by hand"};
    };
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object())
        throw malformed();
    Ledger ledger;
    for (const auto& [key, value] : json.items()) {
        const auto bdf = Bdf::parse(key);
        const auto field = [&entry = value, &malformed](const char* name) {
            const auto found = entry.find(name);
            if (found == entry.end() || !found->is_string())
                throw malformed();
            return found->get<std::string>();
        };
        if (!bdf || !value.is_object())
            throw malformed();
        Was was{field("partition"), field("driver"), field("override")};
        if (was.driver.find('/') != was.driver.npos || was.driver == "..")
            throw malformed(); // becomes part of a path
        ledger.emplace(*bdf, std::move(was));
    }
    return ledger;
}

void Drivers::save(const Ledger& ledger) const
{
    auto json = nlohmann::json::object();
    for (const auto& [bdf, was] : ledger)
        json[bdf.to_string()] = {{"partition", was.partition}, {"driver", was.driver}, {"override", was.override}};
    write_state(file_, json.dump(2) + '\n');
}

void Drivers::write_attribute(const std::filesystem::path& path, std::string_view text)
{
    const Fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    if (!file)
        throw_errno(Code::device_busy, path, "cannot be opened");
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw_errno(Code::device_busy, path, "cannot be written");
}

} // namespace parker
