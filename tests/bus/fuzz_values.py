# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arbitrary values of any D-Bus signature: ordinary ones, boundaries, long ones, odd ones."""

import os
import random

from dbus_next import Variant
from dbus_next.signature import SignatureTree, SignatureType

INTEGERS = {"y": (0, 8), "n": (1, 16), "q": (0, 16), "i": (1, 32), "u": (0, 32), "x": (1, 64), "t": (0, 64)}  # signed, bits
ODD_TEXTS = ["", " ", ".", "..", "/", "../../etc/passwd", "db.yaml", "db\nweb", "DB", " db", "%s%n%x", "$(reboot)", "\x01\x7f",
             "\u00e4\u00f6\u202e\U0001f427", "\ufffe", "a" * 32, "a" * 33, "a" * 255, "a" * 256, "-", "--help", "0", "null"]
PATHS = ["/", "/org", "/org/parker1", "/org/parker1/job/0", "/org/parker1/job/4294967296", "/org/parker1/partition/_",
         "/org/parker1/partition/" + "a" * 300, "/a" * 500]
SIGNATURES = ["", "s", "t", "u", "b", "d", "h", "o", "g", "v", "as", "ay", "at", "ao", "av", "aas", "st", "sst", "ssv", "ss", "ast", "a{sv}", "a{ss}",
              "(s)", "(tt)", "a(tt)", "a{s(av)}", "aa{sv}", "vvv", "s" * 200, "a" * 32 + "s"]
VARIANTS = ["s", "t", "b", "as", "v", "a{sv}", "(ss)", "ay", "d", "o"]
ROOM = 5_000  # elements and hundreds of letters of one message; the bus takes no endless ones
DEPTH = 20  # of variants inside variants; the bus takes 64 containers in all


class Values:
    """The same for the same random numbers."""

    def __init__(self, numbers: random.Random):
        self._numbers = numbers
        self._room = ROOM
        self._fds: list[int] = []
        self.plain: list[str] = []  # texts to choose from, all of them, for a message as it is meant to be
        self.pipes: list[int] = []  # that somebody may write to
        self.words: list[str] = []  # that mean something to who is called

    def body(self, signature: str) -> tuple[list, list[int]]:
        """A message's arguments, and the file descriptors that go with them, which the caller closes."""
        self._room, self._fds = ROOM, []
        return [self._value(each, 0) for each in SignatureTree(signature).types], self._fds

    def signature(self) -> str:
        return self._numbers.choice(SIGNATURES)

    def text(self) -> str:
        if self.plain:
            return self._numbers.choice(self.plain)
        kind = self._numbers.random()
        if kind < 0.6 and self.words:
            return self._numbers.choice(self.words)
        if kind < 0.9:
            return self._numbers.choice(ODD_TEXTS)
        length = min(self._numbers.choice([7, 33, 300, 5_000, 200_000]), 100 * max(self._room, 0))
        self._room -= length // 100
        return "".join(self._numbers.choices("az09-_. \n\t\x1b'\"\\{}%\u00e4\u20ac\U0001f427", k=min(length, 50))) * max(length // 50, 1)

    def _integer(self, signed: int, bits: int) -> int:
        if self.plain:
            return self._numbers.choice([0, 1])
        least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return self._numbers.choice([0, 0, 0, 0, 0, 0, 1, 1, 2, least, most, most - 1, self._numbers.randint(least, most)])

    def _length(self) -> int:
        length = self._numbers.choice([0, 1, 1, 2, 3, 3, 20, 2_000])
        return max(min(length, self._room), 0)

    def _value(self, kind: SignatureType, depth: int):
        self._room -= 1
        match kind.token:
            case "s":
                return self.text()
            case "o":
                return self._numbers.choice(PATHS + [word for word in self.words if word.startswith("/")])
            case "g":
                return self.signature()
            case "b":
                return self._numbers.random() < 0.5
            case "d":
                return self._numbers.choice([0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), 5e-324])
            case "h":
                self._fds.append(self._file())
                return len(self._fds) - 1
            case "v":
                inner = self._numbers.choice(VARIANTS) if depth < DEPTH and self._room > 0 else "s"
                return Variant(inner, self._value(SignatureTree(inner).types[0], depth + 1))
            case "(":
                return [self._value(child, depth + 1) for child in kind.children]
            case "a":
                return self._array(kind.children[0], depth)
        return self._integer(*INTEGERS[kind.token])

    def _file(self) -> int:
        """A device, an empty file, or a pipe that nobody reads until the caller closes its other end."""
        match self._numbers.randrange(4):
            case 0:
                return os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
            case 1:
                return os.memfd_create("file", os.MFD_CLOEXEC)
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        self.pipes.append(ours)
        return theirs

    def _array(self, kind: SignatureType, depth: int):
        if kind.token == "y":
            return self._numbers.randbytes(self._length())
        if kind.token == "{":
            return {self._value(kind.children[0], depth + 1): self._value(kind.children[1], depth + 1) for _ in range(self._length())}
        return [self._value(kind, depth + 1) for _ in range(self._length())]
