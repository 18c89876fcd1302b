#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ordinary user asks for more than anybody needs: it is bounded, nothing of it stays, and others are answered."""

import ctypes
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import unittest

from case import PARKERCTL, PARKERD, main
from harness import PATIENCE, House, eventually, resident_mib

HERE = pathlib.Path(__file__).parent
NOBODY, SOMEBODY = 65534, 1  # users that there are: the bus knows no others
LIMIT = "org.parker1.Error.LimitExceeded"
IN_OPEN = 0x20


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
class Flood(unittest.TestCase):
    def setUp(self):
        self.house = House(PARKERD, PARKERCTL, session=False)
        self.addCleanup(self.house.close)
        self.house.manifest("db")
        self.house.manifest("web-1", cpus=2)
        self.hold = self.house.folder / "hold"
        self.polkit = self.house.spawn("/usr/bin/python3", str(HERE / "fake_polkit.py"), self.house.address, str(self.hold),
                                       stdout=subprocess.PIPE, text=True, env=self.house.environment)
        self.addCleanup(self.polkit.stdout.close)
        self.assertIn("ready", self.polkit.stdout.readline())
        self.house.start_parkerd()
        self.pid = self.house.daemon.pid
        shutil.copy(HERE / "flood.py", self.house.folder)

    def flood(self, *words: str, user: int = NOBODY) -> subprocess.Popen:
        process = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "/usr/bin/python3",
                                    str(self.house.folder / "flood.py"), self.house.address, *words],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.house.environment)
        self.addCleanup(lambda: self.ended(process) if process.poll() is None else None)
        return process

    def ended(self, process: subprocess.Popen) -> dict:
        out, _ = process.communicate(timeout=2 * PATIENCE)
        return json.loads(out) if out else {}

    def answers(self, *words: str, user: int = NOBODY) -> dict:
        return self.ended(self.flood(*words, user=user))

    def questions(self) -> int:
        """What polkit was asked since the last time."""
        os.set_blocking(self.polkit.stdout.fileno(), False)
        try:
            return os.read(self.polkit.stdout.fileno(), 1 << 20).count(b'"check"')
        except BlockingIOError:
            return 0

    def nothing_stays(self, before: int, kept: int = 8) -> None:
        """For a partition that is looked at or run, parkerd opens a few files once and keeps them; for a call it keeps none."""
        eventually(lambda: descriptors(self.pid) <= before + kept, "nothing stays open")
        self.assertIsNone(self.house.daemon.poll())

    def test_unanswered_questions(self):
        """Of one user 16; another user, and root, are heard beside them. When they are answered, there is room again."""
        before = descriptors(self.pid)
        self.hold.touch()
        process = self.flood("Plan", "100", "3", f"hold={300 - 16}")
        self.assertEqual(json.loads(process.stdout.readline()), {LIMIT: 300 - 16})
        self.assertEqual(self.questions(), 16)
        other = self.flood("Plan", "1", user=SOMEBODY)
        eventually(lambda: self.questions() == 1, "polkit is asked about another user")
        self.assertIn("changes", json.loads(self.house.manager("Plan", "ast", "0", "0")[0]))
        self.hold.unlink()
        self.assertEqual(self.ended(other), {"answer": 1})
        self.ended(process)
        self.assertEqual(self.answers("Plan", "1"), {"answer": 1})
        self.nothing_stays(before)

    def test_questions_of_many_users(self):
        """All together no more than the bus lets parkerd wait for; root needs none."""
        self.hold.touch()
        floods = [self.flood("Plan", "20", "hold=4", user=2 + user) for user in range(5)]
        for flood in floods:
            self.assertEqual(json.loads(flood.stdout.readline()), {LIMIT: 4})
        self.assertEqual(self.answers("Plan", "2"), {LIMIT: 2})
        self.assertIn("changes", json.loads(self.house.manager("Plan", "ast", "0", "0")[0]))
        self.hold.unlink()
        for flood in floods:
            self.ended(flood)
        self.assertEqual(self.answers("Plan", "1"), {"answer": 1})

    def test_logs(self):
        """Eight readers of one log; a reader that leaves makes room, and root always finds some."""
        before = descriptors(self.pid)
        process = self.flood("OpenLog", "20", "hold=20")
        self.assertEqual(json.loads(process.stdout.readline()), {"answer": 8, LIMIT: 12})
        self.assertEqual(self.answers("OpenLog", "1"), {LIMIT: 1})
        self.assertEqual(self.answers("OpenLog", "1", user=SOMEBODY), {"answer": 1})
        self.house.end(self.house.spawn(PARKERCTL, "log", "-f", "db", env=self.house.environment))
        self.ended(process)
        self.nothing_stays(before)
        self.assertEqual(self.answers("OpenLog", "1"), {"answer": 1})

    def test_thousands_of_calls(self):
        """That want no answer, and so are not held back by the bus. Root starts and stops a partition meanwhile."""
        before = descriptors(self.pid), resident_mib(self.pid)
        sanitized = "ASAN_OPTIONS" in os.environ  # which takes several times as long, and keeps what is freed
        calls = "600!" if sanitized else "3000!"
        floods = [self.flood(method, calls, "3") for method in ("OpenLog", "Plan", "GetPartition", "StartPartition")]
        self.house.manager("StartPartition", "st", "web-1", "0")
        self.house.wait_for_state("web-1", "active")
        self.house.manager("KillPartition", "st", "web-1", "0")
        self.house.wait_for_state("web-1", "inactive")
        for flood in floods:
            self.ended(flood)
        eventually(lambda: self.house.manager("ListPartitions"), "it answers")
        self.assertEqual(self.house.daemon.pid, self.pid)
        self.nothing_stays(before[0])
        if not sanitized:
            self.assertLess(resident_mib(self.pid), before[1] + 60)

    def test_descriptors_nobody_asked_for(self):
        """The bus lets none through but the one of a dump."""
        self.answers("Dump", "1", "1", "1")  # the first one ever opens what parkerd keeps
        before = descriptors(self.pid)
        denied = "org.freedesktop.DBus.Error.AccessDenied"
        for method in ("OpenLog", "Plan", "GetPartition", "ListPartitions", "StartPartition"):
            with self.subTest(method=method):
                self.assertEqual(self.answers(method, "1", "1", "16"), {denied: 1})
        self.assertEqual(self.answers("Dump", "1", "1", "2"), {denied: 1})
        self.assertEqual(self.answers("Dump", "8", "1", "1"), {"org.parker1.Error.WrongState": 8})
        self.nothing_stays(before, kept=0)

    def test_manifests_are_not_read_for_each_call(self):
        """Who asks while they are read waits for that, or for the next reading that all others wait for, too."""
        libc = ctypes.CDLL(None, use_errno=True)
        watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.addCleanup(os.close, watch)
        libc.inotify_add_watch(watch, str(self.house.manifests).encode(), IN_OPEN)

        def opened() -> int:
            count = 0
            while select.select([watch], [], [], 0)[0]:
                count += len(re.findall(rb"web-1\.yaml\0", os.read(watch, 1 << 16)))
            return count

        self.house.manifest("db", cpus=3)
        flood = self.flood("GetPartition", "100", "8")
        for cpus in (4, 5, 6):
            self.house.manifest("db", cpus=cpus)
            self.house.manager("Reload", "t", "0")
        self.assertGreater(self.ended(flood).get("answer", 0), 0)
        self.assertLess(opened(), 60)


if __name__ == "__main__":
    main()
