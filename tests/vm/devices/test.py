# SPDX-License-Identifier: LGPL-2.1-or-later
"""PCI devices of a partition: they work there, they come back as they were, and what cannot be given is refused."""

import re
import typing

from harness.machine import Config, Machine


def card(model: str, number: int, more: str) -> str:
    """A network card on the segment that the boot kernel's own second card, 52:54:00:00:00:01, is on."""
    return (f"-netdev hubport,id=lan{number},hubid=1 "
            f"-device {model},netdev=lan{number},mac=52:54:00:00:00:{number:02x},romfile=,{more}")


VIRTIO = card("virtio-net-pci", 4, "id=plugged,bus=port3")
MACHINE = Config(
    # Else the boot kernel would name its cards in any order.
    words=("modprobe.blacklist=e1000,e1000e",),
    devices=(
        card("virtio-net-pci", 1, "bus=pcie.0"),
        "-device pcie-root-port,id=port2,chassis=2,slot=2",
        card("e1000e", 2, "bus=port2,addr=0.0,multifunction=on"),
        card("e1000e", 3, "bus=port2,addr=0.1"),
        "-device pcie-root-port,id=port3,chassis=3,slot=3",
        VIRTIO,
        "-device pcie-root-port,id=port4,chassis=4,slot=4 -device e1000,romfile=,bus=port4",
    ))

DRIVE, E1000E, E1000E_1, NIC, OLD = "0000:01:00.0", "0000:02:00.0", "0000:02:00.1", "0000:03:00.0", "0000:04:00.0"
ROOT_PORT = "0000:00:07.0"
CARDS = {2: "e1000e", 3: "e1000e", 4: "virtio_net"}  # by the last byte of their address

MANIFEST = """\
apiVersion: parker/v1
name: db
cpus: {{count: 2}}
memory: {{size: 256MiB}}
devices: [{devices}]
isolation: {{dma: {dma}}}
kernel:
  image: /boot/vmlinuz
  initrd: /boot/application.img
  cmdline: job={job}
"""


def drop(m: Machine, *devices: str, job: str = "none", dma: str = "auto") -> None:
    wishes = ", ".join(f'pci: "{bdf}"' for bdf in devices)
    m.put("/etc/parker.d/db.yaml", MANIFEST.format(devices=wishes, job=job, dma=dma))
    m.run("parkerctl apply")  # else parkerd may still be reading it when the next command comes


def start(m: Machine, *devices: str, job: str = "none") -> None:
    drop(m, *devices, job=job)
    m.run("systemctl start parker@db", timeout=120)


def stop(m: Machine) -> None:
    m.run("systemctl stop parker@db", timeout=120)


class Holding(typing.NamedTuple):
    """What a function has in the boot kernel."""

    driver: str
    override: str


def holding(m: Machine, bdf: str) -> Holding:
    driver, override = m.out(f"cd /sys/bus/pci/devices/{bdf} && basename $(readlink driver || echo -); cat driver_override").splitlines()
    return Holding(driver, override)


def bars(m: Machine, bdf: str) -> str:
    return " ".join(m.out(f"cat /sys/bus/pci/devices/{bdf}/resource").split())


def processors(m: Machine) -> str:
    return m.out("cat /sys/devices/system/cpu/online")


def prepare(m: Machine) -> None:
    """Every function with the driver that it usually has."""
    m.run("modprobe e1000e")
    want = {DRIVE: "nvme", E1000E: "e1000e", E1000E_1: "e1000e", NIC: "virtio-pci", OLD: "-"}
    m.until("every function has its driver", lambda: {bdf: holding(m, bdf) for bdf in want}
            == {bdf: Holding(driver, "(null)") for bdf, driver in want.items()}, 20)


def cleanup(m: Machine) -> None:
    m.run("modprobe e1000e; swapoff -a; umount /mnt 2>/dev/null; systemctl stop 'parker@*' web; parkerctl kill db 2>/dev/null;"
          "rm -f /etc/parker.d/*; systemctl reset-failed", check=False, timeout=120)
    m.until("nothing is held", lambda: not m.out("ls /sys/class/parker"), 20)
    for bdf in (E1000E, E1000E_1):
        m.run(f"cd /sys/bus/pci/devices/{bdf} && echo >driver_override && echo {bdf} >/sys/bus/pci/drivers_probe", check=False)
    prepare(m)


def test_work(m: Machine) -> None:
    """A drive, both functions of an e1000e and a virtio card on three buses: BARs where they were, traffic both ways, MSI; all back"""
    prepare(m)
    m.run("mkfs.ext4 -qF /dev/nvme0n1; mkdir -p /run/www; head -c 500000 /dev/urandom >/run/www/blob; ip link set eth1 up;"
          + "".join(f"ip address add 10.1.{number}.1/24 dev eth1;" for number in CARDS) +
          "systemd-run -q --unit=web busybox httpd -f -h /run/www")
    devices = (DRIVE, E1000E, E1000E_1, NIC)
    before = {bdf: (holding(m, bdf), bars(m, bdf)) for bdf in devices}
    start(m, *devices, job="network")
    status = m.out("parkerctl status db")
    assert re.search(r"warning\[dma-unconfined\]: its devices can reach all memory: the IOMMU is off", status), status
    assert {bdf: holding(m, bdf) for bdf in devices} == dict.fromkeys(devices, Holding("parker", "parker"))
    m.until("the application kernel has used every card", lambda: m.peek("network"), 60)
    report = m.peek("network").splitlines()

    blob = m.out("md5sum </run/www/blob")
    assert {f"card {number} {driver} {blob}" for number, driver in CARDS.items()} <= set(report), report
    theirs = next(line.removeprefix("ours ") for line in report if line.startswith("ours "))
    for number in CARDS:
        assert m.out(f"busybox wget -qO - http://10.1.{number}.2/blob | md5sum", timeout=30) == theirs, f"card {number}"

    # Each bus has a domain of its own there; its number and what is on it stay.
    there = {line.split()[1][5:]: " ".join(line.split()[2:]) for line in report if line.startswith("bars ")}
    assert there == {bdf[5:]: bars for bdf, (_, bars) in before.items()}, f"\n{there}\n{before}"
    interrupts = [line.split() for line in report if "PCI-MSI" in line]
    for pattern in ("nvme0q[12]", r"eth\d-rx-0", r"virtio\d-input.0"):
        counts = [int(words[1]) + int(words[2]) for words in interrupts if re.fullmatch(pattern, words[-1])]
        assert counts and all(counts), f"{pattern}: {interrupts}"

    stop(m)
    assert {bdf: (holding(m, bdf), bars(m, bdf)) for bdf in devices} == before
    assert m.out("blkid -o value -s TYPE /dev/nvme0n1") == "ext4"


def test_unplugged(m: Machine) -> None:
    """A card is unplugged under a partition, which runs on: that is said, the rest is back after stop, each as it was"""
    prepare(m)
    everything = processors(m)
    m.run(f"cd /sys/bus/pci/devices && echo {E1000E_1} >{E1000E_1}/driver/unbind && echo e1000e >{E1000E}/driver_override")
    start(m, E1000E, E1000E_1, NIC)
    m.monitor("device_del", id="plugged")
    m.until("the boot kernel has let go of it", lambda: m.run(f"test -e /sys/bus/pci/devices/{NIC}", check=False).returncode, 30)
    assert m.out("systemctl is-active parker@db") == "active"
    assert f"{NIC} was unplugged; the partition goes on without it" in m.out("parkerctl status db"), m.out("parkerctl status db")
    assert f"parker db: {NIC} was unplugged" in m.out("journalctl -kb -o cat"), "the kernel log does not say it"
    stop(m)
    assert "inactive (dead)" in m.out("parkerctl status db"), m.out("parkerctl status db")
    assert processors(m) == everything
    assert holding(m, E1000E) == Holding("e1000e", "e1000e"), "it was bound by driver_override before"
    assert holding(m, E1000E_1) == Holding("-", "(null)"), "it had no driver before"
    m.monitor("device_add", driver="virtio-net-pci", id="plugged", bus="port3", netdev="lan4", mac="52:54:00:00:00:04", romfile="")
    m.until("the boot kernel drives the new card", lambda: m.run(f"test -e /sys/bus/pci/devices/{NIC}/driver", check=False).returncode == 0)


def test_will_not_bind(m: Machine) -> None:
    """A driver that would not take its device back: named, kept as the partition's, tried again until it does"""
    prepare(m)
    everything = processors(m)
    start(m, E1000E, E1000E_1)
    m.run("rmmod e1000e")
    m.run("systemctl stop parker@db", check=False, timeout=120)
    status = m.out("parkerctl status db")
    assert re.search(r"State: \w+ \(partially-returned\)", status), status
    assert re.search(rf"Why: .*{E1000E}: driver e1000e would not take it back", status), status
    assert processors(m) == everything
    m.run("modprobe e1000e")
    m.until("it is back", lambda: "(dead)" in m.out("parkerctl status db") and not m.out("ls /sys/class/parker"), 90)
    assert holding(m, E1000E) == holding(m, E1000E_1) == Holding("e1000e", "(null)")


def test_refusals(m: Machine) -> None:
    """What cannot be given is refused with its address, the reason and what to do instead"""
    prepare(m)
    for devices, dma, reason, suggestion in (
            ([E1000E], "auto", rf"{E1000E} shares its bus with {E1000E_1} \(82574L .*, driver e1000e\)", "list all functions of the bus"),
            ([OLD], "auto", rf"{OLD} \(82540EM .*\) has neither MSI nor MSI-X", "a device that has"),
            ([ROOT_PORT], "auto", rf"{ROOT_PORT} \(.*, driver pcieport\) is a bridge", "name the devices behind it"),
            ([DRIVE], "required", rf"no IOMMU confines {DRIVE} \(.*\), and `dma: required` insists", "intel_iommu=on")):
        drop(m, *devices, dma=dma)
        done = m.run("parkerctl plan db", check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 6 and re.search(reason, said) and suggestion in said, f"{done.returncode}: {said}"
    done = m.run("parkerctl start db", check=False)
    assert done.returncode and re.search(reason, done.stderr), f"{done.returncode}: {done.stderr}"
    assert holding(m, DRIVE) == Holding("nvme", "(null)") and not m.out("ls /sys/class/parker")


def test_in_use(m: Machine) -> None:
    """A drive with a mounted file system, or that is swapped to, is refused, and goes on working"""
    prepare(m)
    drop(m, DRIVE)
    for use, said, works in (("mkfs.ext4 -qF /dev/nvme0n1 && mount /dev/nvme0n1 /mnt && echo precious >/mnt/file",
                              "mounted", "grep -q precious /mnt/file && umount /mnt"),
                             ("mkswap -q /dev/nvme0n1 && swapon /dev/nvme0n1", "swapped to", "swapoff /dev/nvme0n1")):
        m.run(use)
        done = m.run("parkerctl start db", check=False)
        assert done.returncode and f"{DRIVE}: its drive nvme0n1 is in use: {said}" in done.stderr, f"{done.returncode}: {done.stderr}"
        assert holding(m, DRIVE) == Holding("nvme", "(null)") and not m.out("ls /sys/class/parker")
        m.run(works)
