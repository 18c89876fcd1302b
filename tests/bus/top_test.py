#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How partitions fare: Partition.GetVitals, and `parkerctl top` once, as a stream and on a terminal. No kernel runs in a
simulated partition, so there is nothing to read in its memory."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
import unittest

from case import NOBODY, PARKERCTL, BusTest, main
from harness import PATIENCE, CallError

DB = "/org/parker1/partition/db"
UNKNOWN = dict.fromkeys(("load_average", "memory_total_bytes", "memory_free_bytes", "busy_percent", "cpus"))


class Vitals(BusTest):
    def vitals(self, *prefix: str) -> dict:
        return self.house.call(DB, "org.parker1.Partition", "GetVitals", "t", "0", prefix=prefix)[0]

    def test_of_one_that_runs(self):
        with self.assertRaisesRegex(CallError, "does not run"):
            self.vitals()
        self.start("db")
        self.house.wait_for_state("db", "active")
        before, after = self.vitals(), self.vitals()
        self.assertEqual(set(before), {"Timestamp", "UptimeUSec"})
        self.assertGreater(before["UptimeUSec"]["data"], 0)
        for key in before:
            self.assertGreater(after[key]["data"], before[key]["data"])

    def test_bad_requests(self):
        error = self.house.error_name("GetVitals", "uint64:1", path=DB, interface="org.parker1.Partition")
        self.assertIn("InvalidArgument", error)

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_not_permitted(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        with self.assertRaisesRegex(CallError, "may not look into partition db"):
            self.vitals(*NOBODY)
        done = subprocess.run([*NOBODY, PARKERCTL, "--session", "top"], env=self.house.environment, text=True, check=False,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"(?m)^db +active +running +- +\d\.\ds +- +- +-$")
        self.assertEqual(done.stderr.count("may not look into partition db"), 1)


class Top(BusTest):
    def test_once(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        done = self.house.parkerctl("top")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^NAME +STATE +SUB +UPTIME +HEARTBEAT +LOAD +MEMORY FREE +CPU%$")
        self.assertRegex(lines[1], r"^db +active +running +\d\.\ds +\d\.\ds +- +- +-$")
        self.assertRegex(lines[2], r"^web-1 +inactive +dead +- +- +- +- +-$")
        self.assertEqual(len(lines), 3)
        self.assertRegex(self.house.parkerctl("top", "--no-legend", "web-1").stdout, r"^web-1 +inactive[^\n]*\n$")

    def test_json(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        before = time.time()
        look = json.loads(self.house.parkerctl("top", "--json=pretty", "--cpus").stdout)
        self.assertLess(before * 1e6, look["realtime_usec"])
        db, web = look["partitions"]
        self.assertEqual((db["name"], db["state"], db["sub_state"]), ("db", "active", "running"))
        self.assertGreater(db["uptime_usec"], 0)
        self.assertGreaterEqual(db["heartbeat_age_usec"], 0)
        self.assertEqual(web, {"name": "web-1", "state": "inactive", "sub_state": "dead", "uptime_usec": None,
                               "heartbeat_age_usec": None, **UNKNOWN})
        self.assertEqual({key: db[key] for key in UNKNOWN}, UNKNOWN)

    def test_stream(self):
        out = self.house.parkerctl("top", "--json=pretty", "-n", "3", "-d", "0.1", "db").stdout
        looks = [json.loads(line) for line in out.splitlines()]  # a line each: it is a stream
        self.assertEqual(len(looks), 3)
        self.assertLess(looks[0]["realtime_usec"], looks[1]["realtime_usec"])

    def test_bad_requests(self):
        self.assertEqual(self.house.parkerctl("top", "nobody").returncode, 3)
        for words in (("-d", "0"), ("-d", "nan"), ("--delay=much",), ("-n", "-1")):
            with self.subTest(words=words):
                self.assertEqual(self.house.parkerctl("top", *words).returncode, 2)


class Terminal(BusTest):
    def setUp(self):
        self.leader, self.follower = pty.openpty()
        self.addCleanup(os.close, self.leader)
        self.addCleanup(os.close, self.follower)
        self.before = termios.tcgetattr(self.follower)
        self.out = ""

    def top(self, *words: str, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen([PARKERCTL, "--session", "top", *words], stdin=self.follower, stdout=self.follower,
                                   stderr=self.follower, env={**self.house.environment, "TERM": "xterm", **environment})
        self.addCleanup(self.house.end, process)
        return process

    def read_until(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.out):
            ready = select.select([self.leader], [], [], max(0, deadline - time.monotonic()))[0]
            self.assertTrue(ready, f"no {pattern} in {self.out!r}")
            self.out += os.read(self.leader, 4096).decode()

    def assert_left_as_it_was(self, process: subprocess.Popen) -> None:
        self.assertEqual(process.wait(PATIENCE), 0)
        self.read_until(r"\x1b\[\?7h\x1b\[\?25h$")
        self.assertEqual(termios.tcgetattr(self.follower), self.before)

    def test_until_q(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        process = self.top("-d", "0.1")
        self.read_until(r"(?s)(\x1b\[HNAME.*?\x1b\[32mactive\x1b\[0m.*?web-1.*?\x1b\[J.*?){3}")
        self.assertEqual(termios.tcgetattr(self.follower)[3] & (termios.ICANON | termios.ECHO), 0)
        os.write(self.leader, b"x")
        self.assertIsNone(process.poll())
        os.write(self.leader, b"q")
        self.assert_left_as_it_was(process)

    def test_until_interrupted(self):
        process = self.top("-d", "1000", NO_COLOR="1")  # it does not wait for the next look
        self.read_until(r"(?s)web-1.*\x1b\[J")
        self.assertNotIn("\x1b[3", self.out)
        process.send_signal(signal.SIGINT)
        self.assert_left_as_it_was(process)

    def test_so_many(self):
        process = self.top("-n", "2", "-d", "0.1")
        self.assert_left_as_it_was(process)
        self.assertEqual(self.out.count("\x1b[HNAME"), 2)

    def test_once_is_plain(self):
        process = self.top("-n", "1")
        self.assertEqual(process.wait(PATIENCE), 0)
        self.read_until("web-1[^\n]*\n")
        self.assertNotIn("\x1b[H", self.out)

    def test_a_low_terminal(self):
        termios.tcsetwinsize(self.follower, (2, 40))
        self.before = termios.tcgetattr(self.follower)
        self.assert_left_as_it_was(self.top("-n", "2", "-d", "0.1"))
        self.assertNotIn("web-1", self.out)


if __name__ == "__main__":
    main()
