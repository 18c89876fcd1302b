#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""parkerctl before somebody who looks: on a terminal, in a pipe, and as a stream."""

import json
import os
import pty
import re
import subprocess
import time
import unittest

from case import PARKERCTL, BusTest, main
from harness import PATIENCE, eventually

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


class TerminalTest(BusTest):
    def on_terminal(self, *words: str, **environment: str) -> tuple[int, str]:
        """Exit code, and all that a terminal was sent."""
        leader, follower = pty.openpty()
        process = subprocess.Popen([PARKERCTL, "--session", *words], stdin=follower, stdout=follower, stderr=follower,
                                   env={**self.house.environment, "TERM": "xterm", **environment})
        os.close(follower)
        out = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # Linux's way to say that nobody has the other end any more
                break
            if not part:
                break
            out += part
        os.close(leader)
        return process.wait(PATIENCE), out.decode()


class Colours(TerminalTest):
    def test_states(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        for words in (("list",), ("status", "db")):
            with self.subTest(words=words):
                self.assertRegex(self.on_terminal(*words)[1], re.escape(GREEN) + r"active( \(running\))?" + re.escape(PLAIN))
                self.assertNotIn("\x1b", self.on_terminal(*words, NO_COLOR="1")[1])
                self.assertNotIn("\x1b", self.on_terminal(*words, TERM="dumb")[1])
                self.assertIn(GREEN, self.on_terminal(*words, NO_COLOR="")[1])
                self.assertNotIn("\x1b", self.house.parkerctl(*words).stdout)

    def test_columns_stay_in_line(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        plain = re.sub(r"\x1b\[\d+m|\r", "", self.on_terminal("list")[1])
        self.assertEqual(plain, self.house.parkerctl("list").stdout)

    def test_findings(self):
        bad = self.house.folder / "bad.yaml"
        bad.write_text("apiVersion: parker/v1\nname: x\nnonsense: 1\n")
        bad.chmod(0o644)
        code, out = self.on_terminal("validate", str(bad))
        self.assertEqual(code, 5)
        self.assertIn(f"{RED}error[unknown-key]{PLAIN}: ", out)
        self.assertNotIn("\x1b", self.on_terminal("validate", str(bad), NO_COLOR="yes")[1])

    def test_json_is_never_coloured(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        self.assertEqual(json.loads(self.on_terminal("--json=short", "list")[1])[0]["state"], "active")


class Progress(TerminalTest):
    def test_start_and_stop(self):
        code, out = self.on_terminal("start", "db")
        self.assertEqual(code, 0)
        shown = [line.partition("\x1b[K")[2] for line in out.split("\r") if "\x1b[K" in line]
        self.assertEqual(shown[0], "db: taking and zeroing memory, taking CPUs and devices")
        self.assertIn("db: waiting for the first heartbeat", shown)
        self.assertEqual(shown[-1], "", "nothing stays")
        code, out = self.on_terminal("stop", "db")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"\r\x1b\[Kdb: waiting for the power-off \(\d s\)")
        self.assertTrue(out.endswith("\r\x1b[K"), out)

    def test_error_stands_alone(self):
        path = self.house.manifest("giant", memory="100TiB")
        self.addCleanup(path.unlink)
        self.house.manager("Reload", "t", "0")
        code, out = self.on_terminal("start", "giant")
        self.assertEqual(code, 6)
        self.assertRegex(out, r"\r\x1b\[Kparkerctl: partition giant: [^\r\x1b]+\r\n")

    def test_not_in_a_pipe(self):
        done = self.house.parkerctl("start", "db")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class Events(BusTest):
    def follow(self, *words: str) -> tuple[subprocess.Popen, object]:
        file = self.house.folder / f"events-{time.monotonic_ns()}"
        with open(file, "wb") as out:
            process = self.house.spawn(PARKERCTL, "--session", *words, "events", stdout=out, env=self.house.environment)
        self.addCleanup(self.house.end, process)
        # Its match rules are in force when it answers to nothing else any more: the bus knows it by its connection.
        eventually(lambda: process.pid in self.house.connected(), "it is on the bus")
        time.sleep(0.5)
        return process, file

    def test_lines(self):
        _, file = self.follow()
        self.start("db")
        for words in ("job begins", "activating reserving", "booting", "active running", "job ended: done"):
            line = re.compile(rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d db: {words}$", re.M)
            eventually(lambda line=line: line.search(file.read_text()), words)
        self.assertNotIn("web-1", file.read_text())

    def test_json_lines(self):
        _, file = self.follow("--json=pretty")  # a line each all the same: it is a stream
        self.start("db")
        eventually(lambda: "job ended" in file.read_text(), "the end")
        events = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual({event["partition"] for event in events}, {"db"})
        self.assertEqual([event["state"] for event in events if event["state"]], ["activating", "active"])
        self.assertEqual([event["sub_state"] for event in events if event["sub_state"]],
                         ["reserving", "loading", "booting", "running"])
        self.assertTrue(all(event["realtime_usec"] > 0 and event["event"] for event in events))

    def test_it_ends_with_its_reader(self):
        process, _ = self.follow()
        process.terminate()
        process.wait(PATIENCE)
        self.assertEqual(process.returncode, -15)


if __name__ == "__main__":
    main()
