#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a file's bytes as a C++ array: embed.py INPUT OUTPUT NAME."""
import sys

source, target, name = sys.argv[1:]
with open(source, "rb") as file:
    content = file.read()
with open(target, "w", encoding="ascii") as file:
    file.write("#pragma once\n#include <array>\n")
    file.write(f"inline constexpr std::array<unsigned char, {len(content)}> {name}{{\n")
    for start in range(0, len(content), 16):
        file.write(",".join(str(byte) for byte in content[start:start + 16]) + ",\n")
    file.write("};\n")
