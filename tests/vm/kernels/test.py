# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every kernel that Debian 12's users have, as application kernel, on one CPU and on four: each way to end, seen from outside."""

import os
import re

from harness.debian import Kernel
from harness.machine import Config, Machine
from harness.scenario import Skip
from road.test import SHORT_HEARTBEAT, manifest

KERNELS = (("bullseye", "amd64"), ("bookworm", "amd64"), ("bookworm", "cloud-amd64"), ("bookworm", "rt-amd64"), ("bookworm-backports", "amd64"))
MACHINE = Config(cpus=6, memory="6G", drives=2, applications=KERNELS)

PARTITIONS = {"one": (1, "0000:01:00.0"), "four": (4, "0000:02:00.0")}  # name: CPUs, drive

# Two kernels run at a time, on one CPU and on four: two pairs have four of the kernels, five have each on both.
PAIRS = int(os.environ.get("PARKER_PAIRS", "2"))

# What the job `fates` does, one boot after the other: what parkerd calls it, and the unit's exit status.
FATES = {"reboot": ("reboot", 133), "panic": ("panic", 1), "hang": ("hung", 1), "poweroff": ("success", 0)}


def online(m: Machine) -> str:
    return m.out("cat /sys/devices/system/cpu/online")


def cleanup(m: Machine) -> None:
    m.run("systemctl stop 'parker@*'; parkerctl kill one; parkerctl kill four; rm -f /etc/parker.d/*; systemctl reset-failed;"
          "systemctl start parkerd", check=False, timeout=120)
    m.until("everything is back", lambda: online(m) == "0-5" and not m.out("ls /sys/class/parker"), 30)


def drop(m: Machine, name: str, kernel: Kernel, job: str) -> None:
    cpus, drive = PARTITIONS[name]
    m.put(f"/etc/parker.d/{name}.yaml", manifest(kernel, name=name, cpus=f"{{count: {cpus}}}", memory="size: 256MiB", pci=drive, job=job,
                                                 heartbeat=SHORT_HEARTBEAT))


def memory_of(m: Machine, name: str) -> str:
    return m.out(f"cat /sys/class/parker/{name}/memory")


def ends(m: Machine, name: str, since: str) -> list[tuple[str, int]]:
    """Result and exit status of each run of the unit since this moment."""
    journal = m.out(f"journalctl -o cat --since '{since}' -u parkerd -u parker@{name}", timeout=120)
    results = re.findall(rf"^{name}: (?:inactive|failed) \(\S+\), result ([\w-]+)", journal, re.M)
    unit = [line.split(": ", 1)[1] for line in journal.splitlines() if line.startswith(f"parker@{name}.service: ")
            and "Consumed" not in line]
    statuses = []
    for line, after in zip(unit, [*unit[1:], ""], strict=False):
        if found := re.match(r"Main process exited, code=exited, status=(\d+)", line):
            statuses.append(int(found[1]))
        elif line.startswith("Deactivated successfully"):  # after 0, and after 133, which is followed by a restart
            statuses.append(133 if after.startswith("Scheduled restart") else 0)
    return list(zip(results, statuses, strict=False))


def every_fate(m: Machine, pair: int) -> None:
    if pair >= PAIRS:
        raise Skip("with --long")
    kernels = {"one": Kernel(*KERNELS[pair]), "four": Kernel(*KERNELS[(pair + 2) % len(KERNELS)])}
    before, since = online(m), m.out("sleep 1; date '+%F %T'")
    for name, kernel in kernels.items():
        m.run(f"mkfs.ext4 -qF /dev/disk/by-path/pci-{PARTITIONS[name][1]}-nvme-1 && sync")
        drop(m, name, kernel, "fates")
    m.run("systemctl start parker@one parker@four", timeout=120)
    first = {name: memory_of(m, name) for name in kernels}

    def boots(name: str) -> list[str]:
        return m.peek("boots", drive=int(PARTITIONS[name][1][6])).splitlines()

    for name in kernels:
        m.until(f"{name} boots again after its reboot", lambda name=name: len(boots(name)) > 1, 60)
        assert len(boots(name)) > 2 or memory_of(m, name) == first[name], "the reboot was not in place"
    for name, kernel in kernels.items():
        m.until(f"{name} has gone through all it does by itself", lambda name=name: len(boots(name)) == 4, 120)
        assert boots(name) == [f"{kernel.release} {PARTITIONS[name][0]}"] * 4, boots(name)
    m.run("systemctl stop parker@one parker@four", timeout=120)
    assert online(m) == before
    assert m.out("cut -d' ' -f1 /proc/uptime") and m.responds()
    seen = {name: ends(m, name, since) for name in kernels}
    print(f"     {'kernel':30}", *(f"{fate:12}" for fate in FATES))
    for name, kernel in kernels.items():
        row = ["ok" if got == expected else f"{got[0]}/{got[1]}"
               for expected, got in zip(FATES.values(), [*seen[name], *[("nothing", -1)] * len(FATES)], strict=False)]
        print(f"     {f'{kernel.release}, {PARTITIONS[name][0]} CPU':30}", *(f"{fate:12}" for fate in row), flush=True)
    assert seen == {name: list(FATES.values()) for name in kernels}, seen


def test_5_10_and_6_1_cloud(m: Machine) -> None:
    """Debian 11's 5.10 on one CPU and Debian 12's 6.1 for clouds on four: reboot in place, panic, hang, power-off"""
    every_fate(m, 0)


def test_6_1_and_6_1_rt(m: Machine) -> None:
    """Debian 12's 6.1 on one CPU and its PREEMPT_RT on four: the same"""
    every_fate(m, 1)


def test_6_1_cloud_and_6_12(m: Machine) -> None:
    """Debian 12's 6.1 for clouds on one CPU and the backports' 6.12 on four: the same"""
    every_fate(m, 2)


def test_6_1_rt_and_5_10(m: Machine) -> None:
    """PREEMPT_RT on one CPU and 5.10 on four: the same"""
    every_fate(m, 3)


def test_6_12_and_6_1(m: Machine) -> None:
    """6.12 on one CPU and 6.1 on four: the same"""
    every_fate(m, 4)


def test_no_way_out(m: Machine) -> None:
    """An emergency restart and a panic that waits for ever end the partition, never the machine"""
    since = m.out("sleep 1; date '+%F %T'")
    for name, job in (("one", "sysrq-b"), ("four", "panic panic=0")):
        drop(m, name, m.kernel, job)
    uptime = float(m.out("cut -d' ' -f1 /proc/uptime"))
    m.run("systemctl start parker@one parker@four", timeout=120)
    m.until("both have ended", lambda: ends(m, "one", since)[:1] == [("reboot", 133)] and ends(m, "four", since)[:1] == [("hung", 1)], 90)
    assert float(m.out("cut -d' ' -f1 /proc/uptime")) > uptime
