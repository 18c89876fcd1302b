#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody without privileges, and a polkit that wants a password: who may be asked for one, and when."""

import fcntl
import json
import os
import pathlib
import pty
import subprocess
import termios
import unittest

from case import NOBODY, PARKERCTL, PARKERD, main
from harness import PATIENCE, House, eventually

FAKE_POLKIT = pathlib.Path(__file__).with_name("fake_polkit.py")
FAKE_SYSTEMD = pathlib.Path(__file__).with_name("fake_systemd.py")


@unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
class Asked(unittest.TestCase):
    def setUp(self):
        self.house = House(PARKERD, PARKERCTL, session=False)
        self.addCleanup(self.house.close)
        self.house.manifest("db")
        self.hold = self.house.folder / "hold"
        self.polkit = self.fake(FAKE_POLKIT, str(self.hold))
        self.house.start_parkerd()

    def fake(self, program: pathlib.Path, *arguments: str) -> subprocess.Popen:
        fake = self.house.spawn("/usr/bin/python3", str(program), self.house.address, *arguments, stdout=subprocess.PIPE, text=True,
                                env=self.house.environment)
        self.addCleanup(fake.stdout.close)
        self.assertIn("ready", fake.stdout.readline())
        return fake

    def said(self) -> list[dict]:
        """What polkit was asked since the last time."""
        os.set_blocking(self.polkit.stdout.fileno(), False)
        try:
            return [json.loads(line) for line in os.read(self.polkit.stdout.fileno(), 1 << 16).splitlines()]
        except BlockingIOError:
            return []

    def parkerctl(self, *words: str, terminal: int | None = None) -> subprocess.Popen:
        def own() -> None:
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        return subprocess.Popen([*NOBODY, self.house.parkerctl_for_all(), *words], text=True, stdin=subprocess.DEVNULL if terminal is None else terminal,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.house.environment,
                                preexec_fn=None if terminal is None else own)

    def ended(self, process: subprocess.Popen) -> tuple[int, str]:
        _, error = process.communicate(timeout=PATIENCE)
        return process.returncode, error

    def test_in_a_pipe(self):
        """There is no terminal, but a desktop may have an agent."""
        for words, actions in ((("apply",), ["org.parker1.manage-manifests", "org.parker1.inspect"]), (("plan",), ["org.parker1.inspect"])):
            with self.subTest(words=words):
                code, error = self.ended(self.parkerctl(*words))
                self.assertEqual(code, 0, error)
                self.assertEqual([(ask["call"], ask["action"], ask["flags"]) for ask in self.said()], [("check", action, 1) for action in actions])

    def test_no_ask_password(self):
        for words in (("apply",), ("plan",), ("kill", "db"), ("log", "-f", "db")):
            with self.subTest(words=words):
                code, error = self.ended(self.parkerctl(*words, "--no-ask-password"))
                self.assertEqual(code, 4, error)
                self.assertRegex(error, "may not .*: polkit wants a password for org.parker1")
                self.assertIn("without --no-ask-password", error)
                self.assertEqual([ask["flags"] for ask in self.said()], [0])

    def test_gone_meanwhile(self):
        """The partition goes while somebody looks for his password."""
        self.hold.touch()
        process = self.parkerctl("log", "-f", "db")
        eventually(lambda: any(ask["call"] == "check" for ask in self.said()), "polkit is asked")
        (self.house.manifests / "db.yaml").unlink()
        eventually(lambda: "db: gone" in self.house.log(), "it is gone")
        self.hold.unlink()
        code, error = self.ended(process)
        self.assertEqual(code, 3, error)
        self.assertIn("it has gone since it was called", error)
        self.house.manifest("db")
        self.house.wait_for_state("db", "inactive")

    def test_on_a_terminal(self):
        """pkttyagent stands ready for this process before it asks for anything, and goes with it."""
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        self.addCleanup(os.close, follower)
        process = self.parkerctl("log", "-f", "db", terminal=follower)
        eventually(lambda: "follows the log" in self.house.log(), "it was allowed")
        registered, checked = self.said()
        # Nobody has no session, and so no other agent to stand back for.
        self.assertEqual((registered["call"], registered["kind"], registered["pid"], registered["fallback"]),
                         ("register", "unix-process", process.pid, False))
        self.assertEqual((checked["action"], checked["flags"], checked["details"]["partition"]), ("org.parker1.inspect", 1, "db"))
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        [agent] = children.read_text().split()
        self.assertEqual(pathlib.Path(f"/proc/{agent}/comm").read_text().strip(), "pkttyagent")
        process.kill()
        self.ended(process)
        eventually(lambda: not pathlib.Path(f"/proc/{agent}").exists(), "the agent has ended, too")

    def test_nobody_is_asked_in_vain(self):
        """Who only looks needs no agent, nor do words that forbid it."""
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        self.addCleanup(os.close, follower)
        for words in (("list",), ("status", "db"), ("plan", "--no-ask-password")):
            with self.subTest(words=words):
                self.ended(self.parkerctl(*words, terminal=follower))
                self.assertEqual([ask for ask in self.said() if ask["call"] == "register" or ask["flags"] != 0], [])

    def test_units(self):
        """systemd is told the same of its calls."""
        systemd = self.fake(FAKE_SYSTEMD, PARKERCTL)
        for words, allowed in ((("start", "db"), True), (("stop", "db"), True), (("start", "db", "--no-ask-password"), False)):
            with self.subTest(words=words):
                code, error = self.ended(self.parkerctl(*words))
                self.assertEqual(code, 0, error)
                self.assertEqual(json.loads(systemd.stdout.readline())["may_ask"], allowed)


if __name__ == "__main__":
    main()
