#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`parkerctl validate` sees the words that a start would refuse: validate_test.py PARKERCTL."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PARKERCTL = sys.argv.pop(1)
MANIFEST = ("apiVersion: parker/v1\nname: {}\ncpus: {{count: 1}}\nmemory: {{size: 1GiB}}\n"
            "kernel:\n  image: /boot/vmlinuz\n  cmdline: {}\n")


class Validate(unittest.TestCase):
    def test_words(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "two.yaml"
            file.write_text(MANIFEST.format("good", "root=/dev/vda -- acpi=off") + "---\n" +
                            MANIFEST.format("bad", "'ro \"acpi=off\"'"))
            text = subprocess.run([PARKERCTL, "validate", file], capture_output=True, text=True, check=False, timeout=60)
            found = json.loads(subprocess.run([PARKERCTL, "validate", "--json=short", file], capture_output=True, text=True,
                                              check=False, timeout=60).stdout)
        self.assertEqual(text.returncode, 5)
        self.assertEqual(text.stdout, f"{file}: good: valid\n")
        self.assertIn(f"{file}:15:12: error[bad-value]: kernel command line word \"\"acpi=off\"\": ", text.stderr)
        self.assertIn("  cmdline: 'ro \"acpi=off\"'", text.stderr)
        self.assertEqual([(each["partition"], each["code"]) for each in found], [("bad", "bad-value")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
