#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of partitions when files are emptied, broken, linked, moved and misnamed: manifests_test.py PARKERD
PARKERCTL SCHEMAS [unittest's arguments]"""

import json
import os
import pathlib
import subprocess
import time

from case import BusTest, main
from harness import MANIFEST, PATIENCE, eventually


class ManifestTest(BusTest):
    def setUp(self):
        self.good = (self.house.manifests / "db.yaml").read_text()

    def tearDown(self):
        self.house.drop("db.yaml", self.good)
        self.house.manager("Reload", "t", "0")
        super().tearDown()

    def names(self) -> list[str]:
        return [entry[0] for entry in self.house.manager("ListPartitions")[0]]

    def run_db(self) -> None:
        self.start("db")
        self.house.wait_for_state("db", "active")

    def manifest(self, name: str, description: str = "", **words) -> str:
        return MANIFEST.format(name=name, **{"description": description, "cpus": 2, "memory": "256MiB", "image": self.house.image,
                                             **words})

    def put(self, file: str, text: str) -> pathlib.Path:
        path = self.house.drop(file, text)
        self.addCleanup(path.unlink, missing_ok=True)
        return path


class Kept(ManifestTest):
    """Only what is done with the file itself stops a partition."""

    def check_kept(self, code: str) -> None:
        for _ in range(2):
            self.house.manager("Reload", "t", "0")
        db = self.house.partition("db")
        self.assertEqual((db["State"], db["NeedReload"]), ("active", True))
        self.assertIn(code, [f["Code"]["data"] for f in db["Findings"]])
        self.assertIn(code, [f["Code"]["data"] for f in self.house.manager("GetFindings")[0]])
        done = self.house.parkerctl("apply")
        self.assertEqual((done.returncode, done.stdout), (5, ""))
        self.assertIn("db.yaml", done.stderr)

    def test_texts(self):
        self.run_db()
        path = self.house.manifests / "db.yaml"
        changed = self.house.partition("db")["StateChangeTimestamp"]
        for what, text, code in (("no bytes", "", "manifest-gone"), ("comments", "# all of it\n", "manifest-gone"),
                                 ("half", self.good[:40], "missing-key"), ("no name", self.good.replace("name: db\n", ""), "missing-key"),
                                 ("NULs", "\0" * 100, "not-yaml"), ("large", "#" * (1 << 20) + "\n", "too-large"),
                                 ("a neighbour with an error", self.good.replace("name: db", "name: other\ntypo: 1"), "manifest-gone")):
            with self.subTest(what=what):
                path.write_text(text)  # in place, as a shell does it
                eventually(lambda: self.house.partition("db")["NeedReload"], "NeedReload, by itself")
                self.check_kept(code)
                self.house.drop("db.yaml", self.good)
                eventually(lambda: not self.house.partition("db")["NeedReload"], "mended")
        self.assertEqual(self.house.partition("db")["StateChangeTimestamp"], changed)
        self.assertEqual(len(self.names()), 2)

    def test_what_is_no_file(self):
        self.run_db()
        path = self.house.manifests / "db.yaml"
        for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero"), lambda: path.symlink_to("nowhere")):
            path.unlink()
            make()
            self.check_kept("unreadable")
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
            self.house.drop("db.yaml", self.good)
        self.house.manager("Reload", "t", "0")
        self.assertFalse(self.house.partition("db")["NeedReload"])

    def test_folder_is_away(self):
        self.run_db()
        away = self.house.folder / "away"
        self.house.manifests.rename(away)
        eventually(lambda: self.house.partition("web-1")["NeedReload"], "NeedReload, by itself")
        self.check_kept("manifest-gone")
        self.house.manifests.mkdir()  # as an empty folder is, on which something was mounted
        self.check_kept("manifest-gone")
        self.house.manifests.rmdir()
        away.rename(self.house.manifests)
        eventually(lambda: not self.house.partition("db")["NeedReload"], "back")

    def test_removed(self):
        self.run_db()
        path = self.house.manifests / "db.yaml"
        path.write_text("")
        self.check_kept("manifest-gone")
        path.unlink()
        eventually(lambda: "db" not in self.names(), "stopped by its button, and gone")
        self.house.drop("db.yaml", self.good)
        eventually(lambda: "db" in self.names(), "there again")
        self.run_db()
        (self.house.folder / "null").symlink_to("/dev/null")
        (self.house.folder / "null").rename(path)
        eventually(lambda: "db" not in self.names(), "stopped by a link to /dev/null")

    def test_editors(self):
        """However they write, nothing is stopped and nothing needs a restart."""
        self.run_db()
        path = self.house.manifests / "db.yaml"
        changed = self.house.partition("db")["StateChangeTimestamp"]
        for _ in range(10):
            path.rename(self.house.manifests / "db.yaml~")
            path.write_text("")
            path.write_text(self.good)
            self.house.parkerctl("apply")
            path.write_text(self.good[:100])
            path.write_text(self.good)
            path.unlink()
            writer = subprocess.Popen(["sh", "-c", 'sleep .05; mv "$0~" "$0"', path])
            self.house.parkerctl("apply")
            writer.wait(PATIENCE)
        self.house.manager("Reload", "t", "0")
        db = self.house.partition("db")
        self.assertEqual((db["State"], db["NeedReload"], db["NeedRestart"], db["StateChangeTimestamp"]),
                         ("active", False, False, changed))
        self.assertNotIn("db: deactivating", self.house.log().rsplit("db: active", 1)[1])

    def test_document_taken_out(self):
        path = self.put("two.yaml", self.manifest("one") + "---\n" + self.manifest("two"))
        self.house.manager("Reload", "t", "0")
        self.start("two")
        self.house.wait_for_state("two", "active")
        path.write_text(self.manifest("one"))
        eventually(lambda: self.house.partition("two")["NeedReload"], "NeedReload")
        self.assertEqual(self.house.partition("two")["State"], "active")
        self.assertEqual(self.house.parkerctl("stop", "two").returncode, 0)
        eventually(lambda: "two" not in self.names(), "gone, once it has been stopped")
        self.assertIn("one", self.names())


class Links(ManifestTest):
    def description(self, text: str) -> None:
        """What a start uses, without a wait for anything."""
        self.start("linked")
        self.assertEqual(self.house.wait_for_state("linked", "active")["Description"], text)
        self.house.parkerctl("kill", "linked")

    def other_name(self, path: pathlib.Path) -> pathlib.Path:
        """Nobody watches it, and what was done to the file so far is known."""
        alias = self.house.folder / "alias"
        os.link(path, alias)
        self.addCleanup(alias.unlink)
        self.house.manager("Reload", "t", "0")
        time.sleep(0.5)
        return alias

    def test_elsewhere(self):
        other = self.house.folder / "elsewhere"
        for version in ("v1", "v2"):
            (other / version).mkdir(parents=True)
            (other / version / "linked.yaml").write_text(self.manifest("linked", version))
        (other / "current").symlink_to("v1")
        link = self.house.manifests / "linked.yaml"
        link.symlink_to("../elsewhere/current/linked.yaml")
        self.addCleanup(link.unlink)
        eventually(lambda: "linked" in self.names(), "seen")
        self.description("v1")
        (other / "v1/linked.yaml").write_text(self.manifest("linked", "rewritten"))
        self.description("rewritten")
        (other / "new").symlink_to("v2")
        (other / "new").rename(other / "current")
        self.description("v2")

        # And by itself, without anybody asking.
        (other / "v2/linked.yaml").write_text(self.manifest("linked", "again"))
        eventually(lambda: self.house.partition("linked")["Description"] == "again", "its target is watched")
        (other / "new").symlink_to("v1")
        (other / "new").rename(other / "current")
        eventually(lambda: self.house.partition("linked")["Description"] == "rewritten", "links on the way are watched")
        (other / "v1/linked.yaml").unlink()
        eventually(lambda: self.house.partition("linked")["NeedReload"], "a link to nowhere removes nothing")

    def test_what_no_event_tells_of(self):
        path = self.put("linked.yaml", self.manifest("linked", "first"))
        eventually(lambda: "linked" in self.names(), "seen")
        time.sleep(0.5)  # its events are over
        alias = self.other_name(path)
        alias.write_text(self.manifest("linked", "second"))  # by its other name
        self.assertIn("second", json.dumps(self.house.parkerctl("--json=short", "plan", "linked").stdout) + self.house.parkerctl(
            "--json=short", "show", "linked").stdout)
        alias.write_text(self.manifest("linked", "third"))
        self.description("third")

    def test_broken_before_a_start(self):
        path = self.put("linked.yaml", self.manifest("linked", "good"))
        eventually(lambda: "linked" in self.names(), "seen")
        alias = self.other_name(path)
        alias.write_text("")
        self.start("linked")
        linked = self.house.wait_for_state("linked", "active")
        self.assertEqual((linked["Description"], linked["NeedReload"]), ("good", True))
        self.house.parkerctl("kill", "linked")


class Misnamed(ManifestTest):
    def test_shown(self):
        self.put("tab.yaml", "cpus:\n\tcount: 2\n")
        self.put("named.yaml", self.manifest("other") + "memroy: 1\n")
        self.put("none.yaml", "")
        self.put("wrong.yml", self.manifest("wrong"))
        self.put("off.yaml.disabled", self.manifest("off"))
        self.put("db.yaml.bak", self.good)
        (self.house.manifests / "gone.yaml").symlink_to("/dev/null")
        self.addCleanup((self.house.manifests / "gone.yaml").unlink)
        self.house.manager("Reload", "t", "0")

        listed = self.house.manager("ListManifests")[0]
        self.assertEqual([(pathlib.Path(path).name, state, names) for path, state, names, _ in listed],
                         [("db.yaml", "valid", ["db"]), ("gone.yaml", "disabled", []), ("named.yaml", "invalid", ["other"]),
                          ("none.yaml", "empty", []), ("tab.yaml", "invalid", []), ("web-1.yaml", "valid", ["web-1"]),
                          ("off.yaml.disabled", "ignored", []), ("wrong.yml", "ignored", [])])
        findings = {pathlib.Path(path).name: own for path, _, _, own in listed}
        self.assertEqual(findings["db.yaml"], [])
        self.assertEqual([f["Code"]["data"] for f in findings["tab.yaml"]], ["not-yaml"])
        self.assertNotIn("SourceLine", str(findings))
        self.assertEqual(self.names(), ["db", "web-1"])

        rows = self.house.parkerctl("list").stdout
        for row in (r"other +invalid +- +- +- +named\.yaml:\d+: unknown key `memroy`", r"tab +invalid +.*tab\.yaml:2: YAML does not",
                    r"none +empty +.*none\.yaml no manifest", r"wrong\.yml +ignored +.*wrong\.yml is not read",
                    r"off\.yaml\.disabled +ignored "):
            self.assertRegex(rows, rf"(?m)^{row}")
        self.assertNotIn("db.yaml.bak", rows)
        states = {p["name"]: p["state"] for p in json.loads(self.house.parkerctl("--json=short", "list").stdout)}
        self.assertEqual(states, {"db": "inactive", "none": "empty", "off.yaml.disabled": "ignored", "other": "invalid",
                                  "tab": "invalid", "web-1": "inactive", "wrong.yml": "ignored"})
        status = self.house.parkerctl("status")
        self.assertEqual(status.returncode, 0)
        for text in ("tab.yaml:2:1: error[not-yaml]", "State: invalid", "wrong.yml: warning[ignored-file]", "did you mean `memory`?"):
            self.assertIn(text, status.stdout)
        said = subprocess.run([self.house.parkerctl_path, f"--config={self.house.manifests}", "validate"], capture_output=True,
                              text=True, check=False).stderr
        for name in ("tab.yaml", "named.yaml", "none.yaml", "wrong.yml", "off.yaml.disabled"):
            self.assertIn(name, said)
        self.assertIn("wrong.yml", self.house.log())

        for name, code, text in (("tab", 5, "tab.yaml: YAML does not allow tabs"), ("other", 5, "named.yaml: unknown key"),
                                 ("none", 3, "there is no manifest in"), ("wrong", 3, "wrong.yml is not read"),
                                 ("off", 3, "off.yaml.disabled is not read"), ("gone", 3, "a link to /dev/null")):
            for verb in ("start", "status", "show", "plan", "run"):
                with self.subTest(verb=verb, name=name):
                    done = self.house.parkerctl(verb, name)
                    self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                    self.assertIn(text, done.stderr)

    def test_kept_ones_are_no_strangers(self):
        """A partition that goes on with its last good definition is not listed a second time."""
        path = self.house.manifests / "db.yaml"
        for text in ("", "cpus:\n\tcount: 2\n", self.good + "typo: 1\n"):
            path.write_text(text)
            self.house.manager("Reload", "t", "0")
            names = [p["name"] for p in json.loads(self.house.parkerctl("--json=short", "list").stdout)]
            self.assertEqual(names, ["db", "web-1"])


if __name__ == "__main__":
    main()
