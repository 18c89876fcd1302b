# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plain words as man(7) source."""

import re
import textwrap


def escape(text: str) -> str:
    """One line or word, with `code` in bold."""
    text = text.replace("\\", "\\e")
    text = re.sub(r"`([^`]*)`", lambda found: f"\\fB{found[1].replace('-', chr(92) + '-')}\\fR", text)
    # What people copy out of a page must be ASCII: option names, paths, patterns.
    text = re.sub(r"(?<![\w\\])-(?=[-\w])", r"\\-", text)
    text = text.replace("~", r"\(ti").replace("^", r"\(ha")
    return re.sub(r"^(?=[.'])", r"\\&", text)


def bold(text: str) -> str:
    return ".B " + literal(text)


def literal(text: str) -> str:
    """To be typed as it stands."""
    text = text.replace("\\", "\\e").replace("-", r"\-").replace("~", r"\(ti").replace("^", r"\(ha")
    return re.sub(r"^(?=[.'])", r"\\&", text)


def block(lines: list[str], indent: str = ".RS 4") -> list[str]:
    """Lines that keep their shape."""
    return [indent, ".nf", *(literal(line) if line else "\\&" for line in lines), ".fi", ".RE"]


def fill(text: str) -> list[str]:
    """A sentence a line, as roff wants it."""
    joined = " ".join(text.split())
    return [escape(sentence) for sentence in re.split(r"(?<=[.?!]) (?=[A-Z`(\"])", joined) if sentence]


def paragraphs(text: str, new_paragraph: str = ".PP") -> list[str]:
    """Paragraphs with blank lines between; " - " begins an item, and what is indented further keeps its shape."""
    out: list[str] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = part.splitlines()
        plain: list[str] = []
        shaped: list[str] = []
        items: list[list[str]] = []
        for line in lines:
            if found := re.match(r" ?- (.*)", line):
                items.append([found[1]])
            elif items and line.startswith("  "):
                items[-1].append(line)
            elif line.startswith("  ") and plain:
                shaped.append(line)
            else:
                plain.append(line)
        if out:
            out.append(new_paragraph if plain else "")
        out += fill("\n".join(plain)) if plain else []
        if shaped:
            out += block(textwrap.dedent("\n".join(shaped)).splitlines(), ".RS" if new_paragraph == ".IP" else ".RS 4")
        out += [".RS"] if items else []
        for item in items:
            out += [".IP \\(bu 2", *fill("\n".join(item))]
        out += [".RE"] if items else []
    return [line for line in out if line]
