# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole Debian with systemd in a partition, on a drive and a network interface of its own."""

import json
import re
import shlex

from harness import image
from harness.machine import Config, Machine

# The partition's network interface hangs on a hub with one of the boot kernel's.
MACHINE = Config(guests=(("bookworm", "amd64"),), drives=0, words=("modprobe.blacklist=e1000e",), devices=(
    "-device pcie-root-port,id=rp9,chassis=9,slot=9,bus=pcie.0",
    "-netdev hubport,id=inner,hubid=1 -device e1000e,netdev=inner,bus=rp9,romfile=",
    "-netdev hubport,id=outer,hubid=1 -device virtio-net-pci,netdev=outer,romfile=,bus=pcie.0",
))

MACHINE_ID = "5f1c8e0d2b7a4963a1e0d4c3b2f59687"

# What the kernel says at the level of errors: configuration space is found later, in memory; no memory is below 4 GiB.
HARMLESS = r"PCI: Fatal: No config space access function found$|DMA: failed to allocate .*\|GFP_DMA32 pool for atomic allocation$"

MANIFEST = """\
apiVersion: parker/v1
name: debian
cpus: {{count: 2}}
memory: {{size: 768MiB}}
devices:
  - pci: "0000:01:00.0"
  - pci: "0000:02:00.0"
kernel:
  image: /boot/vmlinuz-{release}
  initrd: /boot/guest-{release}.img
  cmdline: root=/dev/nvme0n1 rw quiet
credentials:
  system.hostname: inner
  system.machine_id: {machine_id}
  ssh.authorized_keys.root: {key}
  tmpfiles.extra: 'f /etc/systemd/network/10-lan.network - - - - [Match]\\nName=en*\\n[Network]\\nAddress=10.9.0.2/24\\n'
timeouts: {{boot: 180s, stop: 120s, heartbeat: 30s}}
"""


def inside(m: Machine, command: str, check: bool = True) -> str:
    """What a command prints in the partition, by ssh from the boot kernel's side."""
    done = m.run("ssh -q -i /root/inner-key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes "
                 f"-o ConnectTimeout=5 root@10.9.0.2 {shlex.quote(command)}", check=False, timeout=90)
    assert not check or done.returncode == 0, f"{command}: {done}"
    return done.stdout.strip()


def up(m: Machine) -> None:
    m.until("ssh answers in the partition", lambda: inside(m, "systemctl is-system-running --wait", check=False) in ("running", "degraded"), 120)


def start(m: Machine) -> None:
    key = image.identity()
    m.put("/root/inner-key", key.read_bytes())
    m.put("/etc/parker.d/debian.yaml", MANIFEST.format(release=m.kernel.release, machine_id=MACHINE_ID,
                                                       key=key.with_suffix(".pub").read_text().strip()))
    m.run("chmod 600 /root/inner-key; ip link set eth1 up; ip address replace 10.9.0.1/24 dev eth1")
    m.run("systemctl start parker@debian", timeout=120)
    up(m)


def cleanup(m: Machine) -> None:
    m.run("systemctl stop 'parker@*'; parkerctl kill debian; rm -f /etc/parker.d/*; systemctl reset-failed", check=False, timeout=120)
    m.until("everything is back", lambda: m.out("nproc") == "4" and not m.out("ls /sys/class/parker"), 30)


def test_life(m: Machine) -> None:
    """Debian comes up on its own drive and network, as the manifest names it; reboots in place; shuts down cleanly"""
    start(m)
    assert inside(m, "hostname") == "inner"
    assert inside(m, "cat /etc/machine-id") == MACHINE_ID
    assert inside(m, "uname -r; nproc") == f"{m.kernel.release}\n2"
    assert inside(m, "findmnt -no SOURCE /") == "/dev/nvme0n1"
    failed = json.loads(inside(m, "systemctl --failed -o json"))
    assert not failed, failed

    # The identity of the partition, and not a word about the machine's.
    dmi = inside(m, "dmidecode")
    assert "Product Name: Parker partition" in dmi and "Serial Number: debian" in dmi and "QEMU" not in dmi, dmi
    uuid = inside(m, "cat /sys/class/dmi/id/product_uuid")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid), uuid

    # The wall clock is right, and no driver here could set the machine's.
    before, now, after = int(m.out("date +%s")), int(inside(m, "date +%s")), int(m.out("date +%s"))
    assert before - 3 <= now <= after + 3, f"{now} in the partition, {before} before and {after} after it was asked"
    assert inside(m, "ls /dev/rtc* 2>/dev/null; grep -i rtc /proc/ioports /proc/interrupts", check=False) == ""

    for how in ("-s", "-c"):  # kexec_file_load and kexec_load
        refused = inside(m, f"kexec {how} -l /boot/vmlinuz-{m.kernel.release} --reuse-cmdline 2>&1", check=False)
        assert "not permitted" in refused, refused

    # What a stock kernel does to more than its own CPUs is turned off, and nobody is alarmed by how.
    assert re.search(r"(?m)^ *0cf8-0cff : reserved$", inside(m, "cat /proc/ioports")), "configuration ports"
    log = inside(m, "journalctl -b -k -o cat")
    assert "PCI: Using configuration type" not in log, log
    shouted = [line for line in inside(m, "journalctl -b -k -p err -o cat").splitlines() if not re.match(HARMLESS, line)]
    assert not shouted, shouted
    for module in ("kvm_amd", "kvm_intel", "msr"):
        refused = inside(m, f"modprobe {module} 2>&1", check=False)
        assert "not permitted" in refused, refused
    assert inside(m, "cat /proc/sys/kernel/tainted") == "0"

    memory, boot = m.out("cat /sys/class/parker/debian/memory"), inside(m, "cat /proc/sys/kernel/random/boot_id")
    inside(m, "systemctl reboot", check=False)
    m.until("the partition goes down", lambda: m.out("systemctl show -P NRestarts parker@debian") == "1", 60)
    up(m)
    assert inside(m, "cat /proc/sys/kernel/random/boot_id") != boot
    assert m.out("cat /sys/class/parker/debian/memory") == memory, "the reboot was not in place"
    assert inside(m, "cat /sys/class/dmi/id/product_uuid") == uuid

    m.run("systemctl stop parker@debian", timeout=120)
    assert m.out("systemctl show -P Result parker@debian") == "success"
    m.until("the drive is back", lambda: m.run("test -b /dev/nvme0n1", check=False).returncode == 0, 10)
    log = m.out("mount /dev/nvme0n1 /mnt && journalctl -D /mnt/var/log/journal --no-pager -o cat | tail -n 400; umount /mnt", timeout=90)
    assert "Power key pressed" in log or "Powering off" in log, log[-3000:]
