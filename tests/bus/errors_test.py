#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What parkerctl says when it cannot do what it was asked: each cause has words, an exit code and a suggestion of its own."""

import os
import pathlib
import socket
import subprocess
import unittest

from case import NOBODY, PARKERCTL, PARKERD, BusTest, main
from harness import PATIENCE, House


def said(test: unittest.TestCase, done: subprocess.CompletedProcess, code: int) -> tuple[str, str]:
    """The error and the suggestion; there is nothing else."""
    test.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
    test.assertRegex(done.stderr, r"\Aparkerctl: .+\n  try: .+\n\Z")
    error, suggestion = done.stderr.splitlines()
    return error, suggestion.removeprefix("  try: ")


class WithoutParkerd(unittest.TestCase):
    def test_no_parkerd(self):
        house = House(PARKERD, PARKERCTL)
        self.addCleanup(house.close)
        for words in (("list",), ("start", "db"), ("status", "db"), ("apply",)):
            with self.subTest(words=words):
                error, suggestion = said(self, house.parkerctl(*words), 1)
                self.assertIn("parkerd: does not run", error)
                self.assertEqual(suggestion, "systemctl start parkerd.service")

    def test_no_bus(self):
        environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nosuch"}
        done = subprocess.run([PARKERCTL, "--session", "list"], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1)
        self.assertIn("session bus: cannot be reached", done.stderr)


@unittest.skipIf(pathlib.Path("/dev/parker").exists(), "would touch this very machine")
@unittest.skipUnless(os.geteuid() == 0, "a parkerd that is no simulation reads what only root may")
class WithoutModule(unittest.TestCase):
    """A parkerd of this machine, which has no module."""

    @classmethod
    def setUpClass(cls):
        cls.house = House(PARKERD, PARKERCTL)
        cls.addClassCleanup(cls.house.close)
        cls.house.manifest("db", cpus=1, memory="64MiB")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            path = cls.house.folder / "notify"
            notify.bind(str(path))
            notify.settimeout(PATIENCE)
            with open(cls.house.folder / "parkerd.log", "wb") as log:
                cls.house.daemon = cls.house.spawn(
                    PARKERD, "--session", f"--config={cls.house.manifests}", stderr=log,
                    env={**cls.house.environment, "NOTIFY_SOCKET": str(path),
                         "RUNTIME_DIRECTORY": str(cls.house.folder / "run")})
            while b"READY=1" not in notify.recv(4096).split(b"\n"):
                pass

    def test_parkerd_says_so_and_goes_on(self):
        self.assertRegex(self.house.log(), r"warning: /dev/parker: the kernel module parker is not loaded; modprobe parker")
        self.assertEqual(self.house.parkerctl("list", "--no-legend").stdout.split()[:2], ["db", "inactive"])

    def test_start(self):
        error, suggestion = said(self, self.house.parkerctl("start", "db"), 1)
        self.assertIn("the kernel module parker is not loaded", error)
        self.assertIn("modprobe parker", suggestion)
        self.assertIn("dkms", suggestion)
        failed = self.house.partition("db")
        self.assertEqual((failed["State"], failed["ErrorCode"], failed["Suggestion"]), ("failed", "module-missing", suggestion))


@unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
class WithoutPermission(BusTest):
    def parkerctl(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([*NOBODY, PARKERCTL, "--session", *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=self.house.environment, timeout=PATIENCE)

    def test_refused(self):
        for words in (("start", "db"), ("kill", "db"), ("apply",), ("plan",)):
            with self.subTest(words=words):
                error, suggestion = said(self, self.parkerctl(*words), 4)
                self.assertIn("may not", error)
                self.assertIn("root", suggestion)
        self.assertEqual(self.parkerctl("list").returncode, 0)
        self.assertEqual(self.house.partition("db")["State"], "inactive")


class Suggestions(BusTest):
    """What parkerd knows to suggest reaches who asked."""

    options = ("--fault=take-memory:web-1", "--fault=mounted:0000:01:00.0")

    def test_does_not_fit(self):
        path = self.house.manifest("crowd", cpus=4000)
        self.addCleanup(path.unlink)
        error, suggestion = said(self, self.house.parkerctl("start", "crowd"), 6)
        self.assertIn("CPU", error)
        failed = self.house.partition("crowd")
        self.assertEqual((failed["ErrorCode"], failed["Suggestion"]), ("not-enough-cpus", suggestion))
        self.assertIn(suggestion, self.house.parkerctl("status", "crowd").stdout)

    def test_it_goes_with_the_next_start(self):
        self.assertEqual(self.house.parkerctl("start", "web-1").returncode, 1)
        self.assertEqual(self.house.partition("web-1")["ErrorCode"], "kernel-refused")
        self.assertEqual(self.house.parkerctl("start", "web-1").returncode, 0)
        self.assertEqual(self.house.partition("web-1")["ErrorCode"], "")

    def test_drive_in_use(self):
        path = self.house.drop("drive.yaml", (self.house.manifests / "db.yaml").read_text().replace(
            "name: db", 'name: drive\ndevices: [{pci: "0000:01:00.0"}]'))
        self.addCleanup(path.unlink)
        plan = self.house.parkerctl("plan", "drive")  # of a manifest dropped just now
        self.assertEqual(plan.returncode, 0, plan.stderr)
        self.assertRegex(plan.stderr, r"drive\.yaml:3:\d+: warning\[device-busy\]: 0000:01:00\.0: its drive \S+ is in use")
        self.assertIn("0000:01:00.0", plan.stdout)
        error, suggestion = said(self, self.house.parkerctl("start", "drive"), 6)
        self.assertIn("is in use", error)
        self.assertIn("lsblk", suggestion)

    def test_plan_is_of_the_files_as_they_are(self):
        for cpus in (2, 6, 4):
            self.house.manifest("db", cpus=cpus)
            self.assertRegex(self.house.parkerctl("plan", "db", "--no-legend").stdout, rf"^db +take +\+\d+-\d+ ")
            first, last = self.house.parkerctl("plan", "db", "--no-legend").stdout.split()[2].lstrip("+").split("-")
            self.assertEqual(int(last) - int(first) + 1, cpus)


if __name__ == "__main__":
    main()
