#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What parkerd takes of the machine when nothing is asked of it: no CPU, and no more memory than it had."""

import os
import time
import unittest

from case import BusTest, main
from harness import eventually, resident_mib, switches

INITRD_MIB = 20  # less than the most that malloc(3) may come to take from its heap
QUIET = 2  # seconds


class Frugal(BusTest):
    def run_both_once(self):
        for name in ("db", "web-1"):
            self.start(name)
        for name in ("db", "web-1"):
            self.house.wait_for_state(name, "active")
            self.house.manager("KillPartition", "st", name, "0")
        for name in ("db", "web-1"):
            self.house.wait_for_state(name, "inactive")

    def wakes_nobody(self):
        """Not at once: a file that has changed is read 200 ms later."""
        pid = self.house.daemon.pid

        def quiet():
            before = switches(pid)
            time.sleep(QUIET)
            return switches(pid) == before

        eventually(quiet, "nothing wakes up")

    def test_no_wake_ups(self):
        self.wakes_nobody()
        follower = self.house.following("db")
        self.run_both_once()
        self.wakes_nobody()
        self.house.end(follower)

    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "the sanitizer's malloc(3) keeps what is freed")
    def test_memory_goes_back(self):
        initrd = self.house.folder / "initrd"
        initrd.write_bytes(bytes(INITRD_MIB << 20))
        for name in ("db", "web-1"):
            file = self.house.manifests / f"{name}.yaml"
            self.house.drop(file.name, file.read_text().replace("cmdline:", f"initrd: {initrd}\n  cmdline:"))
        before = resident_mib(self.house.daemon.pid)
        for _ in range(2):
            self.run_both_once()
        self.assertLess(resident_mib(self.house.daemon.pid), before + INITRD_MIB / 2)


if __name__ == "__main__":
    main()
