# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the programs, the schema and the D-Bus XML say of themselves: the one source of man pages and completion."""

import dataclasses
import itertools
import json
import os
import pathlib
import re
import subprocess
import textwrap
import xml.etree.ElementTree as ElementTree


class Undocumented(Exception):
    """Something has no words of its own; the text says what."""


# Command lines

@dataclasses.dataclass
class Option:
    names: list[str]  # "-o", "--output"; of a positional: "NAME"
    value: str  # what its argument is called; empty: it takes none, or is a positional
    repeats: bool
    required: bool
    text: str


@dataclasses.dataclass
class Command:
    name: str
    text: str
    positionals: list[Option]
    options: list[Option]
    verbs: list["Command"]
    footer: str


# CLI11's notes behind an option's name and value: a default, a range, what it needs or excludes.
NOTES = re.compile(r"(=| (Needs|Excludes|Env): | in \[|:[A-Z]+\b).*")


def option(words: str, text: str, is_positional: bool) -> Option:
    required = " REQUIRED" in words
    repeats = " ..." in words
    words = words.replace(" REQUIRED", "").replace(" ...", "")
    names, _, value = words.partition(" ")
    value = NOTES.sub("", " " + value).strip()
    if not text:
        raise Undocumented(f"option {names}")
    return Option(names.split(","), "" if is_positional else value, repeats, required, text)


def entries(lines: list[str]) -> list[tuple[str, str]]:
    """Lines of "  NAME    text" as pairs; a long name has its text on the next line."""
    found: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith("   "):
            name, text = found[-1]
            found[-1] = (name, f"{text} {line.strip()}".strip())
        else:
            name, text = (re.split(r"\s{2,}", line.strip(), maxsplit=1) + [""])[:2]
            found.append((name, text))
    return found


def command(program: pathlib.Path, name: str, *verb: str) -> Command:
    """As `PROGRAM VERB --help` describes it."""
    out = subprocess.run([program, *verb, "--help"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
                         env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    sections: dict[str, list[str]] = {"": []}
    current = sections[""]
    for line in out.splitlines():
        if re.fullmatch(r"(Positionals|Options|Subcommands):", line):
            current = sections.setdefault(line[:-1], [])
        elif line and not line.startswith(" ") and current is not sections[""]:
            current = sections.setdefault("footer", [])
            current.append(line)
        elif line or current is sections.get("footer"):
            current.append(line)
    text = " ".join(itertools.takewhile(lambda line: not line.startswith("Usage:"), sections[""]))
    if not text:
        raise Undocumented(f"{name} {' '.join(verb)}")
    lists = [[option(*entry, is_positional) for entry in entries(sections.get(section, []))]
             for section, is_positional in (("Positionals", True), ("Options", False))]
    verbs = [command(program, verb_name, *verb, verb_name) for verb_name, _ in entries(sections.get("Subcommands", []))]
    return Command(name, text, *lists, verbs, "\n".join(sections.get("footer", [])).strip())


def codes(parkerctl: pathlib.Path) -> list[dict]:
    """All error codes: code, bus_name, exit_code, retryable, text."""
    out = subprocess.run([parkerctl, "--json=short", "explain"], capture_output=True, text=True, check=True,
                         stdin=subprocess.DEVNULL).stdout
    return json.loads(out)


# The manifest's schema

@dataclasses.dataclass
class Key:
    path: str  # "cpus.count"
    kind: str
    required: bool
    limits: list[str]  # sentences
    text: str


def resolved(root: dict, node: dict) -> dict:
    if "$ref" not in node:
        return node
    target = root["definitions"][node["$ref"].rpartition("/")[2]]
    return {**target, **node, "type_text": target["description"]}  # what the key itself says counts more


def kind(node: dict) -> str:
    if "enum" in node:
        return " | ".join(word for word in node["enum"] if isinstance(word, str))  # false: what YAML 1.1 makes of off
    types = node.get("type", "object")
    names = {"object": "map", "array": "list"}
    return " or ".join(names.get(each, each) for each in ([types] if isinstance(types, str) else types))


def limits(node: dict) -> list[str]:
    sentences = []
    if "type_text" in node:
        sentences.append(node["type_text"])
    if "default" in node:
        sentences.append(f"Default: `{json.dumps(node['default']).strip(chr(34))}`.")
    if "minimum" in node and "maximum" in node:
        sentences.append(f"From {node['minimum']} to {node['maximum']}.")
    if "maxLength" in node and "enum" not in node and "type_text" not in node:
        sentences.append(f"At most {node['maxLength']} characters.")
    for words, thing in (("maxItems", "entries"), ("maxProperties", "entries")):
        if words in node:
            sentences.append(f"At most {node[words]} {thing}.")
    if "patternErrorMessage" in node and "type_text" not in node:
        sentences.append(f"It {node['patternErrorMessage']}.")
    if "propertyNames" in node and "patternErrorMessage" in node["propertyNames"]:
        sentences.append(f"Each key {node['propertyNames']['patternErrorMessage']}.")
    return sentences


def keys(root: dict, node: dict | None = None, prefix: str = "") -> list[Key]:
    node = root if node is None else node
    found = []
    for name, raw in node.get("properties", {}).items():
        path = f"{prefix}{name}"
        if not raw.get("description"):
            raise Undocumented(f"key {path}")
        child = resolved(root, raw)
        found.append(Key(path, kind(child), name in node.get("required", []), limits(child), raw["description"]))
        found += keys(root, child, path + ".")
        if isinstance(child.get("items"), dict):
            found += keys(root, resolved(root, child["items"]), path + "[].")
    return found


# D-Bus interfaces

@dataclasses.dataclass
class Member:
    kind: str  # method, signal, property
    name: str
    signature: str
    text: str


@dataclasses.dataclass
class Interface:
    name: str
    text: str
    members: list[Member]


def words_of(comment: str | None) -> str:
    """A comment without what indents it."""
    first, _, rest = (comment or "").strip("\n").partition("\n")
    return f"{first.strip()}\n{textwrap.dedent(rest)}".strip()


def signature(element: ElementTree.Element) -> str:
    name = element.get("name")
    if element.tag == "property":
        return f"{name} {element.get('type')}, {'read and write' if element.get('access') == 'readwrite' else 'read'}"
    arguments = [(argument.get("direction", "out" if element.tag == "signal" else "in"), argument.get("type"),
                  argument.get("name")) for argument in element.iter("arg")]
    into = ", ".join(f"{kind} {name}" for way, kind, name in arguments if way == "in" or element.tag == "signal")
    out = ", ".join(f"{kind} {name}" for way, kind, name in arguments if way == "out" and element.tag == "method")
    return f"{name}({into})" + (f" -> ({out})" if out else "")


def emits(element: ElementTree.Element) -> str:
    """What a property's reader must know of its signal."""
    for note in element.iter("annotation"):
        if note.get("name") == "org.freedesktop.DBus.Property.EmitsChangedSignal":
            return {"const": " Never changes.", "false": " Changes without a signal."}[note.get("value")]
    return ""


def interface(file: pathlib.Path) -> Interface:
    """Each member's words are the comment right before it; the interface's, the last comment before the node."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    text = file.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text, parser)
    head = re.findall(r"<!--(.*?)-->", text[:text.index("<node")], re.S)
    element = root.find("interface")
    members, comment = [], None
    for child in element:
        if child.tag is ElementTree.Comment:
            comment = child.text
            continue
        if child.tag in ("method", "signal", "property"):
            if not comment:
                raise Undocumented(f"{child.tag} {element.get('name')}.{child.get('name')}")
            members.append(Member(child.tag, child.get("name"), signature(child), words_of(comment) + emits(child)))
        comment = None
    return Interface(element.get("name"), words_of(head[-1]), members)
