# SPDX-License-Identifier: LGPL-2.1-or-later
"""Numbers, not judgements: how long a partition takes to its first program, beside the same kernel on a machine of its own;
and parkerd to its first answer, beside systemd-machined."""

import pathlib
import re
import tempfile

from harness import initramfs, machine, paths
from harness.machine import Machine
from road.test import cleanup, empty_drive, reported, start, stop  # noqa: F401  (the runner finds cleanup here)

LONG = True
IDLE = 5  # seconds
MANY = '"name: p$n" "apiVersion: parker/v1" "cpus: {count: 1}" "memory: {size: 256MiB}" "kernel: {image: /boot/vmlinuz}"'


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


def restarted(m: Machine, unit: str) -> float:
    """Milliseconds from the start of its process until it is ready, as systemd saw them; the better of two."""
    m.run(f"systemctl stop {unit}; systemctl reset-failed {unit}", check=False)
    show = f"systemctl show {unit} --value -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic"
    times = m.out(f"for turn in 1 2; do systemctl restart {unit}; {show}; done").split()
    return min(abs(int(one) - int(other)) for one, other in zip(times[::2], times[1::2], strict=True)) / 1000


def at_rest(m: Machine, units: list[str]) -> list[tuple[float, int]]:
    """Of each, MiB that are resident, and wake-ups of all threads while nothing is asked for."""
    pids = m.out(f"systemctl show {' '.join(units)} --value -p MainPID").split()
    look = "; ".join(f"awk '/VmRSS/ {{r = $2}} /ctxt_switches/ {{n += $2}} END {{print r, n}}' /proc/{pid}/task/*/status" for pid in pids)
    before, after = (part.splitlines() for part in m.out(f"sleep 1; {look}; echo; sleep {IDLE}; {look}").split("\n\n"))
    return [(int(then.split()[0]) / 1024, int(then.split()[1]) - int(now.split()[1])) for now, then in zip(before, after, strict=True)]


def test_start_up(m: Machine) -> None:
    """parkerd with 100 manifests, beside systemd-machined: time to ready, memory, wake-ups"""
    m.run(f"for n in $(seq 100); do printf '%s\n' {MANY} >/etc/parker.d/p$n.yaml; done; parkerctl apply")
    assert m.out("parkerctl list | grep -c '^p[0-9]'") == "100"
    units = ["parkerd", "systemd-machined"]
    ready = [restarted(m, unit) for unit in units]
    rest = at_rest(m, units)
    for unit, took, (memory, woken) in zip(units, ready, rest, strict=True):
        print(f"     {unit:24} {took:6.0f} ms, {memory:5.1f} MiB, {woken} wake-ups in {IDLE} s")
    print(f"     {'ratio':24} {ready[0] / ready[1]:6.2f}     {rest[0][0] / rest[1][0]:5.2f}"
          "      (emulated: 10 to 20 times as slow; the watchdog of systemd wakes each now and then)", flush=True)
