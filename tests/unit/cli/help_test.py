#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the programs say of themselves, and of a mistake on the command line: help_test.py PARKERCTL PARKERD"""

import re
import subprocess
import sys
import unittest

PARKERCTL, PARKERD = sys.argv[1:3]


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


class Help(unittest.TestCase):
    def setUp(self):
        verbs = re.findall(r"^  ([a-z]+) ", run(PARKERCTL, "--help").stdout.partition("Subcommands:")[2], re.M)
        self.assertGreater(len(verbs), 14)
        self.commands = [(PARKERD,), (PARKERCTL,), *((PARKERCTL, verb) for verb in verbs)]

    def test_help(self):
        for command in self.commands:
            with self.subTest(command=command):
                done = run(*command, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(run(*command, "-h").stdout, done.stdout)
                self.assertEqual([line for line in done.stdout.splitlines() if len(line) > 80], [])
                self.assertEqual([line for line in done.stdout.splitlines() if line != line.rstrip()], [])
                self.assertNotIn("\t", done.stdout)
                self.assertRegex(done.stdout, r"(?m)^Usage: parker(ctl|d) ")
                self.assertIn("--help", done.stdout)

    def test_version(self):
        for program in (PARKERD, PARKERCTL):
            done = run(program, "--version")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"^\d+(\.\d+)+\n$")

    def test_mistakes(self):
        for command in self.commands:
            for words, said in (((*command, "db", "--no-such-option"), "--no-such-option|--output is required"), ((*command, "db", "x", "--json=loud"), "db|x|loud")):
                with self.subTest(words=words):
                    done = run(*words)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertRegex(done.stderr, rf"^parker(ctl|d): .*({said})")
                    self.assertNotIn("Usage", done.stderr)
                    self.assertLessEqual(len(done.stderr.splitlines()), 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
