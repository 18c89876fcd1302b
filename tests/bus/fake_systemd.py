#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The part of systemd that parkerctl and parkerd speak to, for a private bus: fake_systemd.py ADDRESS PARKERCTL

Runs the process of parker@NAME.service as the unit does. A start that fails is tried again, as Restart=on-failure has
it, and so its job ends "canceled". Units named in TIRED are not started at all, as if StartLimitBurst= was reached. Prints
for each unit's call whether its sender may be asked for a password.
"""

import asyncio
import json
import os
import re
import sys
import tempfile

from dbus_next import Message, MessageFlag, MessageType
from dbus_next.aio import MessageBus
from dbus_next.constants import PropertyAccess
from dbus_next.service import ServiceInterface, dbus_property, method, signal

ADDRESS, PARKERCTL = sys.argv[1:3]
TIRED = {"tired"}


class Unit(ServiceInterface):
    """A parker@NAME.service."""

    def __init__(self, name: str, manager: "Manager"):
        super().__init__("org.freedesktop.systemd1.Service")
        self.partition, self.manager = name, manager
        self.process: asyncio.subprocess.Process | None = None
        self.result = "success"

    @dbus_property(access=PropertyAccess.READ)
    def Result(self) -> "s":
        return self.result

    async def run(self) -> bool:
        """Until it is ready, or has ended without that."""
        path = os.path.join(self.manager.folder, self.partition)
        ready = asyncio.get_running_loop().create_future()

        class Notify(asyncio.DatagramProtocol):
            def datagram_received(self, data, _):
                if b"READY=1" in data.split(b"\n") and not ready.done():
                    ready.set_result(True)

        if os.path.exists(path):
            os.unlink(path)
        await asyncio.get_running_loop().create_datagram_endpoint(Notify, local_addr=path, family=1)
        self.process = await asyncio.create_subprocess_exec(PARKERCTL, "run", self.partition, stderr=asyncio.subprocess.DEVNULL,
                                                            env={**os.environ, "NOTIFY_SOCKET": path})
        ended = asyncio.ensure_future(self.process.wait())
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        return ready.done()

    async def start(self) -> str:
        if self.partition in TIRED:
            self.result = "start-limit-hit"
            return "failed"
        if await self.run():
            return "done"
        self.result = "exit-code"
        asyncio.ensure_future(self.run())
        await asyncio.sleep(0.5)
        return "canceled"

    async def stop(self) -> str:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()
        return "done"

    async def restart(self) -> str:
        await self.stop()
        return await self.start()


class Manager(ServiceInterface):
    def __init__(self, bus: MessageBus, folder: str):
        super().__init__("org.freedesktop.systemd1.Manager")
        self.bus, self.folder = bus, folder
        self.units: dict[str, Unit] = {}
        self.jobs = 0

    def unit(self, name: str) -> Unit:
        partition = re.fullmatch(r"parker@([a-z0-9-]+)\.service", name)[1]
        if partition not in self.units:
            self.units[partition] = Unit(partition, self)
            escaped = "".join(c if c.isalnum() and c.isascii() else f"_{ord(c):02x}" for c in name)
            self.bus.export(f"/org/freedesktop/systemd1/unit/{escaped}", self.units[partition])
        return self.units[partition]

    def job(self, unit: str, work) -> str:
        self.jobs += 1
        number, path = self.jobs, f"/org/freedesktop/systemd1/job/{self.jobs}"

        async def do():
            self.JobRemoved(number, path, unit, await work())

        asyncio.ensure_future(do())
        return path

    @method()
    def Subscribe(self):
        pass

    @method()
    def StartUnit(self, name: "s", mode: "s") -> "o":
        return self.job(name, self.unit(name).start)

    @method()
    def StopUnit(self, name: "s", mode: "s") -> "o":
        return self.job(name, self.unit(name).stop)

    @method()
    def RestartUnit(self, name: "s", mode: "s") -> "o":
        return self.job(name, self.unit(name).restart)

    @signal()
    def JobRemoved(self, number, path, unit, result) -> "uoss":
        return [number, path, unit, result]


def tell(message: Message) -> None:
    if message.message_type is MessageType.METHOD_CALL and message.member.endswith("Unit"):
        print(json.dumps({"may_ask": bool(message.flags & MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION)}), flush=True)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bus = await MessageBus(bus_address=ADDRESS).connect()
        bus.export("/org/freedesktop/systemd1", Manager(bus, folder))
        bus.add_message_handler(tell)
        await bus.request_name("org.freedesktop.systemd1")
        print("ready", flush=True)
        await bus.wait_for_disconnect()


asyncio.run(main())
