#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The part of polkit that parkerd and pkttyagent speak to, for a private bus: fake_polkit.py ADDRESS HOLD

Allows everything to those who may be asked for a password, and nothing to others, but not while there is a file HOLD.
Prints a JSON object for each call.
"""

import asyncio
import json
import pathlib
import sys

from dbus_next.aio import MessageBus
from dbus_next.constants import PropertyAccess
from dbus_next.service import ServiceInterface, dbus_property, method


def say(**what) -> None:
    print(json.dumps(what), flush=True)


class Authority(ServiceInterface):
    def __init__(self):
        super().__init__("org.freedesktop.PolicyKit1.Authority")

    @dbus_property(access=PropertyAccess.READ)
    def BackendName(self) -> "s":
        return "fake"

    @dbus_property(access=PropertyAccess.READ)
    def BackendVersion(self) -> "s":
        return "0"

    @dbus_property(access=PropertyAccess.READ)
    def BackendFeatures(self) -> "u":
        return 0

    @method()
    async def CheckAuthorization(self, subject: "(sa{sv})", action: "s", details: "a{ss}", flags: "u", cancellation: "s") -> "(bba{ss})":
        say(call="check", action=action, details=details, flags=flags)
        while pathlib.Path(sys.argv[2]).exists():
            await asyncio.sleep(0.05)
        return [flags == 1, flags == 0, {}]  # allowed, to be had for a password

    @method()
    def RegisterAuthenticationAgent(self, subject: "(sa{sv})", locale: "s", path: "s"):
        say(call="register", kind=subject[0], pid=subject[1]["pid"].value, fallback=False)

    @method()
    def RegisterAuthenticationAgentWithOptions(self, subject: "(sa{sv})", locale: "s", path: "s", options: "a{sv}"):
        say(call="register", kind=subject[0], pid=subject[1]["pid"].value, fallback=options["fallback"].value)

    @method()
    def UnregisterAuthenticationAgent(self, subject: "(sa{sv})", path: "s"):
        say(call="unregister")


async def main() -> None:
    bus = await MessageBus(bus_address=sys.argv[1]).connect()
    bus.export("/org/freedesktop/PolicyKit1/Authority", Authority())
    await bus.request_name("org.freedesktop.PolicyKit1")
    say(call="ready")
    await bus.wait_for_disconnect()


asyncio.run(main())
