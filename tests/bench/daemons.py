# SPDX-License-Identifier: LGPL-2.1-or-later
"""parkerd beside systemd-machined and, where it is installed, libvirtd: how soon each is ready, how much memory it has
and how often it wakes up. All on one private bus and on this computer as it is, at the same time.

Without the module parkerd can hold nothing: partitions that run are those of its simulated machine, and then their
memory is parkerd's own. Watchdogs are off: systemd's would wake each of them twice per WatchdogSec=.
"""

import contextlib
import pathlib
import re
import socket
import subprocess
import time

from harness import PATIENCE, House, resident_mib, switches

MACHINED = pathlib.Path("/lib/systemd/systemd-machined")
LIBVIRTD = pathlib.Path("/usr/sbin/libvirtd")
TURNS = 5
IDLE = 10  # seconds
MANIFESTS = 100
RUNNING = 10


def start(house: House, command: list, number: int) -> tuple[subprocess.Popen, float, float]:
    """Until it tells systemd that it is ready: milliseconds, and milliseconds of CPU."""
    folder = house.folder / f"run-{number}"
    folder.mkdir(exist_ok=True)
    path = folder / "notify"
    path.unlink(missing_ok=True)
    environment = {**house.environment, "NOTIFY_SOCKET": str(path), "RUNTIME_DIRECTORY": str(folder), "STATE_DIRECTORY": str(folder)}
    environment.pop("WATCHDOG_USEC", None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(folder / "log", "ab") as log:
        notify.bind(str(path))
        notify.settimeout(PATIENCE)
        begin = time.perf_counter()
        process = house.spawn(*map(str, command), stdout=log, stderr=log, env=environment)
        while b"READY=1" not in notify.recv(4096).split(b"\n"):
            pass
        took = (time.perf_counter() - begin) * 1000
    cpu = sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir())
    return process, took, cpu / 1e6


def proportional_mib(pid: int) -> float:
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB$", rollup, re.M)[1]) / 1024


def commands(house: House, parkerd: pathlib.Path) -> dict[str, list]:
    """What can be started here. Another machined or libvirtd, and what it looks after, is left alone."""
    empty = house.folder / "empty.d"
    empty.mkdir()
    found = {"parkerd, no manifest": [parkerd, f"--config={empty}"],
             f"parkerd, {MANIFESTS} manifests": [parkerd, f"--config={house.manifests}"]}
    registered = pathlib.Path("/run/systemd/machines")
    if not MACHINED.exists() or (registered.is_dir() and any(registered.iterdir())):
        print("(systemd-machined is not installed, or machines are registered here)")
    else:
        found["systemd-machined"] = [MACHINED]
    if not LIBVIRTD.exists() or pathlib.Path("/run/libvirt/libvirt-sock").exists():
        print("(libvirtd is not installed, or one is running; tests/run --long installs it)")
    else:
        settings = house.folder / "libvirtd.conf"
        settings.write_text(f'unix_sock_dir = "{house.folder}"\n')
        found["libvirtd"] = [LIBVIRTD, "--config", settings, "--pid-file", house.folder / "libvirtd.pid"]
    return found


def run_partitions(house: House) -> subprocess.Popen:
    house.start_parkerd()
    names = [file.stem for file in sorted(house.manifests.iterdir())[:RUNNING]]
    for name in names:
        house.manager("StartPartition", "st", name, "0")
    for name in names:
        house.wait_for_state(name, "active")
    return house.daemon


def columns(values, digits: int = 1) -> str:
    return " ".join(f"{value:>10.{digits}f}" for value in values)


def measure(processes: dict[str, subprocess.Popen], best: dict[str, tuple]) -> dict[str, tuple[float, float]]:
    """A line for each; they are idle at the same time."""
    time.sleep(2)  # what follows from the start is over
    before = {name: switches(process.pid) for name, process in processes.items()}
    time.sleep(IDLE)
    memory = {}
    for name, process in processes.items():
        woken = switches(process.pid) - before[name]
        memory[name] = resident_mib(process.pid), proportional_mib(process.pid)
        took = columns(best[name]) if name in best else f"{'-':>10} {'-':>10}"
        print(f"{took} {columns(memory[name])} {woken:>10}  {name}", flush=True)
    return memory


def compare(build: pathlib.Path, write_manifests) -> None:
    print(f"\nstart to READY=1, best of {TURNS}; memory then; wake-ups of all threads in {IDLE} s without work\n"
          f"{'ms':>10} {'ms of CPU':>10} {'RSS MiB':>10} {'PSS MiB':>10} {'wake-ups':>10}", flush=True)
    with contextlib.ExitStack() as stack:
        house, busy = (House(str(build / "daemon/daemon/parkerd"), str(build / "daemon/cli/parkerctl")) for _ in range(2))
        for each in (house, busy):
            stack.callback(each.close)
            write_manifests(each.manifests, MANIFESTS, str(each.image), str(each.image))
        todo = commands(house, build / "daemon/daemon/parkerd")
        few, many = list(todo)[:2]
        best = {name: (float("inf"), float("inf")) for name in todo}
        for _ in range(TURNS):
            for number, (name, command) in enumerate(todo.items()):
                process, *took = start(house, command, number)
                best[name] = tuple(map(min, best[name], took))
                house.end(process)
        print(f"{columns(best[few])} {'-':>10} {'-':>10} {'-':>10}  {few}", flush=True)
        idle = {name: start(house, command, number)[0] for number, (name, command) in enumerate(todo.items()) if name != few}
        memory = measure({**idle, f"{many}, {RUNNING} run, simulated": run_partitions(busy)}, best)
        for name in list(idle)[1:]:
            ratios = [mine / its for mine, its in zip((*best[many], *memory[many]), (*best[name], *memory[name]), strict=True)]
            print(f"{columns(ratios, 2)} {'':>10}  ratio of {many} to {name}", flush=True)
