# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of two NUMA nodes: one's memory lies below 4 GiB, the other's above."""

from harness.machine import Config, Machine
from road.test import manifest

MACHINE = Config(cpus=4, sockets=2, memory="4G", devices=(
    "-object memory-backend-ram,id=m0,size=2G", "-object memory-backend-ram,id=m1,size=2G",
    "-numa node,nodeid=0,cpus=0-1,memdev=m0", "-numa node,nodeid=1,cpus=2-3,memdev=m1", "-numa dist,src=0,dst=1,val=17",
))


def cleanup(m: Machine) -> None:
    m.run("systemctl stop 'parker@*'; rm -f /etc/parker.d/*; systemctl reset-failed", check=False, timeout=120)
    m.until("everything is back", lambda: m.out("nproc") == "4" and not m.out("ls /sys/class/parker"), 30)


def test_two_nodes(m: Machine) -> None:
    """A partition with memory and CPUs of both nodes sees two nodes, their sizes and their distance"""
    m.put("/etc/parker.d/wide.yaml", manifest(name="wide", cpus='{list: "1-3"}', memory="nodes: {0: 384MiB, 1: 256MiB}"))
    total = {node: int(m.out(f"sed -n 's/.*MemTotal: *//p' /sys/devices/system/node/node{node}/meminfo").split()[0]) for node in (0, 1)}
    m.run("systemctl start parker@wide", timeout=120)
    for node, mib in ((0, 384), (1, 256)):
        now = int(m.out(f"sed -n 's/.*MemTotal: *//p' /sys/devices/system/node/node{node}/meminfo").split()[0])
        assert total[node] - now == mib << 10, f"node {node}: {total[node]} -> {now} KiB"
    ranges = [line.split() for line in m.out("cat /sys/class/parker/wide/memory").splitlines()]
    low = [int(line[0].split("-")[0], 16) < 4 << 30 for line in ranges]
    assert True in low and False in low, ranges
    m.until("the application kernel has written its report", lambda: "nodes:" in m.peek("report"), 60)
    report = m.peek("report")
    nodes = dict(line.split(" ", 1) for line in report.split("nodes:\n")[1].splitlines() if line.startswith("node"))
    assert nodes["node0/cpulist"] == "0" and nodes["node1/cpulist"] == "1-2", nodes
    assert nodes["node0/distance"] == "10 17" and nodes["node1/distance"] == "17 10", nodes
    for node, mib in ((0, 384), (1, 256)):
        kib = int(nodes[f"node{node}/MemTotal"].split()[0])
        assert mib * 0.6 < kib / 1024 <= mib, nodes
    m.run("systemctl stop parker@wide", timeout=120)


def test_smallest(m: Machine) -> None:
    """128 MiB are enough for a stock kernel"""
    m.put("/etc/parker.d/small.yaml", manifest(name="small", cpus="{count: 1}", memory="size: 128MiB"))
    m.run("mkfs.ext4 -qF /dev/nvme0n1; sync; systemctl start parker@small", timeout=120)
    m.until("the application kernel has written its report", lambda: "nodes:" in m.peek("report"), 60)
    m.run("systemctl stop parker@small", timeout=120)
