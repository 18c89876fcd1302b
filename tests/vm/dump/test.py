# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory dumps: what crash(8) and drgn find in them is what the application kernel itself saw."""

import json
import pathlib
import re
import subprocess
import textwrap

from harness.debian import Kernel
from harness.machine import Machine
from road.test import cleanup, empty_drive, initially, stop  # noqa: F401 - cleanup is ours, too
from see.test import CLOUD, CRASHES, MACHINE, drop, failed  # noqa: F401 - and so is its machine

# For drgn, in a program of its own: it is a module of the distribution's Python.
TASKS = textwrap.dedent("""\
    import sys
    from drgn import Program
    from drgn.helpers.linux.pid import for_each_task
    core, symbols = sys.argv[1:]
    program = Program()
    program.set_core_dump(core)
    program.load_debug_info([symbols])
    for task in for_each_task(program):
        print(task.pid.value_(), task.comm.string_().decode())
    """)


MEBIBYTES = 128
MEMORY = f"size: {MEBIBYTES}MiB"
COMM = 15  # characters of a task's name; /proc/PID/status has more of some kernel threads


def fetch(m: Machine, path: str) -> pathlib.Path:
    """A dump, unpacked, on this computer."""
    file = m.folder / "core"
    file.write_bytes(subprocess.run(["zstd", "-dc"], input=m.get(path), capture_output=True, check=True).stdout)
    return file


def tool(*command: object, script: str = "") -> str:
    done = subprocess.run([str(word) for word in command], input=script, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def crash(core: pathlib.Path, *commands: str) -> list[str]:
    """What each command shows. It takes half a minute to begin."""
    mark = "the next"
    lines = "\n".join(f"{command}\n!echo {mark}" for command in commands)
    return tool("crash", "-s", Kernel(*CLOUD).symbols, core, script=f"{lines}\nquit\n").split(f"{mark}\n")


# Debian 12's crash does not find tasks by the PIDs of this kernel, whose struct pid has changed; their list is as it was.
TASKS_IN_CRASH = "list -o task_struct.tasks -s task_struct.pid,comm -h init_task"


def crash_tasks(text: str) -> set[tuple[int, str]]:
    """What TASKS_IN_CRASH shows, but for the idle task."""
    found = re.findall(r'^  pid = (\d+),\n  comm = "([^"\\]*)', text, re.M)
    return {(int(pid), name) for pid, name in found if pid != "0"}


def texts(log: str) -> list[str]:
    """The lines of a log without times, which crash shows only before the first of a record."""
    return [re.sub(r"^\[ *\d+\.\d+\] ", "", line).strip() for line in log.splitlines() if line.strip()]


def drgn_tasks(core: pathlib.Path) -> set[tuple[int, str]]:
    lines = tool("/usr/bin/python3", "-c", TASKS, core, Kernel(*CLOUD).symbols).splitlines()
    return {(int(pid), name) for pid, name in (line.split(" ", 1) for line in lines)}


def test_live(m: Machine) -> None:
    """Of a running partition: drgn lists the tasks that it lists itself, and it does not notice"""
    initially(m)
    empty_drive(m)
    drop(m, Kernel(*CLOUD), "tasks", memory=MEMORY)
    m.run("systemctl start parker@db", timeout=120)
    m.until("it has listed its tasks", lambda: "kthreadd" in m.peek("tasks"), 60)
    refused = m.run("parkerctl dump db -o /var/tmp/core", check=False)
    assert refused.returncode == 1 and "--live" in refused.stderr, refused
    heart = m.out("cat /sys/class/parker/db/heartbeat")
    said = json.loads(m.out("parkerctl dump --live db -o /var/tmp/core --json=short", timeout=180))
    assert said["bytes"] == MEBIBYTES << 20 and m.out("stat -c %a /var/tmp/core") == "600", said
    disk = m.out("sync; dd if=/var/tmp/core of=/var/tmp/copy bs=1M conv=fsync 2>&1 | tail -n 1; rm /var/tmp/core /var/tmp/copy", timeout=180)
    seconds = float(re.search(r"([\d.]+) s,", disk)[1])
    print(f"     dump: {MEBIBYTES} MiB in {said['seconds']:.1f} s, {said['disk_bytes'] >> 20} MiB of it on disk;"
          f" dd of the same file: {seconds:.1f} s, ratio of the rates {seconds / said['seconds']:.2f}", flush=True)
    m.run("parkerctl dump --live --zstd db -o /var/tmp/core.zst", timeout=180)
    assert m.out("cat /sys/class/parker/db/heartbeat") != heart
    core = fetch(m, "/var/tmp/core.zst")
    m.run("rm /var/tmp/core.zst")
    own = {(int(pid), name[:COMM]) for pid, name in (line.split(" ", 1) for line in m.peek("tasks").splitlines())}
    lasting = {task for task in own if task[1] not in ("sleep", "sh", "cat", "ext4lazyinit") and not task[1].startswith("kworker")}
    assert len(lasting) > 20, own
    seen = drgn_tasks(core)
    assert not lasting - seen, f"drgn does not list {lasting - seen} but {sorted(seen)}"
    core.unlink()
    stop(m)


def test_on_crash(m: Machine) -> None:
    """`dump: on-crash`: the memory of a kernel that panicked is kept, and is all that `parkerctl dump` sees in it afterwards"""
    initially(m)
    empty_drive(m)
    drop(m, Kernel(*CLOUD), "panic", "dump: on-crash\nreserve: always\n", memory=MEMORY)
    m.until("it is held", lambda: "held" in m.out("parkerctl list"))
    m.run("busctl call org.parker1 /org/parker1 org.parker1.Manager StartPartition st db 0")  # no unit that would try again
    m.until("it has failed", lambda: failed(m), 120)
    folder = m.out(f"ls -d {CRASHES}/db-* | tail -1")
    assert m.out(f"stat -c %a {folder}/vmcore.zst") == "600"
    assert f"memory dump: {folder}/vmcore.zst" in m.out("journalctl -u parkerd -o cat -b")
    core = fetch(m, f"{folder}/vmcore.zst")
    system, listed, log, _ = crash(core, "sys", TASKS_IN_CRASH, "log")
    assert re.search(r"PANIC: \"Kernel panic - not syncing: sysrq triggered crash\"", system), system
    assert re.search(r"CPUS: 2\b", system), system
    seen = drgn_tasks(core)
    assert (2, "kthreadd") in seen and seen == crash_tasks(listed), f"drgn lists {sorted(seen)}, crash {listed}"
    kept = texts(m.out(f"cat {folder}/log"))
    assert texts(log)[-len(kept):] == kept, f"crash's log and the report's differ: {log}"
    # The partition keeps what it holds, and so the memory of its dead kernel.
    m.run("parkerctl dump db -o /var/tmp/core", timeout=180)
    digest = m.out("sha256sum /var/tmp/core; rm /var/tmp/core", timeout=120).split()[0]
    assert digest == tool("sha256sum", core).split()[0], "memory has changed since the crash"
    core.unlink()
