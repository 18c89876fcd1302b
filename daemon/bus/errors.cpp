// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/errors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "bus/json.h"
#include "bus/names.h"

namespace parker::bus {
namespace {

constexpr std::string_view try_line = "\ntry: ";

const CodeInfo* find_bus_name(std::string_view name)
{
    const auto codes = all_codes();
    const auto row = std::ranges::find(codes, name, &CodeInfo::bus_name);
    return row == codes.end() ? nullptr : &*row;
}

} // namespace

sdbus::Error to_bus(const Error& error)
{
    std::string text = error.what();
    if (!error.suggestion().empty())
        text.append(try_line).append(error.suggestion());
    return sdbus::Error{error_prefix + std::string{info(error.code()).bus_name}, utf8(text)};
}

Error from_bus(const sdbus::Error& error)
{
    const std::string_view name = error.getName();
    if (name.starts_with(error_prefix)) {
        const auto* row = find_bus_name(name.substr(std::string_view{error_prefix}.size()));
        const std::string_view text = error.getMessage();
        const auto split = text.find(try_line);
        return Error{row != nullptr ? row->code : Code::failed, "", std::string{text.substr(0, split)},
                     split == std::string_view::npos ? "" : std::string{text.substr(split + try_line.size())}};
    }

    // What the bus, or systemd activating the service, says when nobody can answer.
    constexpr std::array<std::string_view, 6> absent{
        "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.Spawn.",         "org.freedesktop.DBus.Error.NoServer",
        "org.freedesktop.DBus.Error.Disconnected",   "org.freedesktop.systemd1."};
    for (const auto& prefix : absent)
        if (name.starts_with(prefix))
            return Error{Code::daemon_not_running, "parkerd", "does not run (" + error.getMessage() + ")",
                         "systemctl start parkerd.service"};
    if (name == "org.freedesktop.DBus.Error.FileNotFound" || name == "System.Error.ENOENT")
        return Error{Code::daemon_not_running, "", "the message bus cannot be reached: " + error.getMessage()};
    if (name == "org.freedesktop.DBus.Error.AccessDenied" ||
        name == "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired")
        return Error{Code::not_permitted, "", error.getMessage(), "run it as root"};
    if (name == "org.freedesktop.DBus.Error.NoReply" || name == "org.freedesktop.DBus.Error.Timeout" ||
        name == "org.freedesktop.DBus.Error.TimedOut")
        return Error{Code::daemon_not_running, "parkerd", "did not answer (" + error.getMessage() + ")",
                     "journalctl -u parkerd.service"};
    return Error{Code::failed, "", error.getMessage()};
}

} // namespace parker::bus
