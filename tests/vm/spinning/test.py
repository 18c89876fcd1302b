# SPDX-License-Identifier: LGPL-2.1-or-later
"""A partition that no longer listens. Its CPUs run beside the boot kernel's, as on a real machine, instead of in turns with them."""

import time

from harness.machine import Config, Machine
from road.test import assert_all_back, cleanup, heartbeat, initially, start  # noqa: F401  (the runner finds cleanup here)

LONG = True
MACHINE = Config(parallel=True)


def seconds(m: Machine, command: str) -> float:
    return float(m.out(f"a=$(date +%s%N); {command} >&2 || exit 1; b=$(date +%s%N); echo $(((b - a) / 1000000))")) / 1000


def test_kill_spinning(m: Machine) -> None:
    """parkerctl kill db, with its CPUs looping with interrupts off: everything is back when it returns"""
    initially(m)
    start(m, job="spin-cli")
    last = [-1]

    def dead() -> bool:
        before, last[0] = last[0], heartbeat(m)
        time.sleep(2.5)
        return before == last[0]

    m.until("the heart stands still", dead, 60)
    look = seconds(m, "parkerctl list")
    kill = seconds(m, "parkerctl kill db")
    assert_all_back(m)
    print(f"     killed in {kill:.2f} s, where a look at the list takes {look:.2f} s", flush=True)
    time.sleep(3)
    assert m.out("systemctl is-active parker@db || true") != "active", "the unit still runs"
    assert_all_back(m)
