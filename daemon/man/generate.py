#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Man pages and shell completion, from templates and what the programs, the schema and the D-Bus XML say of themselves.

generate.py --version=V --parkerctl=PROGRAM --parkerd=PROGRAM --source=ROOT TEMPLATE OUTPUT

A line @NAME@ or @NAME argument@ of a template is replaced by what the function of that name below gives.
"""

import argparse
import functools
import json
import pathlib
import re
import sys

import completion
import roff
import sources
from sources import Command, Option


def option_head(option: Option) -> str:
    value = f"={option.value}" if option.value and option.names[-1].startswith("--") else option.value and f" {option.value}"
    names = ", ".join(f"\\fB{roff.literal(name)}\\fR" for name in option.names[:-1])
    last = f"\\fB{roff.literal(option.names[-1])}\\fR"
    return f"{names}{', ' if names else ''}{last}" + (f"{value[0]}\\fI{roff.literal(value[1:])}\\fR" if value else "")


def options(command: Command) -> list[str]:
    lines: list[str] = []
    for option in command.options:
        if option.names[-1] not in ("--help", "--version"):
            lines += [".TP", option_head(option), *roff.fill(sentence(option.text))]
    return lines


def sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."


def usage(verb: Command) -> str:
    words = [f"\\fB{verb.name}\\fR"]
    for positional in verb.positionals:
        name = f"\\fI{positional.names[0]}\\fR" + ("..." if positional.repeats else "")
        words.append(name if positional.required else f"[{name}]")
    return " ".join(words)


class Pages:
    """What templates can ask for."""

    def __init__(self, arguments: argparse.Namespace):
        self._arguments = arguments
        self._schemas = arguments.source / "schemas"

    @functools.cached_property
    def parkerctl(self) -> Command:
        return sources.command(self._arguments.parkerctl, "parkerctl")

    @functools.cached_property
    def parkerd(self) -> Command:
        return sources.command(self._arguments.parkerd, "parkerd")

    def title(self, name: str, section: str) -> list[str]:
        return [f'.TH {name} {section} "" "parkerd {self._arguments.version}" "parkerd"', ".nh", ".ad l"]

    def verbs(self) -> list[str]:
        lines: list[str] = []
        for verb in self.parkerctl.verbs:
            lines += [".TP", usage(verb), *roff.fill(sentence(verb.text)), *roff.fill(verb.footer)]
            own = [option for option in verb.options if option.names[-1] != "--help"]
            for argument in (*verb.positionals, *own):
                head = option_head(argument) if argument in own else f"\\fI{argument.names[0]}\\fR"
                lines += [".RS", ".TP", head, *roff.fill(sentence(argument.text)), ".RE"]
        return lines

    def options(self, program: str) -> list[str]:
        return options(getattr(self, program))

    def keys(self) -> list[str]:
        lines: list[str] = []
        for key in sources.keys(json.loads((self._schemas / "partition-v1.json").read_text())):
            required = ", required" if key.required else ""
            lines += [".TP", f"\\fB{roff.literal(key.path)}\\fR ({roff.escape(key.kind)}{required})"]
            lines += roff.fill(" ".join([key.text, *key.limits]))
        return lines

    def interface(self, name: str) -> list[str]:
        found = sources.interface(self._schemas / f"{name}.xml")
        lines = roff.paragraphs(found.text)
        for kind, title in (("method", "Methods"), ("signal", "Signals"), ("property", "Properties")):
            members = [member for member in found.members if member.kind == kind]
            if members:
                lines.append(f'.SS "{title} of {name}"')
            for member in members:
                lines += [".TP", roff.bold(member.signature), *roff.paragraphs(member.text, ".IP")]
        return lines

    def codes(self) -> list[str]:
        lines: list[str] = []
        for code in sources.codes(self._arguments.parkerctl):
            retry = "; may pass by itself" if code["retryable"] else ""
            notes = f"{roff.literal(code['bus_name'])}, exit code {code['exit_code']}{retry}"
            lines += [".TP", f"\\fB{roff.literal(code['code'])}\\fR ({notes})", *roff.fill(code["text"])]
        return lines

    def exit_codes(self) -> list[str]:
        names: dict[int, list[str]] = {}
        for code in sources.codes(self._arguments.parkerctl):
            names.setdefault(code["exit_code"], []).append(code["code"])
        meanings = {1: "It failed", 2: "The command line was not understood", 3: "Nothing matches", 4: "Not permitted",
                    5: "A manifest or an image is invalid", 6: "The resources asked for cannot be had"}
        if set(names) != set(meanings):
            raise sources.Undocumented(f"exit codes {sorted(set(names) ^ set(meanings))}")
        lines = [".TP", "0", "Done."]
        for number, meaning in meanings.items():
            lines += [".TP", str(number), f"{meaning}: {roff.literal(', '.join(names[number]))}."]
        return lines

    def file(self, path: str) -> list[str]:
        lines = (self._arguments.source / path).read_text().splitlines()
        return roff.block([line for line in lines if "SPDX-License-Identifier" not in line])

    def completion(self, shell: str) -> list[str]:
        codes = [code["code"] for code in sources.codes(self._arguments.parkerctl)]
        return getattr(completion, shell)(self.parkerctl, codes)


def main() -> int:
    parser = argparse.ArgumentParser()
    for name, kind in (("version", str), ("parkerctl", pathlib.Path), ("parkerd", pathlib.Path), ("source", pathlib.Path)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("template", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()
    pages = Pages(arguments)
    out: list[str] = []
    for line in arguments.template.read_text().splitlines():
        if found := re.fullmatch(r"@([a-z_]+)((?: \S+)*)@", line):
            try:
                out += getattr(pages, found[1])(*found[2].split())
            except sources.Undocumented as what:
                print(f"{arguments.template.name}: {what}: nothing says what it is", file=sys.stderr)
                return 1
        else:
            out.append(line)
    arguments.output.write_text("\n".join(out) + "\n")
    return 0


sys.exit(main())
