# SPDX-License-Identifier: LGPL-2.1-or-later
"""Four partitions come and go together, again and again, beside a fifth that works."""

import os
import re

from harness.machine import Config, Machine
from road.test import manifest

MACHINE = Config(cpus=8, memory="4G", drives=2, applications=(("bookworm", "cloud-amd64"), ("bookworm", "amd64")))
ROUNDS = int(os.environ.get("PARKER_ROUNDS", "2"))

MANIFEST = """\
apiVersion: parker/v1
name: {name}
cpus: {{count: 1}}
memory: {{size: 128MiB}}
devices: [{devices}]
kernel: {{image: /boot/vmlinuz-{release}, initrd: /boot/application.img, cmdline: quiet}}
timeouts: {{boot: 180s, stop: 120s, heartbeat: 30s}}
"""
NAMES = ("a", "b", "c", "d")
UNITS = " ".join(f"parker@{name}" for name in NAMES)


def holdings(m: Machine) -> str:
    return m.out("cat /sys/devices/system/cpu/online; grep MemTotal /proc/meminfo; ls /sys/class/parker;"
                 "basename $(readlink /sys/bus/pci/devices/0000:02:00.0/driver)")


def free_memory(m: Machine) -> int:
    return int(m.out("sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; sed -n 's/MemFree: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"))


def cleanup(m: Machine) -> None:
    m.run("systemctl stop 'parker@*'; rm -f /etc/parker.d/*; systemctl reset-failed", check=False, timeout=180)
    m.until("everything is back", lambda: holdings(m).startswith("0-7\n") and not m.out("ls /sys/class/parker"), 30)


def test_together(m: Machine) -> None:
    """Rounds of four parallel starts and stops: nothing is lost, and the fifth counts on without an error"""
    cloud = m.out("ls /boot").split()
    release = next(name.removeprefix("vmlinuz-") for name in cloud if name.startswith("vmlinuz-") and "cloud" in name)
    m.put("/etc/parker.d/steady.yaml", manifest(m.kernel, name="steady", cpus="{count: 1}", memory="size: 256MiB", job="ticks"))
    for name in NAMES:
        m.put(f"/etc/parker.d/{name}.yaml", MANIFEST.format(name=name, release=release, devices='{pci: "0000:02:00.0"}' if name == "a" else ""))
    m.run("systemctl start parker@steady", timeout=120)
    before, free, slices = holdings(m), 0, []
    for n in range(ROUNDS):
        m.run(f"systemctl start {UNITS}", timeout=180)
        assert m.out("nproc") == "3"
        taken = sorted(m.out("cat /sys/class/parker/*/slice").splitlines())
        slices = slices or taken
        assert taken == slices, f"other slices of low memory than in the first round: {taken}, {slices}"
        m.run(f"systemctl stop {UNITS}; systemctl reset-failed {UNITS} 2>/dev/null; true", timeout=180)
        assert holdings(m) == before, f"round {n}: {before!r} -> {holdings(m)!r}"
        free = free or free_memory(m)
    lost = free - free_memory(m)
    assert lost < 32 << 10, f"{lost} KiB less free than after the first round"
    assert m.out("systemctl is-active parker@steady") == "active"
    m.run("systemctl stop parker@steady", timeout=120)
    work = m.peek("work")
    assert int(re.search(r"rounds=(\d+)", work)[1]) > ROUNDS and "wrong=0" in work, work
