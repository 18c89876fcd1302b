# SPDX-License-Identifier: LGPL-2.1-or-later
"""A boot kernel that remaps interrupts."""

from harness.machine import Config, Machine

MACHINE = Config(devices=("-device intel-iommu,intremap=on",))
DRIVE = "0000:01:00.0"

MANIFEST = f"""\
apiVersion: parker/v1
name: db
cpus: {{count: 1}}
memory: {{size: 256MiB}}
devices: [pci: "{DRIVE}"]
kernel: {{image: /boot/vmlinuz}}
"""


def cleanup(m: Machine) -> None:
    m.run("rm -f /etc/parker.d/*; systemctl reset-failed", check=False)


def test_refused(m: Machine) -> None:
    """A partition with a device is refused, with the word that turns remapping off; nothing is taken"""
    m.put("/etc/parker.d/db.yaml", MANIFEST)
    m.run("parkerctl apply")
    why = "the boot kernel remaps interrupts, and those of a partition's devices would be lost"
    plan = m.run("parkerctl plan db", check=False)
    said = plan.stdout + plan.stderr
    assert plan.returncode == 6 and why in said and "boot with `intremap=off`" in said, f"{plan.returncode}: {said}"
    start = m.run("parkerctl start db", check=False)
    assert start.returncode and why in start.stderr, f"{start.returncode}: {start.stderr}"
    assert m.out(f"basename $(readlink /sys/bus/pci/devices/{DRIVE}/driver)") == "nvme" and not m.out("ls /sys/class/parker")
