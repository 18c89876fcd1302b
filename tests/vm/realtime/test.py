# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it was made for: a real-time kernel on some cores, beside a general one that is busy."""

import re

from harness.debian import Kernel
from harness.machine import Machine
from kernels.test import KERNELS, MACHINE, cleanup  # noqa: F401  (the runner finds them here)
from road.test import DRIVE, manifest


def test_cyclictest(m: Machine) -> None:
    """cyclictest runs in a PREEMPT_RT partition while every CPU of the boot kernel is busy"""
    kernel = Kernel(*next(names for names in KERNELS if names[1].startswith("rt")))
    m.run(f"mkfs.ext4 -qF /dev/disk/by-path/pci-{DRIVE}-nvme-1 && sync")
    m.put("/etc/parker.d/rt.yaml", manifest(kernel, name="rt", memory="size: 256MiB", job="cyclictest"))
    m.run("systemctl start parker@rt", timeout=120)
    m.run("for cpu in $(seq $(nproc)); do timeout 60 sha256sum /dev/zero >/dev/null 2>&1 </dev/null & done")
    m.until("cyclictest has ended", lambda: "exit:" in m.peek("cyclictest"), 90)
    m.run("pkill sha256sum", check=False)
    said = m.peek("cyclictest")
    latencies = re.findall(r"^T: *(\d+).*C: *(\d+) Min: *(\d+) Act: *\d+ Avg: *(\d+) Max: *(\d+)", said, re.M)
    assert "exit: 0" in said and "PREEMPT_RT" in said and len(latencies) == 2, said
    assert all(int(cycles) > 100 for _, cycles, *_ in latencies), said  # how many there are in 15 s, the emulator decides
    for thread, cycles, least, average, most in latencies:
        print(f"     CPU {thread} of the partition: {cycles} timers, late by {least} us at least, {average} us on average, {most} us at most "
              "(on an emulator)", flush=True)
    m.run("systemctl stop parker@rt", timeout=120)
