// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/interaction.h"

#include <systemd/sd-bus.h>

namespace parker::bus {
namespace {

struct Inside : sdbus::Message {
    static sd_bus_message* of(const sdbus::Message& message)
    {
        return static_cast<sd_bus_message*>(message.*&Inside::msg_);
    }
};

} // namespace

bool allows_interaction(const sdbus::Message& call)
{
    return sd_bus_message_get_allow_interactive_authorization(Inside::of(call)) > 0;
}

void allow_interaction(sdbus::IConnection& connection)
{
    // A message, even one that is never sent, knows its bus.
    const auto proxy = sdbus::createProxy(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus");
    const auto call = proxy->createMethodCall("org.freedesktop.DBus", "GetId");
    (void)sd_bus_set_allow_interactive_authorization(sd_bus_message_get_bus(Inside::of(call)), 1);
}

} // namespace parker::bus
