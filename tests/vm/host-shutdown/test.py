# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole machine goes down while a partition runs."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator

from harness import product
from harness.machine import Config, Machine
from road.test import reported, start

MACHINE = None  # each test ends its own


@contextlib.contextmanager
def running_partition() -> Iterator[Machine]:
    """A machine whose partition has its drive mounted and written to."""
    config = Config()
    disk = product.disk(config)
    try:
        with Machine(config, disk, "host-shutdown") as m:
            start(m)
            reported(m)
            yield m
            shutil.rmtree(m.folder)
    finally:
        disk.unlink()


def drive_features(m: Machine) -> str:
    dump = subprocess.run(["dumpe2fs", "-h", str(m.folder / "nvme1.img")], capture_output=True, text=True, check=True).stdout
    return next(line for line in dump.splitlines() if line.startswith("Filesystem features:"))


def test_orderly() -> None:
    """The machine's power button: the partition's kernel is shut down first, and leaves its file system clean"""
    with running_partition() as m:
        assert "needs_recovery" in drive_features(m), "the drive is not mounted: the test would prove nothing"
        m.power_off(120)
        assert "needs_recovery" not in drive_features(m)
        assert not m.new_trouble()


def test_forced() -> None:
    """A reboot past all services: the module stops the partition before the machine resets"""
    with running_partition() as m:
        m.run("echo 7 >/proc/sys/kernel/printk; systemctl reboot -ff", check=False)
        assert m.wait(60), f"the machine hangs\n{m.tail()}"
        assert "parker db: stopped: the machine goes down" in m.console(), m.tail()
        assert "needs_recovery" in drive_features(m), "nobody could have unmounted it"
