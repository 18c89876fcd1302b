# SPDX-License-Identifier: LGPL-2.1-or-later
"""The QEMU that the machines run on: that of Debian's backports, unpacked beside the system's own.

TCG with a host thread for each CPU has races around a memory map that changes, as when one kernel moves a BAR while another
writes to its local APIC. Debian 12's 7.2 lets such a write go elsewhere, and an interrupt is lost, or a kernel dies; the newer
one notices (iotlb_to_section: Assertion `section_index < d->map.sections_nb' failed) and ends. So CPUs take turns unless a
scenario asks for threads (Config.parallel), and a QEMU that crashes is named as the one at fault.
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
