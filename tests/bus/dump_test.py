#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dumps of memory, of a simulated partition: dump_test.py PARKERD PARKERCTL SCHEMAS [unittest's arguments]"""

import json
import os
import signal
import subprocess
import unittest

from case import NOBODY, PARKERCTL, BusTest, main
from harness import PATIENCE, eventually


class Dump(BusTest):
    """Its memory is there, and holds what a start writes, but no kernel."""

    def setUp(self):
        self.file = self.house.folder / "core"
        self.start("db")
        self.house.wait_for_state("db", "active")

    def tearDown(self):
        self.file.unlink(missing_ok=True)
        super().tearDown()

    def headers(self, data: bytes) -> list[str]:
        """The program headers, as readelf shows them."""
        self.file.write_bytes(data)
        shown = subprocess.run(["readelf", "--wide", "--program-headers", self.file], capture_output=True, text=True, check=True)
        self.assertIn("CORE (Core file)", shown.stdout)
        return [line.split() for line in shown.stdout.splitlines() if line.split()[:1] in (["LOAD"], ["NOTE"])]

    def test_file(self):
        done = self.house.parkerctl("dump", "--live", "db", "-o", str(self.file), "--json=short")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual((said["partition"], said["file"], said["bytes"]), ("db", str(self.file), 1 << 30))
        status = self.file.stat()
        self.assertEqual(status.st_mode & 0o777, 0o600)
        self.assertLess(status.st_blocks * 512, status.st_size // 4, "no holes")
        self.assertEqual(said["disk_bytes"], status.st_blocks * 512)
        with open(self.file, "rb") as file:
            start = file.read(1 << 16)
        [note, load] = self.headers(start)
        self.assertEqual((note[0], load[0]), ("NOTE", "LOAD"))
        [(low, high)] = self.house.partition("db")["MemoryRanges"]
        self.assertEqual((int(load[3], 16), int(load[4], 16)), (low, high - low))
        self.assertEqual([entry.name for entry in self.house.folder.glob("core*")], ["core"], "something is left beside it")

    def test_zstd_to_standard_output(self):
        command = [PARKERCTL, "--session", "dump", "--live", "--zstd", "db", "-o", "-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.house.environment) as dump:
            plain = subprocess.run(["zstd", "-dc"], stdin=dump.stdout, capture_output=True, check=True).stdout
        self.assertEqual(dump.returncode, 0)
        self.assertEqual(len(plain), (1 << 30) + 4096)
        self.assertEqual(len(self.headers(plain[:1 << 16])), 2)

    def test_refused(self):
        done = self.house.parkerctl("dump", "db", "-o", str(self.file))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("parkerctl dump --live", done.stderr)
        self.assertFalse(self.file.exists())
        self.assertEqual(self.house.parkerctl("dump", "--live", "web-1", "-o", str(self.file)).returncode, 1)
        self.assertEqual(self.house.parkerctl("dump", "--live", "nobody", "-o", str(self.file)).returncode, 3)
        self.assertEqual(self.house.parkerctl("dump", "--live", "db").returncode, 2)
        done = self.house.parkerctl("dump", "--live", "db", "-o", "/dev/null")
        self.assertIn("no regular file", done.stderr)

    @unittest.skipIf(os.geteuid() != 0, "only root can mount a small disk")
    def test_disk_full(self):
        small = self.house.folder / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "small", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        done = self.house.parkerctl("dump", "--live", "db", "-o", str(small / "core"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(list(small.iterdir()), [])
        self.assertEqual(self.house.partition("db")["State"], "active")

    def test_given_up(self):
        """With nobody reading it the dump stands still; a ^C ends it, and so does a stop."""
        for end in (lambda dump: dump.send_signal(signal.SIGINT),
                    lambda dump: self.house.manager("KillPartition", "st", "db", "0")):
            command = [PARKERCTL, "--session", "dump", "--live", "db", "-o", "-"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.house.environment) as dump:
                [job] = eventually(lambda: [path for path in self.house.busctl("tree", "--list", "org.parker1").split()
                                            if path.startswith("/org/parker1/job/")], "the dump is under way")
                self.assertEqual(self.house.busctl("get-property", "org.parker1", job, "org.parker1.Job", "Verb").strip(), 's "dump"')
                total = lambda job=job: int(self.house.busctl(
                    "get-property", "org.parker1", job, "org.parker1.Job", "BytesTotal").split()[1])
                self.assertEqual(eventually(total, "it is known how much"), (1 << 30) + 4096)
                end(dump)
                self.assertEqual(dump.wait(PATIENCE), 1)
                self.assertIn("given up", dump.stderr.read().decode())

    def test_cancel_of_another_job(self):
        job = self.start("web-1")
        self.assertIn("WrongState", self.house.error_name("Cancel", path=job, interface="org.parker1.Job"))

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_not_permitted(self):
        done = subprocess.run([*NOBODY, self.house.parkerctl_for_all(), "--session", "dump", "--live", "db", "-o", "-"], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, env=self.house.environment)
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("may not dump the memory of partition db", done.stderr)


if __name__ == "__main__":
    main()
