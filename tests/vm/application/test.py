# SPDX-License-Identifier: LGPL-2.1-or-later
"""The application kernels' initramfs, on a virtual machine of its own: what partitions run must work without parkerd."""

import pathlib
import subprocess
import tempfile

from harness import initramfs, machine, paths
from harness.debian import Kernel

LONG = True
MACHINE = None  # each test makes its own


def _until(q: machine.Qemu, text: str, timeout: float) -> None:
    machine.until(f"the console says {text!r}", lambda: text in q.console(), timeout)


def _boot(folder: pathlib.Path, job: str, kernel: Kernel) -> machine.Qemu:
    return machine.Qemu(folder, [
        "-smp", "2", "-m", "512M", "-kernel", str(kernel.image), "-initrd", str(initramfs.application(kernel)),
        "-append", f"console=ttyS0 panic=-1 job={job}", *machine.nvme(machine.ext4(folder / "drive.img", "64M", 1), 1)])


def _read(folder: pathlib.Path, name: str) -> str:
    return subprocess.run(["debugfs", "-R", f"cat /{name}", str(folder / "drive.img")], capture_output=True, text=True, check=True).stdout


def _job(job: str, kernel: Kernel, ready: str, check=lambda q, folder: None, ends: bool = False) -> None:
    paths.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.ARTEFACTS, prefix=f"job-{job}-") as folder:
        q = _boot(pathlib.Path(folder), job, kernel)
        try:
            _until(q, ready, 90)
            if not ends:
                q.monitor("system_powerdown")
            assert q.wait(60), f"still running after the power button:\n{q.console()[-3000:]}"
            check(q, pathlib.Path(folder))
        finally:
            q.kill()


def test_report() -> None:
    """The job `report` writes to its drive, and the power button ends it cleanly"""

    def check(q: machine.Qemu, folder: pathlib.Path) -> None:
        report = _read(folder, "report")
        assert "nproc: 2" in report, report
        assert f" {Kernel().release} " in report, report
        assert not q.trouble(), q.trouble()

    _job("report", Kernel(), "report written", check)


def test_report_newer_kernel() -> None:
    """The same with the backports kernel, whose modules are compressed"""
    kernel = Kernel("bookworm-backports")
    _job("report", kernel, "report written", lambda q, folder: _read(folder, "report").index(kernel.release))


def test_work() -> None:
    """The job `work` counts on every CPU and on the drive, and finds nothing wrong"""

    def check(q: machine.Qemu, folder: pathlib.Path) -> None:
        text = _read(folder, "work")
        for line in ("cpu0 rounds=", "cpu1 rounds=", "disk rounds="):
            assert line in text, text
        assert text.count("wrong=0") == 3, text

    _job("work", Kernel(), "work: first rounds done", check)


def test_panic() -> None:
    """The job `panic` ends in a kernel panic"""
    _job("panic", Kernel(), "Kernel panic", ends=True)


def test_spin() -> None:
    """The job `spin-cli` leaves a kernel that does not even see its power button"""
    paths.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.ARTEFACTS, prefix="job-spin-") as folder:
        q = _boot(pathlib.Path(folder), "spin-cli", Kernel())
        try:
            _until(q, "spinning with interrupts off", 90)
            machine.until("no CPU has interrupts on", lambda: _interrupts_off(q), 20)
            q.monitor("system_powerdown")
            assert not q.wait(5), "it powered off"
        finally:
            q.kill()


def _interrupts_off(q: machine.Qemu) -> bool:
    flags = [int(line.split("RFL=")[1][:8], 16) for line in q.human_monitor("info registers -a").splitlines() if "RFL=" in line]
    return len(flags) == 2 and all(f & 0x200 == 0 for f in flags)
