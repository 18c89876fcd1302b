# SPDX-License-Identifier: LGPL-2.1-or-later
"""Four kernels of four kinds at once, on a machine of six CPUs."""

from harness.debian import Kernel
from harness.machine import Machine
from kernels.test import KERNELS, MACHINE, cleanup, online  # noqa: F401  (the runner finds them here)

MANIFEST = """\
apiVersion: parker/v1
name: {name}
cpus: {{count: 1}}
memory: {{size: {memory}}}
kernel: {{image: /boot/vmlinuz-{release}, initrd: /boot/application-{release}.img, cmdline: "quiet"}}
timeouts: {{boot: 180s, stop: 120s, heartbeat: 30s}}
"""

PARTITIONS = {"old": (KERNELS[0], "128MiB"), "general": (KERNELS[1], "256MiB"), "rt": (KERNELS[3], "192MiB"), "new": (KERNELS[4], "512MiB")}


def of_all(m: Machine, what: str) -> dict[str, str]:
    said = m.out(f"for p in {' '.join(PARTITIONS)}; do busctl get-property org.parker1 /org/parker1/partition/$p org.parker1.Partition {what}; done")
    return dict(zip(PARTITIONS, (line.split(" ", 1)[1].strip('"') for line in said.splitlines()), strict=True))


def test_side_by_side(m: Machine) -> None:
    """Started together; each runs its own kernel; one that comes or goes does not disturb the others"""
    for name, (kernel, memory) in PARTITIONS.items():
        m.put(f"/etc/parker.d/{name}.yaml", MANIFEST.format(name=name, memory=memory, release=Kernel(*kernel).release))
    before = online(m)
    units = " ".join(f"parker@{name}" for name in PARTITIONS)
    m.run(f"systemctl start {units}", timeout=180)
    assert (states := of_all(m, "State")) == dict.fromkeys(PARTITIONS, "active"), states
    assert of_all(m, "KernelRelease") == {name: Kernel(*kernel).release for name, (kernel, _) in PARTITIONS.items()}
    cpus = of_all(m, "CPUs")
    assert len(set(cpus.values())) == len(PARTITIONS) and m.out("nproc") == "2", cpus
    for name in ("general", "new"):
        others = [other for other in PARTITIONS if other != name]
        m.run(f"systemctl stop parker@{name}", timeout=120)
        beats = of_all(m, "Heartbeat")
        m.until("the others' hearts go on", lambda beats=beats, others=others: all(
            int(now) > int(beats[other]) + 2 for other, now in of_all(m, "Heartbeat").items() if other in others), 40)
        m.run(f"systemctl start parker@{name}", timeout=120)
    assert (states := of_all(m, "State")) == dict.fromkeys(PARTITIONS, "active"), states
    m.run(f"systemctl stop {units}", timeout=180)
    assert online(m) == before and m.out("ls /sys/class/parker") == ""
    assert (results := of_all(m, "Result")) == dict.fromkeys(PARTITIONS, "success"), results
