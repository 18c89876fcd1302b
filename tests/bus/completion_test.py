#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion as the shells do it: completion_test.py PARKERCTL PARKERD COMPLETION... [unittest's arguments]"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

from harness import House

PARKERCTL, PARKERD, *FILES = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:5])
BASH = next(path for path in FILES if not path.endswith("_parkerctl"))
ZSH = next(path for path in FILES if path.endswith("_parkerctl"))

# As readline calls it: bash splits words at "=", too.
DRIVE = """
source "$1"; shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
_parkerctl "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


class Bash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House(PARKERD, PARKERCTL)
        cls.addClassCleanup(cls.house.close)
        for name in ("db", "db-2", "web"):
            cls.house.manifest(name, description="""'"name":"forged"'""")
        cls.house.start_parkerd()

    def complete(self, *words: str, house: House | None = None) -> list[str]:
        """What can stand for the last word."""
        done = subprocess.run(["bash", "--norc", "-c", DRIVE, "bash", BASH, PARKERCTL, *words], capture_output=True, text=True,
                              env=(house or self.house).environment, cwd=self.house.folder, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sorted(done.stdout.split())

    def test_verbs(self):
        out = subprocess.run([PARKERCTL, "--help"], capture_output=True, text=True, check=True).stdout
        verbs = re.findall(r"^  ([a-z]+) ", out.partition("Subcommands:")[2], re.M)
        self.assertGreater(len(verbs), 14)
        self.assertEqual(self.complete(""), sorted(verbs))
        self.assertEqual(self.complete("--session", "--json", "=", "short", "sta"), ["start", "status"])
        self.assertEqual(self.complete("--json", "short", "va"), ["validate"])
        self.assertEqual(self.complete("frob"), [])

    def test_options(self):
        self.assertIn("--no-legend", self.complete("--no"))
        self.assertIn("--json", self.complete("list", "--j"))
        self.assertIn("--memory-floor", self.complete("plan", "--"))
        self.assertNotIn("--memory-floor", self.complete("list", "--"))
        self.assertIn("--output", self.complete("metrics", "--o"))

    def test_values(self):
        self.assertEqual(self.complete("--json", "=", ""), ["off", "pretty", "short"])
        self.assertEqual(self.complete("--json", "="), ["off", "pretty", "short"])
        self.assertEqual(self.complete("list", "--json", "=", "s"), ["short"])
        self.assertEqual(self.complete("list", "--json", "p"), ["pretty"])

    def test_partitions(self):
        self.assertEqual(self.complete("--session", "start", ""), ["db", "db-2", "web"])
        self.assertEqual(self.complete("start", "--session", "web", "db-"), ["db-2"])
        self.assertEqual(self.complete("--session", "list", ""), [])
        path = self.house.manifest("late")
        self.addCleanup(path.unlink)
        self.house.manager("Reload", "t", "0")
        self.assertIn("late", self.complete("--session", "status", ""))

    def test_partitions_without_parkerd(self):
        other = House(PARKERD, PARKERCTL)
        self.addCleanup(other.close)
        self.assertEqual(self.complete("--session", "start", "", house=other), [])

    def test_files(self):
        (self.house.folder / "some.yaml").touch()
        (self.house.folder / "some.d").mkdir(exist_ok=True)
        self.assertEqual(self.complete("validate", "some"), ["some.d", "some.yaml"])
        self.assertEqual(self.complete("--config", "=", "some"), ["some.d"])
        self.assertEqual(self.complete("metrics", "-o", "some."), ["some.d", "some.yaml"])

    def test_codes(self):
        self.assertEqual(self.complete("explain", "no-such-"),
                         ["no-such-cpu", "no-such-device", "no-such-node", "no-such-partition"])


class Syntax(unittest.TestCase):
    def test_shellcheck(self):
        done = subprocess.run(["shellcheck", BASH], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.stdout + done.stderr, "")

    def test_zsh(self):
        done = subprocess.run(["zsh", "-n", ZSH], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(pathlib.Path(ZSH).read_text().startswith("#compdef parkerctl\n"))


# A real zsh on a terminal of its own, which lists what Tab would offer.
ZSH_DRIVE = r"""
zmodload zsh/zpty
zpty z zsh -fi
line() { zpty -w z "$1" }
line "PS1=READY; fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; stty columns 200 rows 200 2>/dev/null"
line "zstyle ':completion:*' list-colors ''; LISTMAX=1000; setopt no_list_beep; alias parkerctl=$2; PATH=$3:\$PATH"
line 'print -n SET; print UP'
zpty -r z out '*SETUP*'
zpty -w -n z "$4"$'\t\t'
zpty -r -m z out '*(READY|parkerctl)*' && sleep 2
zpty -w -n z $'\C-u'
line 'print -n THE; print END'
zpty -r z out '*THEEND*'
print -r -- $out
zpty -d z
"""


class Zsh(unittest.TestCase):
    def setUp(self):
        self.house = House(PARKERD, PARKERCTL)
        self.addCleanup(self.house.close)
        self.house.manifest("zebra-1")
        self.house.manifest("zebra-2")
        self.house.start_parkerd()
        self.place = self.house.folder / "functions"
        self.place.mkdir()
        shutil.copy(ZSH, self.place / "_parkerctl")

    def complete(self, text: str) -> str:
        done = subprocess.run(["zsh", "-f", "-c", ZSH_DRIVE, "zsh", str(self.place), PARKERCTL, os.path.dirname(PARKERCTL), text],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                              env={**self.house.environment, "TERM": "xterm"})
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", done.stdout)

    def test_it_completes(self):
        self.assertRegex(self.complete("parkerctl sta"), r"status +-- How partitions fare")
        names = self.complete("parkerctl --session start zeb")
        self.assertIn("zebra-1", names)
        self.assertIn("zebra-2", names)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]], verbosity=2)
