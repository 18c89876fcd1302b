// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace parker::bus {

// A parker::Error and its form on the bus. The text on the bus is what(), then "try: SUGGESTION" on a line of its own.
sdbus::Error to_bus(const Error& error);
// Also of errors that the bus itself makes: no such service, access denied.
Error from_bus(const sdbus::Error& error);

// Told of an exception that nobody foresaw, after it was answered. It ends the daemon, which systemd starts again.
using OnBug = std::function<void(const std::string& what)>;

// The boundary for exceptions on the bus: runs `function` and sends what it returns or throws as the reply.
template <typename... Values, typename Function>
void reply(const sdbus::Result<Values...>& result, const OnBug& on_bug, Function function)
{
    try {
        if constexpr (sizeof...(Values) == 0) {
            function();
            result.returnResults();
        } else {
            result.returnResults(function());
        }
    } catch (const Error& error) {
        result.returnError(to_bus(error));
    } catch (const std::exception& error) {
        result.returnError(to_bus(Error{Code::failed, "parkerd", error.what()}));
        on_bug(error.what());
    }
}

// An object on the bus, for as long as it is there. sd-bus holds what a call returns against what the object has told
// of its methods (sd_bus_message_seal(), enforced_reply_signature), which goes with the object: of one that has gone
// since the call, only an error can be sent.
using Presence = std::weak_ptr<const void>;

template <typename... Values, typename Function>
void reply(const sdbus::Result<Values...>& result, const OnBug& on_bug, const Presence& object, Function function)
{
    const auto check = [&object] {
        if (object.expired())
            throw Error{Code::no_such_partition, "object", "it has gone since it was called"};
    };
    reply(result, on_bug, [&check, &function] {
        check();
        if constexpr (sizeof...(Values) == 0) {
            function();
            check();
        } else {
            auto value = function();
            check();
            return value;
        }
    });
}

} // namespace parker::bus
