// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/log_control_object.h"

namespace parker::bus {

LogControlObject::LogControlObject(sdbus::IConnection& connection, Service::Host& host)
    : AdaptorInterfaces{connection, "/org/freedesktop/LogControl1"}, host_{host}
{
    registerAdaptor();
}

// A property has no asynchronous setter, so polkit cannot be asked.
template <typename Function>
void LogControlObject::set(Function function)
{
    try {
        const auto* call = getObject().getCurrentlyProcessedMessage();
        if (call == nullptr || !Authority::is_privileged(*call))
            throw Error{Code::not_permitted, "caller", "may not change the log of parkerd", "do it as root"};
        function();
    } catch (const Error& error) {
        throw to_bus(error);
    }
}

void LogControlObject::LogLevel(const std::string& value)
{
    set([this, &value] { host_.set_log_level(value); });
}

void LogControlObject::LogTarget(const std::string& value)
{
    set([this, &value] { host_.set_log_target(value); });
}

} // namespace parker::bus
