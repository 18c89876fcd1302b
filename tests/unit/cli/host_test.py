#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`parkerctl host` about machines that are not there: host_test.py PARKERCTL."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PARKERCTL = sys.argv.pop(1)


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([PARKERCTL, *words], capture_output=True, text=True, check=False)


def write(root: pathlib.Path, path: str, content: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def mask(cpus: list[int]) -> str:
    text = f"{sum(1 << cpu for cpu in cpus):0128x}"
    return ",".join(text[i:i + 8] for i in range(0, 128, 8)) + "\n"


def large_server(root: pathlib.Path) -> None:
    """512 CPUs on 8 nodes, numbered across the nodes; 25 buses of 8 functions, each behind a root port."""
    cpus = "sys/devices/system/cpu"
    for name in ("possible", "present", "online"):
        write(root, f"{cpus}/{name}", "0-511\n")
    write(root, f"{cpus}/isolated", "8-15\n")
    packages = [mask(list(range(package, 512, 2))) for package in range(2)]
    for cpu in range(512):
        topology = f"{cpus}/cpu{cpu}/topology"
        write(root, f"{topology}/thread_siblings", mask([cpu % 256, cpu % 256 + 256]))
        write(root, f"{topology}/core_siblings", packages[cpu % 2])
        write(root, f"{topology}/core_id", f"{cpu % 256 // 2}\n")
        write(root, f"{topology}/physical_package_id", f"{cpu % 2}\n")
    for node in range(8):
        folder = f"sys/devices/system/node/node{node}"
        mine = list(range(node, 512, 8))
        write(root, f"{folder}/cpulist", ",".join(map(str, mine)) + "\n")
        write(root, f"{folder}/cpumap", mask(mine))
        write(root, f"{folder}/meminfo", f"Node {node} MemTotal: 67108864 kB\nNode {node} MemFree: 33554432 kB\n")
        write(root, f"{folder}/distance", " ".join("10" if other == node else "21" for other in range(8)) + "\n")
    for bus in range(1, 26):
        port = f"sys/devices/pci0000:00/0000:00:{bus:02x}.0"
        functions = [(port, "0x060400")]
        functions += [(f"{port}/0000:{bus:02x}:00.{function}", "0x020000") for function in range(8)]
        for path, kind in functions:
            write(root, f"{path}/class", kind + "\n")
            write(root, f"{path}/vendor", "0x8086\n")
            write(root, f"{path}/numa_node", f"{bus % 8}\n")
            write(root, f"{path}/msi_irqs/1", "msi\n")
            devices = root / "sys/bus/pci/devices"
            devices.mkdir(parents=True, exist_ok=True)
            (devices / pathlib.Path(path).name).symlink_to("../../../" + path.removeprefix("sys/"))


class Host(unittest.TestCase):
    def test_description(self) -> None:
        text = run("--machine", "node:8 core:64 pu:2", "host")
        self.assertEqual(text.returncode, 0)
        self.assertRegex(text.stdout, r"(?m)^ +CPUs: 1024$")
        self.assertRegex(text.stdout, r"(?m)^7 +1GiB +\? +\? +896-1023$")
        host = json.loads(run("host", "--machine", "node:8 core:64 pu:2", "--json=short").stdout)
        self.assertEqual(host["cpus"]["count"], 1024)
        self.assertEqual(host["cores"], 512)
        self.assertEqual(len(host["nodes"]), 8)
        for unknown in ("iommu", "interrupt_remapping", "kernel_cmdline", "module_loaded"):
            self.assertIsNone(host[unknown])
        self.assertIsNone(host["nodes"][0]["free_bytes"])

    def test_errors(self) -> None:
        for words, code, why in (
            (("--machine", "node:8 cors:64 pu:2"), 1, "at 'cors:64 pu:2'"),
            (("--machine", ""), 1, "nothing is named"),
            (("--machine", "missing.xml"), 1, "there is no such file"),
            (("--machine", "pu:2", "--sysroot", "/"), 2, "excludes"),
            (("--sysroot", "/missing"), 1, "No such file"),
        ):
            with self.subTest(words):
                done = run(*words, "host")
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertIn(why, done.stderr)

    def test_all_verbs_take_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for verb in ("validate", "plan"):
                done = run("--config", folder, "--machine", "pu:4", verb)
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(run("--config", folder, "--machine", "missing.xml", "plan").returncode, 1)
            done = run("--config", folder, "--machine", "pu:4", "plan", "--memory-floor=junk")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("'junk' is no size", done.stderr)

    def test_large_server(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            large_server(pathlib.Path(folder))
            text = run("--sysroot", folder, "host").stdout
            host = json.loads(run("--sysroot", folder, "--json=pretty", "host").stdout)
        self.assertLess(len(text.splitlines()), 225 + 8 + 30)
        self.assertLess(max(map(len, text.splitlines())), 160)
        self.assertRegex(text, r"(?m)^ +CPUs: 512$")
        self.assertRegex(text, r"(?m)^ +Isolated: 8: 8-15$")
        self.assertRegex(text, r"(?m)^1 +64GiB +32GiB +21 10 21\*6 +1-505:1/8$")
        self.assertRegex(text, r"(?m)^0000:03:00\.7 +3 +- +- +yes +")
        self.assertRegex(text, r"(?m)^0000:00:03\.0 +3 +- +- +no \[bridge\] +")
        self.assertEqual(host["cpus"]["isolated"], "8-15")
        self.assertEqual(host["packages"], 2)
        self.assertEqual(host["nodes"][1]["distances"], [21, 10, 21, 21, 21, 21, 21, 21])
        last = host["functions"][-1]
        self.assertEqual((last["pci"], last["root_port"], last["functions_on_bus"], last["assignable"]),
                         ("0000:19:00.7", "0000:00:19.0", 8, True))

    def test_saved_machine_is_read_like_the_machine(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root, copy = pathlib.Path(folder, "machine"), pathlib.Path(folder, "copy")
            large_server(root)
            write(root, "sys/devices/system/cpu/cpu3/cache/index3/level", "3\n")
            write(root, "sys/devices/system/cpu/cpu3/cpuidle/state0/name", "POLL\n")
            write(root, "sys/devices/system/cpu/cpu0/microcode/version", "0x2b000603\n")
            write(root, "sys/devices/system/cpu/microcode/reload", "")
            write(root, "proc/cmdline", "quiet nohz_full=8-15 no_ipi_broadcast=1\n")
            write(root, "proc/iomem", "e0000000-efffffff : PCI ECAM 0000 [bus 00-0f]\n")
            write(root, "proc/mounts", "/dev/sda /srv ext4 rw 0 0\n")
            write(root, "sys/devices/pci0000:00/0000:00:03.0/0000:03:00.7/block/sda/dev", "8:0\n")
            (root / "sys/block").mkdir()
            (root / "sys/block/sda").symlink_to("../devices/pci0000:00/0000:00:03.0/0000:03:00.7/block/sda")
            done = run("--sysroot", str(root), "host", "--save", str(copy))
            self.assertEqual((done.returncode, done.stdout), (0, f"parkerctl --sysroot {copy} host\n"), done.stderr)
            hosts = [run("--sysroot", str(each), "--json=pretty", "host").stdout for each in (root, copy)]
            self.assertEqual(*hosts)
            self.assertIn('"code": "no-ecam"', hosts[0])
            self.assertIn("0x2b000603", hosts[0])
            self.assertFalse((copy / "sys/devices/system/cpu/cpu3/cpuidle").exists())
            write(pathlib.Path(folder), "manifests/a.yaml", "apiVersion: parker/v1\nname: a\ncpus: {count: 2}\n"
                  "memory: {size: 1GiB}\nkernel: {image: /k}\ndevices: ["
                  + ", ".join(f'{{pci: "0000:03:00.{function}"}}' for function in range(8)) + "]\n")
            plans = [run("--sysroot", str(each), "--config", folder + "/manifests", "plan") for each in (root, copy)]
            self.assertEqual(plans[0].stdout, plans[1].stdout)
            self.assertEqual(plans[0].stderr, plans[1].stderr)
            self.assertIn("its drive sda is in use: mounted on /srv", plans[1].stderr)
            again = run("--sysroot", str(root), "host", "--save", str(copy))
            self.assertEqual(again.returncode, 1)
            self.assertIn("is there already", again.stderr)
            self.assertEqual(run("--machine", "pu:4", "host", "--save", folder + "/x").returncode, 2)

    def test_saved_machine_keeps_what_forbids_partitions(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root, copy = pathlib.Path(folder, "machine"), pathlib.Path(folder, "copy")
            large_server(root)
            write(root, "sys/devices/virtual/misc/tdx_guest/dev", "10:125\n")
            run("--sysroot", str(root), "host", "--save", str(copy))
            hosts = [run("--sysroot", str(each), "--json=pretty", "host").stdout for each in (root, copy)]
        self.assertEqual(*hosts)
        self.assertIn("TDX", hosts[0])

    def test_what_nobody_could_read_is_not_known(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            large_server(root)
            (root / "sys/devices/pci0000:00/0000:00:03.0/0000:03:00.7/msi_irqs/1").unlink()
            (root / "sys/devices/pci0000:00/0000:00:03.0/0000:03:00.7/msi_irqs").rmdir()
            (root / "sys/devices/pci0000:00/0000:00:04.0/0000:04:00.5/physfn").symlink_to("../0000:04:00.0")
            text = run("--sysroot", folder, "host").stdout
            functions = json.loads(run("--sysroot", folder, "--json=short", "host").stdout)["functions"]
        self.assertRegex(text, r"(?m)^0000:03:00\.7 +3 +- +- +\? +")
        self.assertRegex(text, r"(?m)^0000:03:00\.6 +3 +- +- +\? +")  # a bus goes as a whole
        self.assertRegex(text, r"(?m)^0000:04:00\.5 +4 +- +- +no \[sr-iov\] +")
        by_address = {each["pci"]: each for each in functions}
        self.assertIsNone(by_address["0000:03:00.7"]["msi"])
        self.assertIn("0000:03:00.7", by_address["0000:03:00.7"]["why"])
        self.assertIn("0000:04:00.5 is a virtual function", by_address["0000:04:00.5"]["why"])
        self.assertIn("0000:04:00.0 has 1 virtual function,", by_address["0000:04:00.0"]["why"])

    def test_snapshot_that_leaves_things_out(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            write(root, "sys/devices/system/cpu/online", "0\n")
            write(root, "sys/devices/system/cpu/cpu0/topology/core_id", "0\n")
            iommus = root / "sys/class/iommu"
            for step, text, value in ((None, "not known", None), (iommus, "off", False), (iommus / "dmar0", "on", True)):
                if step:
                    step.mkdir(parents=True)
                with self.subTest(text):
                    shown = run("--sysroot", folder, "host").stdout
                    self.assertRegex(shown, rf"(?m)^ +IOMMU: {text}\b")
                    self.assertRegex(shown, r"(?m)^ +Interrupt remapping: not known\b")
                    self.assertEqual("intel_iommu" in shown, value is False)
                    host = json.loads(run("--sysroot", folder, "--json=short", "host").stdout)
                    self.assertEqual((host["iommu"], host["interrupt_remapping"]), (value, None))

    def test_what_keeps_a_machine_from_partitions(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            cpu = "sys/devices/system/cpu"
            write(root, f"{cpu}/online", "0-1\n")
            for number in range(2):
                write(root, f"{cpu}/cpu{number}/topology/core_id", f"{number}\n")

            def host() -> tuple[str, dict]:
                return (run("--sysroot", folder, "host").stdout,
                        json.loads(run("--sysroot", folder, "--json=short", "host").stdout))

            text, found = host()
            self.assertNotIn("no_ipi_broadcast", text)  # a snapshot that leaves the command line out
            self.assertNotIn("Microcode", text)
            write(root, "proc/cmdline", "ro no_ipi_broadcast=1 mem_encrypt=off\n")
            text, found = host()
            self.assertNotIn("boot with no_ipi_broadcast", text)
            self.assertEqual((found["interrupt_broadcast"], found["memory_encryption"], found["cpus"]["far"]), (False, "", ""))

            write(root, "proc/cmdline", "ro mem_encrypt=on\n")
            write(root, "proc/cpuinfo", "processor : 0\napicid : 0\nflags : sme hfi\n\nprocessor : 1\napicid : 300\n")
            write(root, f"{cpu}/cpu0/microcode/version", "0x2b\n")
            write(root, f"{cpu}/microcode/reload", "")
            text, found = host()
            self.assertRegex(text, r"(?m)^ +Advice: boot with no_ipi_broadcast=1: ")
            self.assertRegex(text, r"(?m)^ +Advice: boot without mem_encrypt=on: ")
            self.assertRegex(text, r"(?m)^ +Advice: stop all partitions before you write to .*/microcode/reload")
            self.assertRegex(text, r"(?m)^ +Out of reach: 1: 1 \(APIC IDs above 254")
            self.assertRegex(text, r"(?m)^ +Hardware feedback: hidden from partitions")
            self.assertRegex(text, r"(?m)^ +Microcode: 0x2b, can be replaced")
            self.assertEqual((found["interrupt_broadcast"], found["memory_encryption"], found["cpus"]["far"]), (True, "SME", "1"))
            self.assertEqual(found["microcode"], {"revision": "0x2b", "late_reload": True})

    def test_root_further_inside(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder) / "machine/fsroot"
            write(root, "sys/devices/system/cpu/cpu0/topology/core_id", "0\n")
            for outside in (root.parent, root.parent.parent):
                done = run("--sysroot", str(outside), "host")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"--sysroot {root}", done.stderr)
            self.assertEqual(run("--sysroot", str(root), "host").returncode, 0)
            (root / "sys").rename(pathlib.Path(folder) / "aside")
            self.assertNotIn("--sysroot", run("--sysroot", folder, "host").stderr)


unittest.main()
