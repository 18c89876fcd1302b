#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`parkerctl metrics`: what Prometheus and node_exporter make of it."""

import pathlib
import re
import shutil
import stat
import subprocess
import time
import unittest

from prometheus_client.parser import text_string_to_metric_families

from case import NOBODY, PARKERCTL, PARKERD, BusTest, main
from fake_image import bzimage
from harness import House

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
VALUE = r'"(?:[^"\\\n]|\\[\\n"])*"'
LABEL = rf"[a-zA-Z_][a-zA-Z0-9_]*={VALUE}"
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9]+(?:\.[0-9]+)?)")


def check_syntax(test: unittest.TestCase, text: str) -> None:
    """The exposition format, word by word: what lenient parsers let through is an error here."""
    test.assertTrue(text.endswith("\n"))
    seen, samples, family, kind, helped = set(), set(), None, None, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped, words = line.split(" ", 3)[2:]
            test.assertRegex(helped, f"^{NAME}$")
            test.assertRegex(words, r"^[^\\\n]+\.$")
            test.assertNotIn(helped, seen, "a family comes once")
            seen.add(helped)
        elif line.startswith("# TYPE "):
            family, kind = line.split(" ")[2:]
            test.assertEqual(family, helped, "TYPE follows HELP")
            test.assertIn(kind, ("gauge", "counter", "summary"))
            test.assertEqual(kind == "counter", family.endswith("_total"))
            test.assertTrue(family.startswith("parker_"))
        else:
            found = SAMPLE.fullmatch(line)
            test.assertIsNotNone(found, line)
            allowed = {f"{family}_sum", f"{family}_count"} if kind == "summary" else {family}
            test.assertIn(found[1], allowed, "a sample stands below its family")
            test.assertNotIn((found[1], found[2]), samples, "a sample comes once")
            samples.add((found[1], found[2]))


def parsed(text: str) -> dict[tuple, float]:
    """By a parser that is not ours: {(name, label values in their order): value}"""
    return {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


class Metrics(BusTest):
    options = ("--fault=panic:web-1:2s", "--fault=take-memory:late")

    def metrics(self) -> dict[tuple, float]:
        done = self.house.parkerctl("metrics")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        check_syntax(self, done.stdout)
        return parsed(done.stdout)

    def test_life(self):
        before = time.time()
        rest = self.metrics()
        self.assertEqual(rest["parker_up",], 1)
        self.assertEqual(sum(v for k, v in rest.items() if k[0] == "parker_build_info"), 1)
        self.assertLess(rest["parker_start_timestamp_seconds",], before)
        self.assertEqual(rest["parker_partition_state", "db", "inactive"], 1)
        self.assertEqual(rest["parker_partition_cpus", "db"], 0)
        self.assertNotIn(("parker_partition_heartbeat_age_seconds", "db"), rest)
        starts = rest["parker_partition_starts_total", "db"]

        self.house.parkerctl("start", "db")
        running = self.metrics()
        self.assertEqual({k[2]: v for k, v in running.items() if k[:2] == ("parker_partition_state", "db")},
                         {"inactive": 0, "activating": 0, "active": 1, "deactivating": 0, "failed": 0})
        self.assertEqual(running["parker_partition_substate", "db", "running"], 1)
        self.assertEqual(running["parker_partition_cpus", "db"], 4)
        self.assertEqual(running["parker_partition_memory_bytes", "db"], 1 << 30)
        self.assertEqual(running["parker_partition_devices", "db"], 0)
        self.assertEqual(running["parker_partition_starts_total", "db"], starts + 1)
        self.assertEqual(running["parker_partition_start_duration_seconds_count", "db"], starts + 1)
        self.assertGreater(running["parker_partition_start_duration_seconds_sum", "db"], 0.9)  # the first beat
        self.assertGreater(running["parker_partition_heartbeats_total", "db"], 0)
        self.assertLess(running["parker_partition_heartbeat_age_seconds", "db"], 30)
        self.assertGreater(running["parker_partition_heartbeat_timestamp_seconds", "db"], before)

        self.house.parkerctl("stop", "db")
        stopped = self.metrics()
        self.assertEqual(stopped["parker_partition_stop_duration_seconds_count", "db"], 1)
        self.assertGreater(stopped["parker_partition_stop_duration_seconds_sum", "db"], 1.9)
        self.assertEqual(stopped["parker_partition_memory_bytes", "db"], 0)
        self.assertEqual(stopped["parker_partition_crashes_total", "db"], 0)

    def test_crash(self):
        before = self.metrics()["parker_partition_crashes_total", "web-1"]
        self.house.parkerctl("start", "web-1")
        self.house.wait_for_state("web-1", "failed")
        after = self.metrics()
        self.assertEqual(after["parker_partition_crashes_total", "web-1"], before + 1)
        self.assertEqual(after["parker_partition_substate", "web-1", "crashed"], 1)

    def test_failed_start(self):
        path = self.house.manifest("late")
        self.addCleanup(path.unlink)
        self.house.manager("Reload", "t", "0")
        self.assertNotEqual(self.house.parkerctl("start", "late").returncode, 0)
        self.assertEqual(self.metrics()["parker_partition_failed_starts_total", "late"], 1)

    def test_need_reload(self):
        good = (self.house.manifests / "db.yaml").read_text()
        self.addCleanup(self.house.manager, "Reload", "t", "0")
        self.addCleanup(self.house.drop, "db.yaml", good)
        self.house.drop("db.yaml", good + "typo: 1\n")
        self.house.manager("Reload", "t", "0")
        now = self.metrics()
        self.assertEqual(now["parker_partition_need_reload", "db"], 1)
        self.assertEqual(now["parker_partition_findings", "db", "error"], 1)

    def test_words_of_a_hostile_image(self):
        hostile = 'a"} 1\n# TYPE \\n\\'
        image = self.house.folder / "hostile"
        image.write_bytes(bzimage(hostile))
        path = self.house.manifest("hostile", image=image)
        self.addCleanup(path.unlink)
        self.house.manager("Reload", "t", "0")
        self.assertEqual(self.house.parkerctl("start", "hostile").returncode, 0)
        release = self.house.partition("hostile")["KernelRelease"]
        self.assertIn('a"}', release)
        info = [k for k in self.metrics() if k[:3] == ("parker_partition_info", release, "success")]
        self.assertEqual(len(info), 1)

    def test_file(self):
        file = self.house.folder / "parker.prom"
        for _ in range(2):
            done = self.house.parkerctl("metrics", "-o", str(file))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            check_syntax(self, file.read_text())
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o644)
        self.assertEqual(list(self.house.folder.glob("parker.prom?*")), [])
        done = self.house.parkerctl("metrics", "-o", "/nosuch/parker.prom")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nosuch/parker.prom", done.stderr)
        device = self.house.parkerctl("metrics", "-o", "/dev/null")
        self.assertEqual(device.returncode, 1)
        self.assertTrue(stat.S_ISCHR(pathlib.Path("/dev/null").stat().st_mode))

    def test_others_may_look(self):
        if not shutil.which("setpriv") or pathlib.Path("/proc/self").stat().st_uid != 0:
            self.skipTest("needs root, to be somebody else")
        done = subprocess.run([*NOBODY, PARKERCTL, "--session", "metrics"], env=self.house.environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('parker_partition_state{partition="db"', done.stdout)


class WithoutParkerd(unittest.TestCase):
    def test_down(self):
        house = House(PARKERD, PARKERCTL)
        self.addCleanup(house.close)
        file = house.folder / "parker.prom"
        done = house.parkerctl("metrics", f"--output={file}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        check_syntax(self, file.read_text())
        self.assertEqual(parsed(file.read_text()), {("parker_up",): 0})


if __name__ == "__main__":
    main()
