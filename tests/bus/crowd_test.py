#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slow work holds nobody up: crowd_test.py PARKERD PARKERCTL SCHEMAS CROWD, which is tests/bench/crowd."""

import subprocess
import sys
import unittest

from case import BusTest
from harness import PATIENCE, eventually

CROWD = sys.argv.pop(4)


class Crowd(BusTest):
    options = ("--fault=slow:take-memory:db:5s",)

    def test_a_hundred_clients_during_a_start(self):
        for number in range(10):
            self.house.manifest(f"more-{number}", cpus=2)
        self.house.manager("Reload", "t", "0")
        self.start("db")
        eventually(lambda: self.house.partition("db")["SubState"] == "reserving", "it takes its memory")
        done = subprocess.run([CROWD, self.house.address, "100", "3", "db"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("300 answers"), done.stdout)
        self.assertEqual(self.house.partition("db")["SubState"], "reserving", "the answers came only when the start was through")
        print(done.stdout.strip(), "ms", file=sys.stderr)
        self.house.wait_for_state("db", "active")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
