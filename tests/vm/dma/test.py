# SPDX-License-Identifier: LGPL-2.1-or-later
"""Escape by DMA: a device that a partition holds is told to write to the boot kernel's memory."""

import pathlib
import re
import subprocess
import tempfile

from harness.machine import Config, Machine

# iommu=pt: the boot kernel lets its own devices reach all memory, so that `dma: off` means what it says.
MACHINE = Config(iommu=True, words=("iommu=pt",),
                 devices=("-device pcie-root-port,id=eduport,chassis=2,slot=2 -device edu,bus=eduport,dma_mask=0xffffffffffffffff",))
DRIVE = "0000:01:00.0"
EDU = "0000:02:00.0"
BYTES = 256  # that the job `escape` writes

MANIFEST = """\
apiVersion: parker/v1
name: db
cpus: {{count: 1}}
memory: {{size: 256MiB}}
devices:
  - pci: "{drive}"
  - pci: "{edu}"
isolation: {{dma: {dma}}}
kernel:
  image: /boot/vmlinuz
  initrd: /boot/application.img
  cmdline: job=escape target={target:#x}
"""


def victim(m: Machine) -> int:
    """Start a program of the boot kernel; the physical address of a page that it has filled with 0x5a."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "victim"
        subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o", program,
                        pathlib.Path(__file__).with_name("victim.c")], check=True)
        m.put("/run/victim", program.read_bytes())
    m.run("chmod +x /run/victim; systemd-run -q --unit=victim -p StandardOutput=file:/run/victim.page /run/victim")
    m.until("the page is there", lambda: m.out("cat /run/victim.page 2>/dev/null || true"))
    page = int(m.out("cat /run/victim.page"), 16)
    assert bytes_at(m, page) == bytes([0x5a] * BYTES), "this is not the page"
    return page


def bytes_at(m: Machine, address: int) -> bytes:
    """The machine's memory, read from outside both kernels."""
    dump = m.human_monitor(f"xp /{BYTES}xb {address:#x}")
    return bytes(int(byte, 16) for line in dump.splitlines() for byte in line.split(":")[1].split())


def escape(m: Machine, dma: str) -> tuple[int, bytes]:
    """Let a partition try it: the address it wrote to, and what is there afterwards."""
    page = victim(m)
    m.run("mkfs.ext4 -qF /dev/nvme0n1 && sync")
    m.put("/etc/parker.d/db.yaml", MANIFEST.format(drive=DRIVE, edu=EDU, dma=dma, target=page))
    m.run("systemctl start parker@db", timeout=120)
    m.until("the device has been told to write", lambda: m.peek("escape"), 60)
    assert m.peek("escape").strip() == f"written to {page:#x}", m.peek("escape")
    return page, bytes_at(m, page)


def faults(m: Machine, page: int) -> list[str]:
    """The boot kernel's word on accesses of the device to this address that were refused."""
    log = m.out("journalctl -kb -o cat")
    return re.findall(rf"DMAR: \[DMA Write.*\] Request device \[{EDU[5:]}\] fault addr {page:#x} .*", log)


def cleanup(m: Machine) -> None:
    m.run("systemctl stop parker@db victim; parkerctl kill db 2>/dev/null; rm -f /etc/parker.d/*; systemctl reset-failed",
          check=False, timeout=120)
    m.until("the drive is back", lambda: m.run("test -b /dev/nvme0n1", check=False).returncode == 0)


def test_required(m: Machine) -> None:
    """dma: required: what the device writes outside its partition does not arrive, and the boot kernel's log names it"""
    page, now = escape(m, "required")
    assert now == bytes([0x5a] * BYTES), f"the boot kernel's memory was changed: {now.hex()}"
    assert faults(m, page), "no fault was logged"
    assert m.out("cat /sys/class/parker/db/dma") == "confined"


def test_off(m: Machine) -> None:
    """dma: off: the same device writes over the boot kernel's memory, so the test above proves something"""
    page, now = escape(m, "off")
    assert m.out("cat /sys/class/parker/db/dma") == "open"
    assert now == bytes(BYTES), f"nothing was written: {now.hex()}"
    assert not faults(m, page), faults(m, page)
