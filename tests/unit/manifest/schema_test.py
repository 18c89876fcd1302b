#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The schema file as editors and other validators see it: schema_test.py SCHEMA EXAMPLES FIXTURES.

Every example and every valid fixture is accepted, every document of a fixture with the comment `# schema: rejects` is
rejected, every other document that YAML can read is accepted: what it is invalid for, a schema cannot say.
"""

import json
import pathlib
import re
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema. PyYAML speaks 1.1, where `off` is false and 0000:01:00.0 is a number."""

    yaml_implicit_resolvers = {}


for tag, pattern, first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)


def as_json(value):
    """JSON has no keys but strings."""
    if isinstance(value, dict):
        return {str(key): as_json(below) for key, below in value.items()}
    if isinstance(value, list):
        return [as_json(below) for below in value]
    return value


def documents(file):
    return [as_json(one) for one in yaml.load_all(file.read_text(), Loader) if one is not None]


def described(schema, path="schema"):
    """The paths of properties that say nothing about themselves."""
    for key, below in schema.get("properties", {}).items():
        if not below.get("description"):
            yield f"{path}.{key}"
        yield from described(below, f"{path}.{key}")
        yield from described(below.get("items", {}), f"{path}.{key}[]")


def main():
    schema_file, examples, fixtures = map(pathlib.Path, sys.argv[1:])
    schema = json.loads(schema_file.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    faults = [f"{path} has no description" for path in described(schema)]
    counts = {"accepted": 0, "rejected": 0}

    files = sorted(examples.glob("*.yaml")) + sorted(fixtures.glob("*/*.yaml"))
    for file in files:
        text = file.read_text()
        rejects = "\n# schema: rejects\n" in text
        if not rejects and re.search(r"^# expect: .* error\[(not-yaml|too-large)\]", text, re.M):
            continue  # the schema never sees these
        try:
            found = documents(file)
        except yaml.YAMLError:
            if rejects or file.parent.name != "invalid":
                faults.append(f"{file}: no YAML")
            continue
        for number, document in enumerate(found, 1):
            accepted = validator.is_valid(document)
            counts["accepted" if accepted else "rejected"] += 1
            if accepted == rejects:
                why = "" if accepted else ": " + "; ".join(error.message for error in validator.iter_errors(document))
                faults.append(f"{file}: document {number} is {'accepted' if accepted else 'rejected' + why}")

    print("\n".join(faults))
    print(counts)
    if min(counts.values()) < 10:
        sys.exit("too few documents: are these the right folders?")
    sys.exit(bool(faults))


main()
