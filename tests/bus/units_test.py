#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""parkerctl before systemd: start, stop and restart through units; and the unit files themselves."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from case import PARKERCTL, PARKERD, SCHEMAS, main
from harness import House, eventually

FAKE = pathlib.Path(__file__).with_name("fake_systemd.py")
UNITS = pathlib.Path(SCHEMAS).parent / "units"


class ThroughUnits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House(PARKERD, PARKERCTL, session=False)
        cls.addClassCleanup(cls.house.close)
        for name in ("db", "tired", "flaky"):
            cls.house.manifest(name)
        cls.house.manifest("crowd", cpus=4000)
        fake = cls.house.spawn("/usr/bin/python3", str(FAKE), cls.house.address, PARKERCTL, stdout=subprocess.PIPE,
                               env=cls.house.environment)
        cls.addClassCleanup(fake.stdout.close)
        assert fake.stdout.readline() == b"ready\n"
        cls.house.start_parkerd("--fault=start:flaky")

    def parkerctl(self, *words: str) -> subprocess.CompletedProcess:
        return self.house.parkerctl(*words)

    def test_start_restart_stop(self):
        for verb, state in (("start", "active"), ("restart", "active"), ("stop", "inactive")):
            done = self.parkerctl(verb, "db")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), verb)
            self.assertEqual(self.house.partition("db")["State"], state)

    def test_start_that_does_not_fit(self):
        through_unit = self.parkerctl("start", "crowd")
        self.assertEqual(through_unit.returncode, 6)
        eventually(lambda: self.house.partition("crowd")["State"] == "failed", "the unit has tried again")
        failed = self.house.partition("crowd")
        self.assertEqual(through_unit.stderr, f"parkerctl: {failed['Message']}\n  try: {failed['Suggestion']}\n")

    def test_the_supervisor_says_the_same(self):
        eventually(lambda: self.house.partition("crowd")["State"] in ("failed", "inactive"), "at rest")
        run = self.parkerctl("run", "crowd")
        self.assertEqual(run.returncode, 75)  # whoever has the CPUs may give them back
        failed = self.house.partition("crowd")
        self.assertEqual(run.stderr, f"parkerctl: {failed['Message']}\n  try: {failed['Suggestion']}\n")

    def test_what_this_machine_does_not_have(self):
        self.house.drop("dream.yaml", (self.house.manifests / "db.yaml").read_text().replace("name: db", "name: dream")
                        .replace("count: 4", 'list: "3000-3003"'))
        run = self.parkerctl("run", "dream")
        self.assertEqual(run.returncode, 6)
        self.assertIn("3000", run.stderr)

    def test_start_that_succeeds_later(self):
        # The first try fails, and tells why, although the unit has it running by the time its job ends.
        done = self.parkerctl("start", "flaky")
        self.assertEqual(done.returncode, 1)
        self.assertIn("start:flaky", done.stderr)
        self.house.wait_for_state("flaky", "active")
        self.assertEqual(self.parkerctl("stop", "flaky").returncode, 0)

    def test_start_limit(self):
        done = self.parkerctl("start", "tired")
        self.assertEqual(done.returncode, 1)
        self.assertIn("started too often", done.stderr)
        self.assertIn("systemctl reset-failed parker@tired.service", done.stderr)

    def test_each_is_tried(self):
        done = self.parkerctl("start", "nosuch", "db", "crowd")
        self.assertEqual(done.returncode, 3)  # the first failure's
        self.assertEqual(self.house.partition("db")["State"], "active")
        self.assertIn("CPU", done.stderr)
        self.assertEqual(self.parkerctl("stop", "db").returncode, 0)


class UnitFiles(unittest.TestCase):
    def setUp(self):
        """The units as they are installed, but for where the programs are."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        places = {"bindir": self.folder / "bin", "libexecdir": self.folder / "bin"}
        (self.folder / "bin").mkdir()
        for program in (PARKERD, PARKERCTL):
            (self.folder / "bin" / pathlib.Path(program).name).symlink_to(pathlib.Path(program).resolve())
        self.units = []
        for file in sorted(UNITS.iterdir()):
            text = re.sub(r"@([a-z]+)@", lambda found: str(places.get(found[1], found[0])), file.read_text())
            name = file.name.removesuffix(".in")
            if re.fullmatch(r"parker.*\.(service|timer|target)", name):
                (self.folder / name).write_text(text)
                self.units.append(name)

    def analyze(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                              env={**os.environ, "SYSTEMD_UNIT_PATH": f"{self.folder}:", "LC_ALL": "C.UTF-8"})

    def test_verify(self):
        self.assertEqual(len(self.units), 5, self.units)
        for unit in self.units:
            with self.subTest(unit=unit):
                # The man pages are not installed here; that they exist, the test of the pages says.
                name = unit.replace("@.", "@db.")
                done = self.analyze("verify", "--man=no", str(self.folder / name))
                mine = [line for line in done.stderr.splitlines() if "parker" in line]
                self.assertEqual((mine, done.returncode), ([], 0), done.stderr)

    def test_restarts(self):
        """Only what may pass by itself is tried again."""
        text = (UNITS / "parker@.service.in").read_text()
        prevented = {int(word) for word in re.search(r"^RestartPreventExitStatus=(.+)$", text, re.M)[1].split()}
        explained = subprocess.run([PARKERCTL, "--json=short", "explain"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
        for code in json.loads(explained.stdout):
            with self.subTest(code=code["code"]):
                status = 75 if code["retryable"] and code["exit_code"] == 6 else code["exit_code"]
                if code["retryable"]:
                    self.assertNotIn(status, prevented)
                elif status != 1:  # which a kernel that ended has, too
                    self.assertIn(status, prevented)

    def test_security(self):
        for unit in self.units:
            if unit.endswith(".service"):
                with self.subTest(unit=unit):
                    name = unit.replace("@.", "@db.")
                    done = self.analyze("security", "--offline=true", "--threshold=50", str(self.folder / name))
                    self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)


if __name__ == "__main__":
    main()
