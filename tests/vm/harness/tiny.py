# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small kernels built from Debian's source, one for each way to compress an image."""

import pathlib
import shutil
import subprocess

from . import paths
from .debian import Archive

FORMATS = ("GZIP", "XZ", "LZO", "LZ4", "ZSTD")
# On top of tinyconfig: what a partition's firmware, initramfs, heartbeat and power button need.
OPTIONS = ("64BIT SMP PCI PCI_MSI ACPI ACPI_THERMAL ACPI_BUTTON THERMAL EFI EFI_STUB PRINTK TTY BLK_DEV_INITRD RD_GZIP BINFMT_ELF "
           "BINFMT_SCRIPT RELOCATABLE RANDOMIZE_BASE PROC_FS SYSFS DEVTMPFS MULTIUSER POSIX_TIMERS FUTEX EPOLL SHMEM TMPFS X86_LOCAL_APIC "
           "X86_IO_APIC HIGH_RES_TIMERS INPUT INPUT_EVDEV MODULES UNIX NET").split()


def kernels() -> pathlib.Path:
    """A folder of images, named by their compression; about five minutes when made."""
    archive = Archive()
    package = archive.depends("linux-source", r"linux-source-\d.*")[0]

    def make(path: pathlib.Path) -> None:
        work = path.with_name(path.name + ".work")
        paths.remove(work)
        archive.unpack([package], work)
        subprocess.run(["tar", "-xf", work / f"usr/src/{package}.tar.xz", "-C", work], check=True)
        tree = work / package

        def run(*command: str) -> None:
            subprocess.run(command, cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

        run("make", "-s", "ARCH=x86_64", "tinyconfig")
        run("scripts/config", *(word for option in OPTIONS for word in ("-e", option)))
        path.mkdir(parents=True)
        for form in FORMATS:
            run("scripts/config", *(word for other in FORMATS for word in ("-d", f"KERNEL_{other}")), "-e", f"KERNEL_{form}")
            run("make", "-s", "ARCH=x86_64", "olddefconfig")
            run("make", "-s", "ARCH=x86_64", "-j2", "bzImage")
            shutil.copy2(tree / "arch/x86/boot/bzImage", path / form)
        paths.remove(work)

    return paths.cached(f"tiny/{paths.digest(archive.show(package)['Version'], FORMATS, OPTIONS)}", make)
