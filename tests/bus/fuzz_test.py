#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever clients call parkerd with, it answers, in time and by the errors it promises, and ends with nothing left over.

fuzz_test.py PARKERD PARKERCTL SCHEMAS. Several clients at once call every method of every object, read and write every
property, with what the signatures allow and with what they do not, while partitions start, fail, come and go.
$PARKER_FUZZ_SECONDS is how long, $PARKER_FUZZ_SEED repeats what an earlier run sent.
"""

import asyncio
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import re
import select
import signal
import socket
import sys
import time
import xml.etree.ElementTree as ElementTree

from dbus_next import Message, MessageFlag, MessageType, Variant
from dbus_next.aio import MessageBus

from fuzz_values import Values
from harness import CallError, House, eventually

PARKERD, PARKERCTL, SCHEMAS = sys.argv[1:4]
SECONDS = float(os.environ.get("PARKER_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("PARKER_FUZZ_SEED", random.randrange(1 << 31)))
ANSWER_SECONDS = 60  # the longest that a call may take, on a slow machine
CLIENTS = 6  # the first of them without privileges
BURST = 12  # calls of one client that are under way at once, at most; the bus allows 128
READERS = 20  # of logs, per client
MORE_FILES = 3  # that may be open afterwards: a follower that is just being closed
MORE_KIB = 16 << 10  # resident memory that may come on top, as allocators keep some

NOBODY = 65534
OTHERS = "org.freedesktop.DBus."
PROPERTIES = OTHERS + "Properties"
PROMISED = {OTHERS + "Error." + name for name in (  # what sd-bus and the bus themselves answer
    "UnknownMethod", "UnknownObject", "UnknownInterface", "UnknownProperty", "PropertyReadOnly", "InvalidArgs", "AccessDenied", "FileNotFound",
    "InconsistentMessage")}
PRIVILEGED = {"StartPartition", "StopPartition", "KillPartition", "Plan", "Reload", "GetFindings", "Start", "Stop", "Kill", "OpenLog", "Set"}

NAMES = ["db", "web", "rt", "kept", "late"]
FAULTS = ("take-memory:web:3", "start:rt:3", "give-cpus:web:2", "give-devices:db:2", "kill:web", "panic:rt:2s", "reboot:web:3s",
          "hang:db:4s", "slow:take-cpus:late:500ms", "slow:give-memory:rt:500ms")


class Found(Exception):
    """Something is wrong with parkerd."""


@dataclasses.dataclass(frozen=True)
class Call:
    path: str
    interface: str
    member: str
    takes: str
    gives: str | None  # nothing: it may as well fail
    property: tuple[str, str] | None = None  # of Get and Set: interface and name

    def __str__(self):
        return f"{self.path} {self.interface}.{self.member}({self.takes})" + (f" of {'.'.join(self.property)}" if self.property else "")


class PatientSocket:
    """dbus-next 0.2.3 gives a connection up when its socket is full for a moment."""

    def __init__(self, socket: socket.socket):
        self._socket = socket

    def send(self, data) -> int:
        select.select([], [self._socket], [], ANSWER_SECONDS)
        return self._socket.send(data)

    def sendmsg(self, *arguments) -> int:
        select.select([], [self._socket], [], ANSWER_SECONDS)
        return self._socket.sendmsg(*arguments)


class Client:
    def __init__(self, number: int, address: str, errors: set[str]):
        self.number, self.address = number, address
        self.privileged = number != 0 or os.geteuid() != 0
        self.numbers = random.Random(f"{SEED} {number}")
        self.values = Values(self.numbers)
        self.errors = errors
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.answered: set[tuple] = set()  # what of parkerd was called as it is meant to be
        self.trace: collections.deque[str] = collections.deque(maxlen=2 * BURST)
        self.sockets: list[int] = []
        self.bus: MessageBus

    async def connect(self) -> None:
        if not self.privileged:
            os.setresuid(NOBODY, NOBODY, 0)
        try:
            self.bus = await MessageBus(bus_address=self.address, negotiate_unix_fd=True).connect()
            self.bus._writer.sock = PatientSocket(self.bus._sock)
        finally:
            if not self.privileged:
                os.setresuid(0, 0, 0)

    def close(self) -> None:
        self.bus.disconnect()
        for fds in (self.sockets, self.values.pipes):
            while fds:
                os.close(fds.pop())

    async def run(self, until: float, everybody: list["Client"]) -> None:
        """Rounds of all that there is to call, in any order, until everybody together has had an answer of all."""
        while True:
            calls = await self.offered("/")
            self.values.words = [*NAMES * 40, *sorted({word for call in calls for word in (call.path, call.interface, call.member)})]
            # What may be gone soon comes first, and what the product does is done more often than it is asked about.
            self.numbers.shuffle(calls)
            calls += [call for call in calls if call.interface.startswith("org.parker1.") for _ in range(3)]
            calls = [call for call in calls if not call.member.startswith("Kill") or self.numbers.random() < 0.3]  # else nothing lives long
            calls.sort(key=lambda call: call.path.startswith("/org/parker1/job/"))
            while calls:
                if time.monotonic() > until and (not missing(everybody) or time.monotonic() > until + 10 * SECONDS):
                    return
                burst = [calls.pop() for _ in range(min(len(calls), self.numbers.randint(1, BURST)))]
                await asyncio.gather(*[self.make(self.twist(call)) for call in burst])
                for fds in (self.sockets, self.values.pipes):
                    while len(fds) > self.numbers.randint(0, READERS):
                        os.close(fds.pop(self.numbers.randrange(len(fds))))

    async def offered(self, path: str) -> list[Call]:
        """All calls that an object and those below it offer now; none if it is gone meanwhile."""
        reply = await self.send(Call(path, OTHERS + "Introspectable", "Introspect", "", "s"), [], [])
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            return []
        calls = []
        root = ElementTree.fromstring(reply.body[0])
        for interface in root.iter("interface"):
            name = interface.get("name")
            for method in interface.iter("method"):
                ways = {way: "".join(arg.get("type") for arg in method.iter("arg") if arg.get("direction", "in") == way) for way in ("in", "out")}
                calls.append(Call(path, name, method.get("name"), ways["in"], ways["out"]))
            for entry in interface.iter("property"):
                which = (name, entry.get("name"))
                calls.append(Call(path, PROPERTIES, "Get", "ss", entry.get("type"), which))
                calls.append(Call(path, PROPERTIES, "Set", "ssv", entry.get("type"), which))
        for node in root.findall("node"):
            calls += await self.offered(f"{path.rstrip('/')}/{node.get('name')}")
        return calls

    def twist(self, call: Call) -> Call:
        """Now and then, what nobody should call."""
        kind = self.numbers.random()
        if kind < 0.04:
            return dataclasses.replace(call, takes=self.values.signature(), gives=None, property=None)
        if kind < 0.05:
            return dataclasses.replace(call, member=self.numbers.choice(["", "Nosuch", "a" * 255]) or call.member, gives=None)
        if kind < 0.06:
            return dataclasses.replace(call, interface=self.numbers.choice(["org.parker1.Nosuch", "org.parker1.Job", PROPERTIES]), gives=None)
        if kind < 0.07:
            return dataclasses.replace(call, path=self.numbers.choice(["/", "/org/parker1/partition/_", "/org/parker1", "/nosuch"]), gives=None)
        return call

    async def make(self, call: Call) -> None:
        if call.property:
            body, fds = [*call.property], []
            if call.takes == "ssv":
                kind = call.gives if call.gives and self.numbers.random() < 0.7 else self.numbers.choice(["s", "as", "t", "v", "a{sv}"])
                [value], fds = self.values.body(kind)
                body.append(Variant(kind, value))
        else:
            self.values.plain = NAMES if self.numbers.random() < 0.3 else []
            body, fds = self.values.body(call.takes)
            self.values.plain = []
        try:
            await self.send(call, body, fds)
        finally:
            for fd in fds:
                os.close(fd)

    async def send(self, call: Call, body: list, fds: list[int]) -> Message | None:
        self.trace.append(f"{call} {str(body)[:200]}")
        silent = self.numbers.random() < 0.02
        message = Message(destination="org.parker1", path=call.path, interface=call.interface, member=call.member, signature=call.takes,
                          body=body, unix_fds=fds, flags=MessageFlag.NO_REPLY_EXPECTED if silent else MessageFlag.NONE)
        try:
            reply = await asyncio.wait_for(self.bus.call(message), ANSWER_SECONDS)
        except asyncio.TimeoutError:
            raise Found(f"no answer within {ANSWER_SECONDS} s: {call} {str(body)[:200]}") from None
        if reply is None:
            self.outcomes["not to be answered"] += 1
            return None
        self.judge(call, reply)
        return reply

    def judge(self, call: Call, reply: Message) -> None:
        self.sockets += reply.unix_fds
        if reply.message_type is MessageType.ERROR:
            if reply.error_name not in self.errors:
                raise Found(f"{call}: not an error that is promised: {reply.error_name}: {reply.body}")
            self.outcomes[reply.error_name] += 1
            return
        self.outcomes["done"] += 1
        if call.gives is not None:
            gives = {"Get": "v", "Set": ""}.get(call.member, call.gives) if call.property else call.gives
            if reply.signature != gives or (gives == "v" and call.property and reply.body[0].signature != call.gives):
                raise Found(f"{call}: answers {reply.signature!r} {reply.body}, not {call.gives!r}")
            self.answered.add(call.property or (call.interface, call.member))
        if not self.privileged and call.member in PRIVILEGED:
            raise Found(f"somebody without privileges may {call}")


def members() -> set[tuple[str, str]]:
    """All methods and properties of the schemas."""
    return {(interface.get("name"), member.get("name")) for file in sorted(pathlib.Path(SCHEMAS).glob("*.xml"))
            for interface in ElementTree.parse(file).getroot().iter("interface")
            for member in interface if member.tag in ("method", "property")}


MEMBERS = members() - {("org.parker1.Job", "Cancel")}  # which works only while a dump is being written


def missing(clients: list[Client]) -> set[tuple[str, str]]:
    """What nobody has had an answer of yet."""
    return MEMBERS.difference(*(client.answered for client in clients))


async def disturb(house: House, operator: Client) -> None:
    """Manifests change, come and go; partitions are started and stopped."""
    numbers = random.Random(f"{SEED} manifests")
    while True:
        await asyncio.sleep(numbers.uniform(0.02, 0.3))
        name = numbers.choice(NAMES)
        path = house.manifests / f"{name}.yaml"
        match numbers.randrange(10):
            case 0:
                if name != "db":
                    path.unlink(missing_ok=True)
            case 1:
                house.drop(path.name, numbers.choice(["", "apiVersion: parker/v1\nname: [", "\x00", "a: &a [*a]", "name: \U0001f427\n" * 50]))
            case 2:
                house.daemon.send_signal(signal.SIGHUP)
            case 3 | 4:
                house.manifest(name, cpus=numbers.choice([2, 4, 400]), memory=numbers.choice(["256MiB", "1GiB", "1TiB"]))
            case chosen:
                method = {5: "KillPartition", 6: "StopPartition"}.get(chosen, "StartPartition")
                await operator.send(Call("/org/parker1", "org.parker1.Manager", method, "st", "o"), [name, 0], [])


def empty(house: House) -> bool:
    """Whether nothing is left of any partition, once there is no manifest."""
    for path in house.manifests.iterdir():
        path.unlink()
    house.manager("Reload", "t", "0")
    names = [name for name, *_ in house.manager("ListPartitions")[0]]
    for name in names:
        with contextlib.suppress(CallError):  # which is being given back already
            house.manager("KillPartition", "st", name, "0")
    return not names


def furnish(house: House) -> None:
    for name in NAMES:
        house.manifest(name)
    for name, line in (("db", 'devices: [{pci: "0000:01:00.0"}]\n'), ("kept", "reserve: always\n")):
        house.drop(f"{name}.yaml", (house.manifests / f"{name}.yaml").read_text() + line)
    house.manager("Reload", "t", "0")


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid: int) -> int:
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


async def clients(house: House, seconds: float, errors: set[str], seen: list[Client]) -> None:
    until = time.monotonic() + seconds
    fresh = [Client(len(seen) + number if number else 0, house.address, errors) for number in range(CLIENTS)]
    seen += fresh
    for client in fresh:
        await client.connect()
    try:
        async with asyncio.TaskGroup() as group:
            disturbance = group.create_task(disturb(house, fresh[-1]))
            async with asyncio.TaskGroup() as runs:
                for client in fresh:
                    runs.create_task(client.run(until, fresh))
            disturbance.cancel()
    finally:
        for client in fresh:
            client.close()


def fuzz(house: House, errors: set[str], seen: list[Client]) -> None:
    """A short while, until everything has been used once, and then whether more of it is kept after the rest."""
    pid = house.daemon.pid
    sizes = []
    for seconds in (SECONDS / 4, SECONDS * 3 / 4):
        furnish(house)
        asyncio.run(clients(house, seconds, errors, seen))
        if never := missing(seen[-CLIENTS:]):
            raise Found(f"never answered as they should: {sorted(never)}")
        eventually(lambda: empty(house), "nothing is left")
        eventually(lambda: not sizes or open_files(pid) <= sizes[0][0] + MORE_FILES, f"files are closed, as before: {sizes}")
        sizes.append((open_files(pid), resident_kib(pid)))
        print(f"open files {sizes[-1][0]}, resident memory {sizes[-1][1]} KiB", flush=True)
    # A sanitizer's allocator keeps ever more; it says itself what was lost, when parkerd ends.
    if sizes[1][1] > sizes[0][1] + MORE_KIB and b"__asan_init" not in pathlib.Path(PARKERD).read_bytes():
        raise Found("resident memory grew without need")


def check_end(house: House) -> None:
    house.parkerctl("list", check=True)
    house.daemon.terminate()
    status = house.daemon.wait(120)
    if status != 0:
        raise Found(f"parkerd ended with {status}")
    if trouble := re.search(r"^.*(Sanitizer|runtime error:|\bbug: ).*$", house.log(), re.M):
        raise Found(trouble[0])


def main() -> None:
    # Memory that was freed is to be given out again soon, else its watching looks like a leak.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"
    house = House(PARKERD, PARKERCTL)
    print(f"seed {SEED}, {SECONDS:g} s", flush=True)
    seen: list[Client] = []
    try:
        house.start_parkerd(*(f"--fault={fault}" for fault in FAULTS))
        codes = json.loads(house.parkerctl("--json=short", "explain", check=True).stdout)
        errors = PROMISED | {code["bus_name"] for code in codes if code["code"] != "failed"}
        fuzz(house, errors, seen)
        check_end(house)
    except Exception:
        for client in seen:
            print(f"client {client.number}:", *client.trace, sep="\n  ")
        print(f"parkerd: {house.daemon and house.daemon.poll()}\n{house.log()[-5000:]}", flush=True)
        raise
    finally:
        house.close()
        outcomes = sum((client.outcomes for client in seen), collections.Counter())
        for outcome, count in sorted(outcomes.items()):
            print(f"{count:8} {outcome}")


main()
