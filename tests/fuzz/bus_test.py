#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sanitized parkerd under arbitrary calls: no crash, no hang, no leak. bus_test.py FUZZ-BUS PARKERD PARKERCTL; $FUZZ_SECONDS is the length."""

import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bus"))
from harness import House  # noqa: E402

fuzz_bus, parkerd, parkerctl = sys.argv[1:]
seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
seed = int(os.environ.get("FUZZ_SEED", random.randrange(1 << 31)))


def memory_kib(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0])


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


house = House(parkerd, parkerctl)
try:
    for name in ("db", "web", "rt"):
        house.manifest(name)
    house.start_parkerd()
    pid = house.daemon.pid
    print(f"seed {seed}, {seconds} s", flush=True)
    subprocess.run([fuzz_bus, house.address, str(max(1, seconds // 10)), str(seed)], check=True, stdin=subprocess.DEVNULL)
    files, memory = open_files(pid), memory_kib(pid)
    subprocess.run([fuzz_bus, house.address, str(seconds), str(seed + 1)], check=True, stdin=subprocess.DEVNULL)
    print(f"open files {files} -> {open_files(pid)}, resident {memory} -> {memory_kib(pid)} KiB", flush=True)
    assert open_files(pid) <= files + 8, "files stay open"
    house.parkerctl("list", check=True)
    house.daemon.terminate()
    status = house.daemon.wait(60)
    assert status == 0, f"parkerd ended with {status} (a leak ends it with 1):\n{house.log()[-3000:]}"
except subprocess.CalledProcessError as error:
    sys.exit(f"{error}\nparkerd: {house.daemon.poll()}\n{house.log()[-3000:]}")
finally:
    house.close()
