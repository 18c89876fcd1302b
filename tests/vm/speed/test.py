# SPDX-License-Identifier: LGPL-2.1-or-later
"""Numbers, not judgements: how long a partition takes to its first program, beside the same kernel on a machine of its own."""

import pathlib
import re
import tempfile

from harness import initramfs, machine, paths
from harness.machine import Machine
from road.test import cleanup, empty_drive, reported, start, stop  # noqa: F401  (the runner finds cleanup here)


def first_userspace(report: str) -> float:
    """Seconds from the kernel's first look at the clock to /init."""
    return float(re.search(r"^first userspace: (\S+)$", report, re.M)[1])


def directly(m: Machine) -> float:
    """The same kernel, initrd and number of CPUs, booted by QEMU."""
    with tempfile.TemporaryDirectory(dir=paths.ARTEFACTS, prefix="direct-") as folder:
        image = machine.ext4(pathlib.Path(folder) / "drive.img", "64M", 1)
        q = machine.Qemu(pathlib.Path(folder), [
            "-smp", "2", "-m", "512M", "-kernel", str(m.kernel.image), "-initrd", str(initramfs.application(m.kernel)),
            "-append", "console=ttyS0 quiet job=report tsc=reliable", *machine.nvme(image, 1)])
        try:
            machine.until("the report is written", lambda: "nodes:" in machine.file_on(image, "report"), 90)
            return first_userspace(machine.file_on(image, "report"))
        finally:
            q.kill()


def phases(m: Machine, since: str) -> dict[str, float]:
    """Seconds from one state of the partition to the next, from parkerd's journal."""
    lines = m.out(f"journalctl -u parkerd -o short-unix --since '{since}'").splitlines()
    seen = {found[2]: float(found[1]) for line in lines if (found := re.match(r"(\d+\.\d+) .* db: \w+ \((\w+)\)", line))}
    return {"reserve (with zeroing)": seen["loading"] - seen["reserving"], "load": seen["booting"] - seen["loading"],
            "to the first heartbeat": seen["running"] - seen["booting"]}


def test_first_userspace(m: Machine) -> None:
    """Start to first program: where the time goes, and the ratio to a direct boot"""
    empty_drive(m)
    since = m.out("sleep 1; date '+%F %T'")
    start(m)
    reported(m)
    m.until("the report is whole", lambda: "nodes:" in m.peek("report"), 20)
    kernel, spent = first_userspace(m.peek("report")), phases(m, since)
    stop(m)
    direct = directly(m)
    for what, seconds in spent.items():
        print(f"     {what:24} {seconds:6.2f} s")
    print(f"     {'kernel to /init':24} {kernel:6.2f} s, directly {direct:.2f} s: ratio {kernel / direct:.2f}")
    whole = spent["reserve (with zeroing)"] + spent["load"] + kernel
    print(f"     {'all to /init':24} {whole:6.2f} s: ratio {whole / direct:.2f}", flush=True)
