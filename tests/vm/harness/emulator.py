# SPDX-License-Identifier: LGPL-2.1-or-later
"""The QEMU that the machines run on: that of Debian's backports, unpacked beside the system's own.

Debian 12's 7.2 changes a CPU's memory map while that CPU runs (tcg_commit in softmmu/physmem.c; done by the CPU itself since
8.2). When one kernel moves a BAR, another's access to its local APIC may then end up elsewhere: a lost interrupt, or a crash of QEMU.
"""

import functools
import pathlib
import subprocess

from . import paths
from .debian import RELEASE, Archive

PACKAGES = ("qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios")
PROGRAM = "usr/bin/qemu-system-x86_64"


@functools.cache
def qemu() -> pathlib.Path:
    """The program; it finds its own firmware. Its libraries are those that Debian 12's package brings."""
    archive = Archive(f"{RELEASE}-backports")

    def make(path: pathlib.Path) -> None:
        archive.unpack(list(PACKAGES), path)
        done = subprocess.run([path / PROGRAM, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"QEMU of the backports does not run here: {done.stderr.strip()}")

    return paths.cached(f"qemu/{paths.digest(archive.show(PACKAGES[0])['Version'])}", make) / PROGRAM
