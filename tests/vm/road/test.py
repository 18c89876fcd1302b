# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole road: a manifest dropped, a second stock kernel started, used, stopped, killed; and everything back afterwards."""

import re
import shlex
import typing

from harness.debian import Kernel
from harness.machine import LPJ, Machine

DRIVE = "0000:01:00.0"
MEMORY = 512 << 10  # KiB

MANIFEST = """\
apiVersion: parker/v1
name: {name}
cpus: {cpus}
memory: {{{memory}}}
devices:
  - pci: "{pci}"
kernel:
  image: {image}
  initrd: {initrd}
  cmdline: %s job={job}
timeouts: {{boot: {boot}, stop: 120s, heartbeat: {heartbeat}}}
""" % LPJ

SHORT_HEARTBEAT = "20s"  # for tests that wait for it to be too late; longer than a panic takes to end on a busy computer

OBJECT = "org.parker1 /org/parker1/partition/db org.parker1.Partition"


def manifest(kernel: Kernel | None = None, **changes: str) -> str:
    """A partition that does a job, with this kernel or that of the machine."""
    values = {"name": "db", "cpus": "{count: 2}", "memory": "size: 512MiB", "pci": DRIVE, "job": "report", "boot": "180s", "heartbeat": "30s",
              "image": f"/boot/vmlinuz-{kernel.release}" if kernel else "/boot/vmlinuz",
              "initrd": f"/boot/application-{kernel.release}.img" if kernel else "/boot/application.img"}
    return MANIFEST.format(**values | changes)


def drop(m: Machine, file: str = "db.yaml", **changes: str) -> None:
    """Put a manifest in place as an administrator would."""
    m.put(f"/etc/parker.d/{file}", manifest(**changes))


def start(m: Machine, **changes: str) -> None:
    drop(m, **changes)
    m.run("systemctl start parker@db", timeout=120)


def stop(m: Machine) -> None:
    m.run("systemctl stop parker@db", timeout=120)


def empty_drive(m: Machine) -> None:
    m.run("mkfs.ext4 -qF /dev/nvme0n1 && sync")


def reported(m: Machine) -> None:
    m.until("the application kernel has written its report", lambda: "nproc" in m.peek("report") and m.peek("dmesg"), 60)


def state(m: Machine) -> str:
    return m.out(f"busctl get-property {OBJECT} State")


def heartbeat(m: Machine) -> int:
    return int(m.out("cat /sys/class/parker/db/heartbeat"))


class Holdings(typing.NamedTuple):
    """What the boot kernel has: all that a partition can take."""

    cpus: str
    memory: int  # MemTotal, KiB
    driver: str
    partitions: str


def holdings(m: Machine) -> Holdings:
    cpus, memory, driver, *partitions = m.out(
        "cat /sys/devices/system/cpu/online; sed -n 's/MemTotal: *//p' /proc/meminfo;"
        f"basename $(readlink /sys/bus/pci/devices/{DRIVE}/driver || echo none); ls /sys/class/parker").splitlines()
    return Holdings(cpus, int(memory.split()[0]), driver, " ".join(partitions))


def initially(m: Machine) -> Holdings:
    """What it had before the first partition."""
    if not hasattr(m, "initial_holdings"):
        m.run("modprobe parker")
        m.initial_holdings = holdings(m)
        assert m.initial_holdings == Holdings("0-3", m.initial_holdings.memory, "nvme", ""), m.initial_holdings
    return m.initial_holdings


def assert_all_back(m: Machine) -> None:
    now, before = holdings(m), initially(m)
    assert now == before, f"\n    before {before}\n    now    {now}"


def drive_file(m: Machine, name: str) -> str:
    """A file on the partition's drive, read by the boot kernel once it has the drive back."""
    m.until("the drive is back", lambda: m.run("test -b /dev/nvme0n1", check=False).returncode == 0, 10)
    text = m.out(f"mount -o ro,noload /dev/nvme0n1 /mnt && cat /mnt/{name}; umount /mnt")
    assert text, f"{name} is not on the drive"
    return text


def assert_no_trouble(m: Machine, log: str) -> None:
    found = [line for line in log.splitlines() if re.search(r"Oops|BUG:|Call Trace|lockup|nobody cared|stall|timeout", line)]
    assert not found, f"the application kernel complains: {found}"


def cleanup(m: Machine) -> None:
    m.run("umount /mnt 2>/dev/null; systemctl stop 'parker@*'; parkerctl kill db 2>/dev/null; rm -f /etc/parker.d/*;"
          "systemctl reset-failed; systemctl start parkerd", check=False, timeout=120)
    m.until("everything is back", lambda: holdings(m) == initially(m), 20)


def test_start_stop(m: Machine) -> None:
    """systemctl start and stop parker@db: a second kernel runs on CPUs, memory and a drive; a clean power-off, all back, its file is there"""
    before = initially(m)
    empty_drive(m)
    processors = int(m.out("nproc"))
    start(m)
    assert state(m) == 's "active"', state(m)
    assert m.out("systemctl is-active parker@db") == "active"
    assert int(m.out("nproc")) == processors - 2
    now = holdings(m)
    assert before.memory - now.memory >= MEMORY, f"MemTotal fell by {before.memory - now.memory} KiB only"
    assert now.driver != "nvme", f"still bound: {now}"
    assert "Kernel driver in use: nvme" not in m.out(f"lspci -k -s {DRIVE}")
    assert now.partitions == "db", now
    beats = heartbeat(m)
    assert beats > 0, "systemctl returned before the first heartbeat"
    m.until("the heart goes on beating", lambda: heartbeat(m) > beats + 2, 30)
    assert re.search(r"^\W*db\b.*\bactive\b", m.out("parkerctl list"), re.M), m.out("parkerctl list")
    assert m.out("parkerctl status db")
    reported(m)
    stop(m)
    assert_all_back(m)
    assert state(m) == 's "inactive"', state(m)
    assert m.out("systemctl show -P Result parker@db") == "success"
    report = drive_file(m, "report")
    assert "nproc: 2" in report.splitlines(), report
    assert f"uname: Linux (none) {m.kernel.release}" in report, report
    assert m.out("cat /proc/sys/kernel/random/boot_id") not in report, "this is the boot kernel's own boot"
    features = m.out("dumpe2fs -h /dev/nvme0n1 2>/dev/null")
    assert "needs_recovery" not in features and re.search(r"Filesystem state: +clean$", features, re.M), "not unmounted cleanly"
    assert_no_trouble(m, drive_file(m, "dmesg"))


BUSY = """
busy() { end=$(($(date +%s) + 30)); n=0
    while [ $(date +%s) -lt $end ]; do "$@" || echo wrong; n=$((n + 1)); done; echo "$1 rounds=$n"; }
sum=$(seq 5000 | md5sum)
compute() { [ "$(seq 5000 | md5sum)" = "$sum" ]; }
store() { dd if=/dev/urandom of=/root/busy bs=64k count=16 2>/dev/null; s=$(md5sum </root/busy); sync; echo 3 >/proc/sys/vm/drop_caches
    [ "$(md5sum </root/busy)" = "$s" ]; }
for cpu in $(seq $(nproc)); do busy compute & done; busy store; wait
"""


def test_both_work(m: Machine) -> None:
    """Both kernels compute and write for half a minute; every sum is right, no oops, no lost interrupt"""
    initially(m)
    empty_drive(m)
    start(m, job="work")
    beats = heartbeat(m)
    ours = m.run(f"bash -c {shlex.quote(BUSY)}", timeout=240).stdout
    assert "wrong" not in ours and ours.count("compute rounds=") == 2 and "store rounds=" in ours, ours
    assert int(re.search(r"store rounds=(\d+)", ours)[1]) > 3, ours
    assert heartbeat(m) > beats + 5, "the heart stood still"
    assert state(m) == 's "active"', state(m)
    stop(m)
    assert_all_back(m)
    theirs = drive_file(m, "work")
    rounds = {name: int(count) for name, count in re.findall(r"^(\w+) rounds=(\d+) wrong=0$", theirs, re.M)}
    assert set(rounds) == {"cpu0", "cpu1", "disk"} and min(rounds.values()) > 3, theirs
    assert_no_trouble(m, drive_file(m, "dmesg"))
    vectors = [line.split()[1:3] for line in drive_file(m, "interrupts").splitlines()]
    assert all(any(int(vector[cpu]) for vector in vectors) for cpu in (0, 1)), f"a CPU got no interrupt from the drive: {vectors}"


def test_own_cpu_down_up(m: Machine) -> None:
    """After a round, the boot kernel takes each of its own CPUs down and up: its trampoline is intact"""
    initially(m)
    start(m)
    own = m.out("for c in /sys/devices/system/cpu/cpu[1-9]*; do [ \"$(cat $c/online)\" = 1 ] && basename $c; done; true").split()
    assert own, "no CPU but the first is left to try this on"
    for cpu in own:  # while the partition runs, and after it
        m.run(f"cd /sys/devices/system/cpu/{cpu} && echo 0 >online && echo 1 >online && taskset -c {cpu[3:]} true")
    assert state(m) == 's "active"', state(m)
    stop(m)
    assert_all_back(m)
    for cpu in ("cpu1", "cpu2", "cpu3"):
        m.run(f"cd /sys/devices/system/cpu/{cpu} && echo 0 >online && [ $(nproc) = 3 ] && echo 1 >online && taskset -c {cpu[3:]} true")
    assert_all_back(m)


def test_daemon_killed(m: Machine) -> None:
    """kill -9 of parkerd: the partition does not notice, the next parkerd knows it, stop works"""
    initially(m)
    start(m)
    pid = m.out("systemctl show -P MainPID parkerd")
    assert pid != "0"
    beats = heartbeat(m)
    m.run(f"kill -9 {pid}")
    m.until("a new parkerd runs", lambda: m.out("systemctl show -P MainPID parkerd") not in ("0", pid)
            and m.out("systemctl is-active parkerd || true") == "active", 30)
    m.until("the heart goes on beating", lambda: heartbeat(m) > beats + 2, 20)
    assert state(m) == 's "active"', state(m)
    assert m.out("systemctl is-active parker@db") == "active"
    stop(m)
    assert_all_back(m)


def refused(m: Machine, *patterns: str, name: str = "db") -> None:
    """Starting must fail, say why, and take nothing."""
    done = m.run(f"parkerctl start {name}", check=False, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode not in (0, 127), f"it was accepted: {said}"
    assert not done.stdout, f"an error belongs on stderr: {done.stdout}"
    for pattern in patterns:
        assert re.search(pattern, said, re.I), f"not a word of {pattern!r} in: {said}"
    assert m.run(f"systemctl start parker@{name}", check=False, timeout=120).returncode, "systemctl start says it worked"
    assert_all_back(m)


def test_refuses_first_cpu(m: Machine) -> None:
    """A manifest that names CPU 0 is refused, and nothing is taken"""
    initially(m)
    drop(m, cpus='{list: "0-1"}')
    refused(m, r"CPU 0\b")


def test_refuses_too_much_memory(m: Machine) -> None:
    """A manifest that wants more memory than there is is refused, and nothing is taken"""
    initially(m)
    drop(m, memory="size: 64GiB")
    refused(m, r"memory", r"64 ?GiB")


def test_refuses_root_bus_device(m: Machine) -> None:
    """A manifest that names a device on bus 0 is refused, and nothing is taken"""
    initially(m)
    drop(m, pci="0000:00:03.0")
    refused(m, r"0000:00:03\.0", r"bus")


def test_refuses_missing_image(m: Machine) -> None:
    """A manifest whose kernel image is not there is refused, and nothing is taken"""
    initially(m)
    drop(m, image="/boot/no-such-kernel")
    refused(m, r"/boot/no-such-kernel", r"no such file|not found|does not exist|missing")


def test_refuses_truncated_image(m: Machine) -> None:
    """A manifest whose kernel image is cut short is refused, and nothing is taken"""
    initially(m)
    m.run("head -c 1000000 /boot/vmlinuz >/boot/truncated")
    drop(m, image="/boot/truncated")
    refused(m, r"/boot/truncated", r"truncated|short|beyond|incomplete|end of")


def test_refuses_taken_name(m: Machine) -> None:
    """Two manifests of one name: the second is refused, naming the first"""
    initially(m)
    drop(m)
    drop(m, "other.yaml")
    done = m.run("parkerctl validate /etc/parker.d/db.yaml /etc/parker.d/other.yaml", check=False)
    assert done.returncode == 5, f"exit status {done.returncode}: {done.stdout}{done.stderr}"
    said = done.stdout + done.stderr
    assert re.search(r"other\.yaml:\d+:\d+: error", said) and re.search(r"\bdb\.yaml", said), said
    assert_all_back(m)
