# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example playbook over ssh: two partitions by Ansible, and nothing to do the second time."""

import json
import os
import re
import shlex
import subprocess

from harness.machine import Machine, MachineError
from harness.paths import SOURCE
from road.test import assert_all_back, drive_file, empty_drive, heartbeat, initially
from road.test import cleanup as road_cleanup

EXAMPLE = SOURCE / "examples/ansible"
UNITS = "parker@db parker@sandbox parker.target"
ABSENT = {"parker_partitions": [{"name": name, "state": "absent"} for name in ("db", "sandbox")]}


def play(m: Machine, *words: str) -> tuple[int, str]:
    """How many tasks changed something, and what was printed."""
    host = {"ansible_host": "127.0.0.1", "ansible_user": "root", "ansible_ssh_args": shlex.join(m.ssh_options()),
            "ansible_ssh_pipelining": True, "ansible_python_interpreter": "/usr/bin/python3", "partition_kernel": "/boot/vmlinuz",
            "partition_initrd": "/boot/application.img", "db_cmdline": "job=report", "db_devices": [{"pci": "0000:01:00.0"}]}
    inventory = m.folder / "inventory.json"
    inventory.write_text(json.dumps({"partitioned": {"hosts": {"parker": host}}}))
    done = subprocess.run(["ansible-playbook", "-i", inventory, "--diff", *words, f"{EXAMPLE}/site.yml"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"})
    if done.returncode:
        raise MachineError(f"ansible-playbook exited {done.returncode}\n{done.stdout}{done.stderr}")
    return int(re.search(r" changed=(\d+) ", done.stdout)[1]), done.stdout


def states(m: Machine) -> dict[str, tuple[str, int]]:
    """Of each partition its state, and since when."""
    return {p["name"]: (p["state"], p["state_change_usec"]) for p in json.loads(m.out("parkerctl --json=short list"))}


def units(m: Machine, question: str) -> str:
    return m.run(f"systemctl {question} {UNITS}", check=False).stdout.replace("\n", " ").strip()


def cleanup(m: Machine) -> None:
    m.run(f"systemctl -q disable {UNITS} parkerd", check=False)
    road_cleanup(m)


def test_two_partitions(m: Machine) -> None:
    """ansible-playbook starts two kernels; run again it changes nothing; absent gives everything back"""
    before = initially(m)
    empty_drive(m)
    changed, said = play(m)
    assert changed and said.count("+state: active") == 2 and '+name: "db"' in said, said
    running = states(m)
    assert {name: state for name, (state, _) in running.items()} == {"db": "active", "sandbox": "active"}, running
    assert units(m, "is-active") == "active active active" and units(m, "is-enabled") == "enabled enabled enabled"
    assert int(m.out("nproc")) == 1 and m.out("ls /sys/class/parker").split() == ["db", "sandbox"]

    beats = heartbeat(m)
    changed, said = play(m)
    assert (changed, states(m)) == (0, running), said
    assert heartbeat(m) > beats, "the heart stood still"

    m.until("the application kernel has written its report", lambda: "nproc: 2" in m.peek("report"), 60)
    assert play(m, "-e", json.dumps(ABSENT))[0] == 2  # the partitions, and their units
    assert states(m) == {} and m.out("ls /etc/parker.d") == ""
    assert units(m, "is-enabled") == "disabled disabled enabled"
    assert_all_back(m)
    assert initially(m) == before and "nproc: 2" in drive_file(m, "report")
