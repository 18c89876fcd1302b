#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The man pages: man_test.py SOURCE PARKERCTL PARKERD PAGE... [unittest's arguments]"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

SOURCE, PARKERCTL, PARKERD, *PAGES = map(pathlib.Path, sys.argv[1:8])
PAGE = {page.name: page for page in PAGES}
SECTIONS = {
    "parkerctl.1": ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES",
                    "SEE ALSO"),
    "parkerd.8": ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SIGNALS", "EXIT STATUS", "FILES", "EXAMPLES", "SEE ALSO"),
    "parker.d.5": ("NAME", "SYNOPSIS", "DESCRIPTION", "KEYS", "FILES", "EXAMPLES", "SEE ALSO"),
    "org.parker1.5": ("NAME", "SYNOPSIS", "DESCRIPTION", "ERRORS", "FILES", "EXAMPLES", "SEE ALSO"),
}


def run(*command, **options) -> subprocess.CompletedProcess:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                          **options)


def rendered(name: str) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "1000", "MANPAGER": "cat"}
    return run("man", "--local-file", PAGE[name], env=environment).stdout


def entries(text: str) -> dict[str, str]:
    """Each indented line, as it may be the head of an entry, and the words of the deeper lines below it."""
    found: dict[str, str] = {}
    lines = [line for line in text.splitlines() if line.strip()]
    for i, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        body = []
        for below in lines[i + 1:]:
            if len(below) - len(below.lstrip()) <= depth:
                break
            body.append(below.strip())
        if depth:
            found[line.strip()] = " ".join(body)
    return found


def schema_keys(node: dict, root: dict, prefix: str = "") -> list[str]:
    if "$ref" in node:
        node = root["definitions"][node["$ref"].split("/")[-1]]
    keys = []
    for name, child in node.get("properties", {}).items():
        keys += [prefix + name, *schema_keys(child, root, f"{prefix}{name}.")]
        keys += schema_keys(child.get("items", {}), root, f"{prefix}{name}[].")
    return keys


def options_of(*command) -> list[str]:
    """The long names of all options that a program's help has."""
    out = run(*command, "--help").stdout
    return re.findall(r"^  (?:-\w,)?(--[a-z-]+)", out, re.M)


def verbs() -> list[str]:
    return re.findall(r"^  ([a-z]+) ", run(PARKERCTL, "--help").stdout.partition("Subcommands:")[2], re.M)


class Pages(unittest.TestCase):
    def assert_described(self, found: dict[str, str], pattern: str):
        """That there is an entry, with words of its own behind its head or below it."""
        words = [f"{head[match.end():]} {body}" for head, body in found.items() if (match := re.match(pattern, head))]
        self.assertTrue(words, f"nothing about {pattern}")
        self.assertRegex(words[0], r"(\S+ +){2}\S+", pattern)

    def test_they_are_well_formed(self):
        self.assertEqual(set(PAGE), set(SECTIONS))
        for name, page in PAGE.items():
            for command in (("groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", page),
                            ("man", "--warnings=w", "-E", "UTF-8", "-l", "-Z", page),
                            ("mandoc", "-Tlint", "-Wwarning", page)):
                with self.subTest(page=name, by=command[0]):
                    done = run(*command, env={**os.environ, "LC_ALL": "C.UTF-8"})
                    complaints = (done.stderr + (done.stdout if command[0] == "mandoc" else "")).splitlines()
                    # A date would make each build another one.
                    self.assertEqual([line for line in complaints if "missing date" not in line], [])
                    self.assertEqual(done.returncode, 2 if "missing date" in str(complaints) else 0)
            self.assertNotRegex(page.read_text(), r"(?m)^@")

    def test_sections(self):
        for name, sections in SECTIONS.items():
            with self.subTest(page=name):
                found = re.findall(r"^[A-Z][A-Z ]+[A-Z]$", rendered(name), re.M)
                self.assertEqual([section for section in found if section in sections], list(sections))

    def test_whatis(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, page in PAGE.items():
                self.assertRegex(run("lexgrog", page).stdout, rf'"{re.escape(name[:-2])} - \S', name)
                self.assertTrue(pathlib.Path(folder).exists())

    def test_every_key(self):
        schema = json.loads((SOURCE / "schemas/partition-v1.json").read_text())
        keys = schema_keys(schema, schema)
        self.assertGreater(len(keys), 25)
        self.assertIn("devices[].pci.vendor", keys)
        found = entries(rendered("parker.d.5"))
        for key in keys:
            with self.subTest(key=key):
                self.assert_described(found, re.escape(key) + r" \(")

    def test_every_verb_and_option(self):
        found = entries(rendered("parkerctl.1"))
        names = verbs()
        self.assertGreater(len(names), 14)
        for verb in names:
            with self.subTest(verb=verb):
                self.assert_described(found, rf"{verb}( |$)")
            for option in options_of(PARKERCTL, verb):
                with self.subTest(verb=verb, option=option):
                    self.assert_described(found, rf"(-\w, )?{option}(=| |$)")
        for page, program in (("parkerctl.1", PARKERCTL), ("parkerd.8", PARKERD)):
            found = entries(rendered(page))
            options = options_of(program)
            self.assertGreater(len(options), 6)
            for option in options:
                with self.subTest(page=page, option=option):
                    self.assert_described(found, rf"(-\w, )?{option}(=| |$)")

    def test_every_member_of_the_bus(self):
        found = entries(rendered("org.parker1.5"))
        count = 0
        for file in (SOURCE / "schemas").glob("org.*.xml"):
            for element in ElementTree.parse(file).getroot().find("interface"):
                count += 1
                with self.subTest(file=file.name, member=element.get("name")):
                    self.assert_described(found, element.get("name") + (r" \S+, read" if element.tag == "property" else r"\("))
        self.assertGreater(count, 40)

    def test_every_code(self):
        table = (SOURCE / "daemon/base/error.cpp").read_text()
        codes = re.findall(r'\{Code::\w+, "([a-z-]+)", "(\w+)", (\d)', table)
        self.assertGreater(len(codes), 40)
        found = entries(rendered("org.parker1.5"))
        statuses = entries(rendered("parkerctl.1"))
        for code, bus_name, exit_code in codes:
            with self.subTest(code=code):
                self.assert_described(found, rf"{code} \(org\.parker1\.Error\.{bus_name}, exit code {exit_code}[;)]")
                self.assertTrue(any(re.match(rf"{exit_code} .*[ :]{code}[,.]", head) for head in statuses))

    def test_every_unit_names_a_page(self):
        for unit in (*(SOURCE / "units").glob("*.service.in"), *(SOURCE / "units").glob("*.t*e*r*")):
            if unit.suffix not in (".in", ".timer", ".target"):
                continue
            with self.subTest(unit=unit.name):
                pages = re.search(r"^Documentation=(.+)$", unit.read_text(), re.M)
                self.assertIsNotNone(pages)
                for page in pages[1].split():
                    found = re.fullmatch(r"man:(\S+)\((\d)\)", page)
                    self.assertIn(f"{found[1]}.{found[2]}", PAGE)


class Generator(unittest.TestCase):
    """What is not documented does not build."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        for name in ("schemas", "examples"):
            shutil.copytree(SOURCE / name, self.tree / name)

    def generate(self, page: str) -> subprocess.CompletedProcess:
        man = SOURCE / "daemon/man"
        return run(man / "generate.py", "--version=1", "--parkerctl", PARKERCTL, "--parkerd", PARKERD, "--source", self.tree,
                   man / f"{page}.in", self.tree / page)

    def change(self, file: str, pattern: str, by: str):
        path = self.tree / "schemas" / file
        text, count = re.subn(pattern, by, path.read_text(), count=1)
        self.assertEqual(count, 1)
        path.write_text(text)

    def test_as_it_is(self):
        for name, page in PAGE.items():
            self.assertEqual(self.generate(name).stderr, "")
            self.assertEqual((self.tree / name).read_text().splitlines()[2:], page.read_text().splitlines()[2:])

    def test_undocumented(self):
        self.change("org.parker1.Partition.xml", r"<!-- The name that its.*?-->", "")
        self.change("partition-v1.json", r'"description": "A line for people[^"]*"', '"description": ""')
        for page, what in (("org.parker1.5", "property org.parker1.Partition.Name"), ("parker.d.5", "key description")):
            with self.subTest(page=page):
                done = self.generate(page)
                self.assertEqual(done.returncode, 1)
                self.assertIn(what, done.stderr)


class Security(unittest.TestCase):
    def test_the_tests_that_it_names_are_there(self):
        text = (SOURCE / "SECURITY.md").read_text()
        named = {path for group in re.findall(r"\[(tests/[^\]]+)\]", text) for path in group.split(", ")}
        self.assertGreater(len(named), 8)
        for path in sorted(named):
            with self.subTest(path):
                self.assertTrue((SOURCE / path).exists())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[8:]], verbosity=2)
