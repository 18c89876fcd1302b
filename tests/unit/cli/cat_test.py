#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`parkerctl cat`, which files count: cat_test.py PARKERCTL."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PARKERCTL = sys.argv.pop(1)
MANIFEST = "apiVersion: parker/v1\nname: {}\ncpus: {{count: 1}}\nmemory: {{size: 1GiB}}\nkernel: {{image: /boot/vmlinuz}}\n"


class Cat(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folders = [pathlib.Path(folder.name) / name for name in ("etc", "run", "lib")]
        for each in self.folders:
            each.mkdir()
        etc, _, lib = self.folders
        (etc / "10-db.yaml").write_text(MANIFEST.format("db") + "---\n" + MANIFEST.format("spare").rstrip())
        (etc / "off.yaml").symlink_to("/dev/null")
        (etc / ".hidden.yaml").write_text("no manifest")
        (lib / "10-db.yaml").write_text("masked")
        (lib / "off.yaml").write_text("masked")
        (lib / "broken.yaml").write_bytes(b"name: [\xff\n")

    def cat(self, *words: str) -> subprocess.CompletedProcess:
        config = [f"--config={folder}" for folder in self.folders]
        return subprocess.run([PARKERCTL, *config, "cat", *words], capture_output=True, check=False, timeout=60)

    def section(self, path: pathlib.Path) -> bytes:
        return f"# {path}\n".encode() + path.read_bytes()

    def test_all(self):
        etc, _, lib = self.folders
        done = self.cat()
        expected = [self.section(etc / "10-db.yaml") + b"\n", self.section(lib / "broken.yaml"), f"# {etc}/off.yaml -> /dev/null\n".encode()]
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"\n".join(expected), b""))

    def test_of_partitions(self):
        etc, _, lib = self.folders
        for name, file in (("db", etc / "10-db.yaml"), ("spare", etc / "10-db.yaml"), ("broken", lib / "broken.yaml")):
            self.assertEqual(self.cat(name).stdout.rstrip(b"\n"), self.section(file).rstrip(b"\n"), name)
        self.assertEqual(self.cat("off").stdout, f"# {etc}/off.yaml -> /dev/null\n".encode())
        self.assertEqual(self.cat("spare", "db").stdout, self.cat("db").stdout)  # one file, shown once
        nobody = self.cat("db", "nobody")
        self.assertEqual((nobody.returncode, nobody.stdout), (3, b""))
        self.assertIn(b"nobody", nobody.stderr)

    def test_json(self):
        files = json.loads(self.cat("--json=short").stdout)
        self.assertEqual([(pathlib.Path(file["path"]).name, file["disables"]) for file in files],
                         [("10-db.yaml", False), ("broken.yaml", False), ("off.yaml", True)])
        self.assertEqual(files[0]["text"], (self.folders[0] / "10-db.yaml").read_text())

    def test_what_cannot_be_read(self):
        (self.folders[1] / "folder.yaml").mkdir()
        (self.folders[1] / "large.yaml").write_bytes(b"#" * (1 << 20) + b"\n")
        done = self.cat()
        self.assertEqual(done.returncode, 5)
        self.assertIn(b"folder.yaml", done.stderr)
        self.assertIn(b"is a directory", done.stderr)
        self.assertIn(b"has more than 1048576 bytes", done.stderr)
        self.assertIn(b"# " + bytes(self.folders[0] / "10-db.yaml"), done.stdout)


if __name__ == "__main__":
    unittest.main()
