#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody who asks too much, faster than a library would: flood.py ADDRESS METHOD COUNT [CONNECTIONS [FDS]] [hold=ANSWERS]

Calls the method COUNT times on each connection, each time with so many file descriptors, and prints a line of JSON: how
many answers of which kind there were. A COUNT with a "!" wants no answers and waits for none. With `hold`, it waits for so
many answers, prints them, and keeps its connections until its input ends.
"""

import array
import collections
import json
import os
import select
import socket
import sys

from dbus_next import Message, MessageFlag, MessageType
from dbus_next._private.unmarshaller import Unmarshaller

MANAGER = "/org/parker1", "org.parker1.Manager"
CALLS = {
    "GetPartition": (*MANAGER, "s", ["db"]),
    "GetFindings": (*MANAGER, "", []),
    "ListPartitions": (*MANAGER, "", []),
    "Plan": (*MANAGER, "ast", [[], 0]),
    "StartPartition": (*MANAGER, "st", ["db", 0]),
    "OpenLog": ("/org/parker1/partition/db", "org.parker1.Partition", "t", [1]),
    "GetVitals": ("/org/parker1/partition/db", "org.parker1.Partition", "t", [0]),
    "Dump": ("/org/parker1/partition/db", "org.parker1.Partition", "ht", [0, 1]),
}


class Connection:
    def __init__(self, path: str):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.fds: list[int] = []
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
        self.line()
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self.line()
        self.socket.sendall(b"BEGIN\r\n")
        self.serial = 0
        self.call(Message(destination="org.freedesktop.DBus", path="/org/freedesktop/DBus", interface="org.freedesktop.DBus", member="Hello"))
        self.answer()

    def line(self) -> None:
        while self.socket.recv(1) != b"\n":
            pass

    def call(self, message: Message, fds: int = 0) -> None:
        self.serial += 1
        message.serial = self.serial
        with open("/dev/null", "rb") as nothing:
            message.unix_fds = [nothing.fileno()] * fds
            data = bytes(message._marshall(negotiate_unix_fd=True))
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", message.unix_fds))] if fds else []
            sent = self.socket.sendmsg([data], ancillary)
            self.socket.sendall(data[sent:])

    def answer(self) -> str:
        """The name of the next error, or "answer"."""
        while True:
            unmarshaller = Unmarshaller(_Stream(self), None)
            message = unmarshaller.unmarshall()
            if message.message_type == MessageType.ERROR:
                return message.error_name
            if message.message_type == MessageType.METHOD_RETURN:
                return "answer"


class _Stream:
    """What the unmarshaller reads from."""

    def __init__(self, connection: Connection):
        self.connection = connection

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece, ancillary, _, _ = self.connection.socket.recvmsg(count - len(data), socket.CMSG_SPACE(16 * 4))
            if not piece:
                raise EOFError
            for _, _, fds in ancillary:
                self.connection.fds += array.array("i", fds)
            data += piece
        return data


def main() -> None:
    address, what, count, *more = sys.argv[1:]
    hold = next((int(word.removeprefix("hold=")) for word in more if word.startswith("hold=")), None)
    numbers = [int(word) for word in more if not word.startswith("hold=")]
    connections, fds = (numbers + [1, 0][len(numbers):])[:2]
    path, interface, signature, body = CALLS[what]
    flags = MessageFlag.NO_REPLY_EXPECTED if count.endswith("!") else MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION
    message = Message(destination="org.parker1", path=path, interface=interface, member=what, signature=signature, body=body, flags=flags)
    answers: collections.Counter = collections.Counter()
    all_of_them = [Connection(address.removeprefix("unix:path=")) for _ in range(connections)]
    for connection in all_of_them:
        for _ in range(int(count.rstrip("!"))):
            connection.call(message, fds)
    expected = 0 if count.endswith("!") else len(all_of_them) * int(count) if hold is None else hold
    by_socket = {connection.socket: connection for connection in all_of_them}
    while answers.total() < expected:
        for ready in select.select(list(by_socket), [], [])[0]:
            answers[by_socket[ready].answer()] += 1
    print(json.dumps(answers), flush=True)
    if hold is not None:
        sys.stdin.read()


main()
