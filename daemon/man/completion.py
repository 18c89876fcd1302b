# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shells' completion of parkerctl must know, as their own words."""

import re
import shlex

from sources import Command, Option

# What the arguments of options and verbs are called, and so what completes them; for others there is no help.
KINDS = {"NAME": "partitions", "CODE": "codes", "FILE": "files", "FILE|TEXT": "files", "DIR": "directories"}


def is_choice(value: str) -> bool:
    return re.fullmatch(r"[a-z]+(\|[a-z]+)+", value) is not None


def kind_of(option: Option) -> str:
    """ "partitions", or the words to choose from; empty: nobody knows."""
    value = option.value or option.names[0]
    if is_choice(value):
        return value.replace("|", " ")
    return KINDS.get(value, "")


def takes_value(option: Option) -> bool:
    return bool(option.value)


def bash(command: Command, codes: list[str]) -> list[str]:
    options, values, arguments = {}, {}, {}
    for verb in (command, *command.verbs):
        name = "-" if verb is command else verb.name
        options[name] = " ".join(word for option in verb.options for word in option.names)
        for option in filter(takes_value, verb.options):
            for word in option.names:
                values[f"{name} {word}"] = kind_of(option)
        if verb.positionals:
            arguments[verb.name] = kind_of(verb.positionals[0])
    lines = []
    for array, entries in (("options", options), ("values", values), ("arguments", arguments)):
        lines += [f"    local -A {array}=(", *(f"        [{shlex.quote(k)}]={shlex.quote(v)}" for k, v in entries.items()),
                  "    )"]
    return [*lines, f"    local verbs={shlex.quote(' '.join(verb.name for verb in command.verbs))}",
            f"    local codes={shlex.quote(' '.join(codes))}"]


def zsh_words(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text.replace("'", ""))


def zsh_action(kind: str) -> str:
    return {"partitions": "_parkerctl_partitions", "codes": "_parkerctl_codes", "files": "_files", "directories": "_files -/",
            "": " "}.get(kind, f"({kind})")


def zsh_option(option: Option) -> list[str]:
    specs = []
    for word in option.names:
        sign = "" if not option.value else "=" if word.startswith("--") else "+"
        many = "*" if option.repeats else ""
        value = f":{zsh_words(option.value)}:{zsh_action(kind_of(option))}" if option.value else ""
        specs.append(f"'{many}{word}{sign}[{zsh_words(option.text)}]{value}'")
    return specs


def zsh(command: Command, codes: list[str]) -> list[str]:
    lines = ["_parkerctl_codes() {", f"    compadd -- {' '.join(codes)}", "}", "", "_parkerctl() {", "    local -a verbs=("]
    lines += [f"        '{verb.name}:{zsh_words(verb.text)}'" for verb in command.verbs]
    lines += ["    )", "    local -a common=("]
    lines += [f"        {spec}" for option in command.options for spec in zsh_option(option)]
    names = "|".join(verb.name for verb in command.verbs)
    lines += ["    )", "    local -a own=()", "    local verb=${words[(r)(" + names + ")]}", "    case $verb in"]
    for verb in command.verbs:
        specs = [spec for option in verb.options if "--help" not in option.names for spec in zsh_option(option)]
        if verb.positionals:
            argument = verb.positionals[0]
            place = "*" if argument.repeats else "2"
            specs.append(f"'{place}:{argument.names[0]}:{zsh_action(kind_of(argument))}'")
        if specs:
            lines += [f"    {verb.name})", "        own=(", *(f"            {spec}" for spec in specs), "        )", "        ;;"]
    return [*lines, "    esac"]
