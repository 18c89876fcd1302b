# SPDX-License-Identifier: LGPL-2.1-or-later
"""Seeing inside: the application kernel's log, read out of its memory, is the one that its own dmesg shows."""

import json
import re

from harness.debian import Kernel
from harness.machine import Config, Machine
from harness.scenario import long
from road.test import OBJECT, SHORT_HEARTBEAT, assert_all_back, cleanup, empty_drive, initially, manifest, reported, stop  # noqa: F401 - cleanup is ours, too

CRASHES = "/var/lib/parker/crash"
KERNELS = (("bullseye", "amd64"), ("bookworm", "amd64"), ("bookworm", "rt-amd64"), ("bookworm-backports", "amd64"))
CLOUD = ("bookworm", "cloud-amd64")  # whose debug symbols are the smallest
MACHINE = Config(applications=(*KERNELS, CLOUD))

NEIGHBOUR = """\
apiVersion: parker/v1
name: web
cpus: {{count: 1}}
memory: {{size: 192MiB}}
kernel: {{image: /boot/vmlinuz-{release}, initrd: /boot/application-{release}.img, cmdline: quiet}}
timeouts: {{boot: 180s, stop: 120s, heartbeat: 60s}}
"""


def drop(m: Machine, kernel: Kernel, job: str, more: str = "", **changes: str) -> None:
    m.put("/etc/parker.d/db.yaml", manifest(kernel, **{"memory": "size: 256MiB", "heartbeat": SHORT_HEARTBEAT, "job": job} | changes) + more)


def journal(m: Machine, since: str) -> list[dict]:
    """The kernel's lines in the partition's journal."""
    text = m.out(f"journalctl -u parker@db -t kernel -o json --since '{since}'", timeout=120)
    return [json.loads(line) for line in text.splitlines()]


def now(m: Machine) -> str:
    return m.out("sleep 1; date '+%F %T'")


def same_lines(ours: list[str], own: list[str], what: str) -> None:
    """The application kernel's own dmesg was written a moment before: ours begins with it."""
    for number, (line, expected) in enumerate(zip(ours, own, strict=False)):
        assert line == expected, f"{what}, line {number}: {line!r} instead of {expected!r}"
    assert len(ours) >= len(own) > 100, f"{what}: {len(ours)} lines of {len(own)}"


def log_is_dmesg(m: Machine, suite: str, flavour: str) -> None:
    kernel = Kernel(suite, flavour)
    initially(m)
    empty_drive(m)
    since = now(m)
    drop(m, kernel, "report vitals")
    m.run("systemctl start parker@db", timeout=120)
    reported(m)
    if suite != "bullseye":
        m.until("it is found", lambda: looks(m)[0]["cpus"])
    first, last = looks(m, "-n 2 -d 3")
    own = m.peek("dmesg").splitlines()
    same_lines(m.out("parkerctl log db").splitlines(), own, "parkerctl log")
    records = [json.loads(line) for line in m.out("parkerctl log --json=short db").splitlines()]
    assert records[0]["kind"] == "run" and records[0]["kernel_release"].startswith(kernel.release), records[0]
    records = [r for r in records if r["kind"] == "record"]
    assert [r["seq"] for r in records] == list(range(len(records)))
    stop(m)
    assert last["uptime_usec"] > first["uptime_usec"] > 0 and first["heartbeat_age_usec"] is not None, (first, last)
    if suite == "bullseye":  # before 6.0 a kernel tells nobody where its symbols are
        assert not any(last[key] for key in ("load_average", "memory_total_bytes", "memory_free_bytes", "busy_percent", "cpus")), last
    else:
        vitals_are_own(m, fared(m, "vitals"), first, last, fared(m, "vitals-at-end"))
    entries = journal(m, since)
    texts = [line for entry in entries for line in entry["MESSAGE"].split("\n")]
    same_lines(texts, [re.sub(r"^\[ *\d+\.\d+\] ", "", line) for line in own], "the journal")
    for entry, record in zip(entries, records, strict=False):
        assert (int(entry["PRIORITY"]), int(entry["KERNEL_SEQ"]), entry["PARTITION"]) == (record["level"], record["seq"], "db"), entry
    assert "Power down" in texts[-1], f"not the last words: {texts[-3:]}"
    assert "lost" not in m.out(f"journalctl -u parker@db -o cat --since '{since}' -t parker@db")
    assert_all_back(m)


def looks(m: Machine, options: str = "") -> list[dict]:
    """What `parkerctl top` says of the partition, look by look; nothing when it says nothing."""
    lines = m.run(f"parkerctl top --json=short {options} db", check=False).stdout.splitlines()
    return [{**look["partitions"][0], "at_usec": look["realtime_usec"]} for look in map(json.loads, lines)]


def fared(m: Machine, file: str) -> tuple[list[float], dict[str, int], dict[int, dict[str, int]]]:
    """The same by its own /proc: load, memory in bytes, the CPUs' times in ns."""
    text = m.peek(file)
    memory = {word: int(kib) << 10 for word, kib in re.findall(r"^(Mem\w+): *(\d+) kB", text, re.M)}
    fields = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    times = {int(cpu): dict(zip(fields, (int(n) * 10_000_000 for n in rest.split()), strict=False))
             for cpu, rest in re.findall(r"^cpu(\d+) (.*)", text, re.M)}
    return [float(n) for n in text.split()[:3]], memory, times


def vitals_are_own(m: Machine, before: tuple, first: dict, last: dict, after: tuple) -> None:
    """Times only grow, so ours lie between what it saw first and last; the others move little."""
    tick = 10_000_000
    for ours in (first, last):
        assert ours["memory_total_bytes"] == before[1]["MemTotal"], (ours, before[1])
        assert abs(ours["memory_free_bytes"] - before[1]["MemFree"]) < 16 << 20, (ours, before[1])
        assert all(min(a, b) - 0.2 < load < max(a, b) + 0.2 for load, a, b in zip(ours["load_average"], before[0], after[0], strict=True)), \
            (ours["load_average"], before[0], after[0])
        assert [cpu["cpu"] for cpu in ours["cpus"]] == list(before[2]) == list(after[2]) == [0, 1], ours
        for cpu in ours["cpus"]:
            for word in ("user", "nice", "system", "irq", "softirq", "steal"):
                a, b = before[2][cpu["cpu"]][word], after[2][cpu["cpu"]][word]
                assert a - tick <= cpu[f"{word}_nsec"] <= b + tick, (word, cpu, a, b)
    passed = (last["at_usec"] - first["at_usec"]) * 1000
    for one, two in zip(first["cpus"], last["cpus"], strict=True):
        percent = 100 * sum(two[key] - one[key] for key in one if key.endswith("_nsec")) / passed
        assert abs(percent - two["busy_percent"]) < 20, (percent, two)
    assert last["busy_percent"] > 5, last


def test_5_10(m: Machine) -> None:
    """Debian 11's 5.10: `parkerctl log` and the journal are its own dmesg, line by line, to the last; of its load `top` knows nothing"""
    log_is_dmesg(m, *KERNELS[0])


def test_6_1(m: Machine) -> None:
    """Debian 12's 6.1: the same, and `parkerctl top` shows what its own /proc does"""
    log_is_dmesg(m, *KERNELS[1])


@long
def test_6_1_rt(m: Machine) -> None:
    """Debian 12's 6.1 PREEMPT_RT: all the same"""
    log_is_dmesg(m, *KERNELS[2])


def test_6_12(m: Machine) -> None:
    """The backports' 6.12: all the same"""
    log_is_dmesg(m, *KERNELS[3])


def test_follow(m: Machine) -> None:
    """`parkerctl log -f` and the journal go on through reboots, a panic and a parkerd that is killed, each line once; `top` sees into the hang"""
    initially(m)
    empty_drive(m)
    since = now(m)
    drop(m, Kernel(*KERNELS[1]), "fates")
    m.run("systemd-run --unit follow -p StandardOutput=file:/tmp/follow parkerctl log -f db; systemctl start parker@db", timeout=120)
    m.run("systemctl kill -s KILL --kill-whom=main parkerd")
    hung: dict = {}

    def heart_stands_still() -> bool:
        hung.update(next(iter(looks(m)), {}))
        return hung.get("state") == "active" and hung["cpus"] and (hung["heartbeat_age_usec"] or 0) > 5_000_000

    m.until("one of them hangs", heart_stands_still, 180)
    assert hung["memory_total_bytes"] > 128 << 20 and len(hung["cpus"]) == 2, hung
    m.until("all fates have come", lambda: m.peek("boots").count("\n") == 4, 180)
    m.until("the last boot is followed", lambda: m.out("grep -c '^-- kernel' /tmp/follow") == "4", 60)
    stop(m)
    m.run("systemctl stop follow")
    text = m.out("cat /tmp/follow")
    assert re.findall(r"^-- ended: (\w+)", text, re.M) == ["reboot", "panic", "hung", "success"], re.findall("^-- .*", text, re.M)
    assert "-- ended: panic: Kernel panic - not syncing: sysrq triggered crash\n" in text
    assert " lost\n" not in text
    runs = re.split(r"^-- kernel .*\n", text, flags=re.M)[1:]
    for run in runs:
        assert run.count("] Linux version ") == 1 and run.startswith("[    0.000000] Linux version "), run[:300]
    log = report(m, Kernel(*KERNELS[1]), "hung")["log"]
    assert log in runs[2], "the report of the hang is not what was followed"
    seqs = [int(entry["KERNEL_SEQ"]) for entry in journal(m, since)]
    assert seqs.count(0) == 4 and all(b in (0, a + 1) for a, b in zip(seqs, seqs[1:], strict=False)), "not each record once"


def test_garbled(m: Machine) -> None:
    """A kernel that overwrites its note and its log while they are read: who reads is told, and everything else goes on"""
    initially(m)
    empty_drive(m)
    drop(m, Kernel(*KERNELS[1]), "garble")
    m.run("systemd-run --unit garbled -p StandardOutput=file:/tmp/garbled parkerctl log -f db; systemctl start parker@db", timeout=120)
    daemon = m.out("systemctl show -P MainPID parkerd")
    m.until("the kernel has lost its log", lambda: m.peek("garbled"), 60)
    m.until("who follows it is told", lambda: "-- the kernel's log was overwritten; looking for it again" in m.out("cat /tmp/garbled"), 60)
    text = m.out("cat /tmp/garbled")
    assert "] Linux version " in text and text.count("\n") > 100, text[:500]
    assert set(text) <= set(map(chr, range(32, 127))) | {"\n", "\t"}, "garbage has come through"
    done = m.run("parkerctl log db", check=False)
    assert done.returncode == 1 and "no log of a kernel" in done.stderr, done
    assert m.out("systemctl is-active parker@db") == "active" and m.out("systemctl show -P MainPID parkerd") == daemon
    stop(m)
    m.run("systemctl stop garbled")
    assert "-- ended: success" in m.out("cat /tmp/garbled")
    assert_all_back(m)


def test_maze(m: Machine) -> None:
    """A kernel whose page tables lead in circles: the look at it is given up, and another partition starts, is looked into and stops meanwhile"""
    initially(m)
    empty_drive(m)
    kernel = Kernel(*KERNELS[1])
    m.put("/etc/parker.d/web.yaml", NEIGHBOUR.format(release=kernel.release))
    drop(m, kernel, "maze", cpus="{count: 1}")
    m.run("systemd-run --unit maze -p StandardOutput=file:/tmp/maze parkerctl log -f db; systemctl start parker@db", timeout=120)
    m.until("the maze is laid", lambda: m.peek("laid"), 60)
    m.run("systemctl start parker@web", timeout=120)
    m.until("the neighbour is found", lambda: json.loads(m.out("parkerctl top --json=short web").splitlines()[0])["partitions"][0]["cpus"])
    assert "] Linux version " in m.out("parkerctl log web")
    m.run("parkerctl dump --live web -o /tmp/core && rm /tmp/core", timeout=120)
    m.run("systemctl stop parker@web", timeout=120)
    m.until("who follows the log is told", lambda: "given up after" in m.out("cat /tmp/maze"), 120)
    assert "look-given-up" in m.out("parkerctl status db")
    assert m.out("systemctl is-active parker@db") == "active"
    m.run("systemctl stop maze")
    stop(m)
    assert m.out(f"busctl get-property {OBJECT} Result") == 's "success"'
    m.run("rm /etc/parker.d/web.yaml")
    assert_all_back(m)


def test_chatter(m: Machine) -> None:
    """5,000 lines as fast as a kernel can write them: each is in the journal, or counted as lost"""
    initially(m)
    empty_drive(m)
    since = now(m)
    drop(m, Kernel(*KERNELS[1]), "chatter printk.devkmsg=on")
    m.run("systemctl start parker@db", timeout=120)
    # Another line may follow it, such as one of a timer that was late.
    m.until("the last line is there", lambda: re.search("chatter 5000$", m.out("journalctl -u parker@db -t kernel -o cat -n 50"), re.M), 120)
    entries = journal(m, since)
    seqs = [int(entry["KERNEL_SEQ"]) for entry in entries]
    lost = sum(int(n) for n in re.findall(r"^(\d+) lines? of the log lost", m.out(f"journalctl -u parker@db -o cat --since '{since}'", timeout=120), re.M))
    times = [int(entry["KERNEL_USEC"]) for entry in entries if entry["MESSAGE"].startswith("chatter ")]
    seconds = (times[-1] - times[0]) / 1e6
    print(f"     {5000 / seconds:.0f} lines a second, {lost} lost", flush=True)
    assert seqs == sorted(set(seqs)) and len(seqs) + lost == seqs[-1] + 1, (len(seqs), lost, seqs[-1])
    stop(m)


def report(m: Machine, kernel: Kernel, result: str) -> dict:
    """The newest crash report, which only root can read."""
    folder = m.out(f"ls -d {CRASHES}/db-* | tail -1")
    assert m.out(f"stat -c %a {CRASHES} {folder} {folder}/*").split() == ["700", "700", "600", "600", "600"], m.out(f"ls -la {folder}")
    found = json.loads(m.out(f"cat {folder}/report.json"))
    assert (found["partition"], found["result"], found["kernel_release"]) == ("db", result, kernel.release), found
    assert re.fullmatch("[0-9a-f]{40}", found["build_id"]) and found["cpus"] and found["log_lost"] == 0, found
    assert "name: db" in m.out(f"cat {folder}/manifest.yaml") and "no_ipi_broadcast" in found["command_line"]
    found["log"] = m.out(f"cat {folder}/log")
    assert found["log"].startswith("[    0.000000] Linux version ") and len(found["log"].splitlines()) >= found["log_records"] > 100
    return found


def failed(m: Machine) -> bool:
    return m.out("busctl get-property org.parker1 /org/parker1/partition/db org.parker1.Partition State") == 's "failed"'


def test_early_death(m: Machine) -> None:
    """A kernel that finds no root file system: its panic is the partition's message"""
    drop(m, Kernel(*KERNELS[3]), "none", initrd="[]")
    m.run("busctl call org.parker1 /org/parker1 org.parker1.Manager StartPartition st db 0")  # no unit that would try again
    m.until("it has failed", lambda: failed(m), 60)
    message = m.out("busctl get-property org.parker1 /org/parker1/partition/db org.parker1.Partition Message")
    assert "Kernel panic - not syncing: VFS: Unable to mount root fs" in message, message
    assert "VFS: Unable to mount root fs" in m.out("parkerctl status db")
    found = report(m, Kernel(*KERNELS[3]), "panic")
    assert "VFS: Unable to mount root fs" in found["cause"] and "Rebooting in" in found["log"].splitlines()[-1], found["log"][-500:]


def test_early_panic(m: Machine) -> None:
    """Kernels that panic before they have a console, a timer or a note of themselves: their log is read all the same"""
    for suite, flavour in (KERNELS[0], KERNELS[3]):  # their logs are laid out differently
        kernel = Kernel(suite, flavour)
        # So many leaves its RCU cannot have: rcu_init() warns of it, before there is an interrupt.
        drop(m, kernel, "none rcutree.rcu_fanout_leaf=1 panic_on_warn=1 panic=0", boot="45s")
        m.run("busctl call org.parker1 /org/parker1 org.parker1.Manager StartPartition st db 0")
        m.until("its log can be read while it stands still", lambda: "Kernel panic" in m.run("parkerctl log db", check=False).stdout, 40)
        m.until("it has failed", lambda: failed(m), 60)
        folder = m.out(f"ls -d {CRASHES}/db-* | tail -1")
        found = json.loads(m.out(f"cat {folder}/report.json"))
        log = m.out(f"cat {folder}/log")
        print(f"     {kernel.release}: {found['cause']}", flush=True)
        assert (found["result"], found["kernel_release"]) == ("boot-timeout", kernel.release), found
        assert found["cause"].startswith("Kernel panic - not syncing: ") and found["cause"] in m.out("parkerctl status db"), found
        assert log.startswith(f"[    0.000000] Linux version {kernel.release} ") and f"] {found['cause']}\n" in log, log[:500]
        assert "] Command line: " in log and "] BIOS-provided physical RAM map:" in log and found["log_lost"] == 0
