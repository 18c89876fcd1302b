#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.parker1 as its users see it: test.py PARKERD PARKERCTL SCHEMAS [unittest's arguments]"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from case import NOBODY, PARKERCTL, PARKERD, SCHEMAS, BusTest, main
from harness import PATIENCE, CallError, House, Monitor, eventually


def described(text: str, interface: str) -> list:
    """An interface in a form that can be compared: what a caller can see, in any order."""
    for element in ElementTree.fromstring(text).iter("interface"):
        if element.get("name") == interface:
            break
    else:
        raise AssertionError(f"{interface} is not there")
    members = []
    for member in element:
        arguments = [(a.get("name"), a.get("type"), a.get("direction", "out")) for a in member.iter("arg")]
        notes = sorted((n.get("name"), n.get("value")) for n in member.iter("annotation")
                       if n.get("name") != "org.freedesktop.DBus.Method.Async")  # for the generator only
        members.append((member.tag, member.get("name"), member.get("type"), member.get("access"), arguments, notes))
    return sorted(members, key=repr)


class Introspection(BusTest):
    def compare(self, path: str, interface: str):
        schema = (pathlib.Path(SCHEMAS) / f"{interface}.xml").read_text()
        running = self.house.busctl("introspect", "--xml-interface", "org.parker1", path)
        self.assertEqual(described(running, interface), described(schema, interface))

    def test_manager(self):
        self.compare("/org/parker1", "org.parker1.Manager")

    def test_partition(self):
        self.compare("/org/parker1/partition/web_2d1", "org.parker1.Partition")

    def test_job(self):
        self.compare(self.start("db"), "org.parker1.Job")

    def test_log_control(self):
        self.compare("/org/freedesktop/LogControl1", "org.freedesktop.LogControl1")


class Log(BusTest):
    """A simulated kernel writes no log; what can be seen is that it runs and ends."""

    def test_follow(self):
        reader = self.house.following("db")
        self.start("db")
        self.house.wait_for_state("db", "active")
        self.house.manager("KillPartition", "st", "db", "0")
        lines = [reader.stdout.readline().strip() for _ in range(3)]
        self.assertRegex(lines[0], r"^-- kernel 6\S+, started \d{4}-")
        self.assertEqual(lines[1], "-- no log of a kernel (Linux 5.10 or later) is in its memory")
        self.assertEqual(lines[2], "-- ended: killed")
        self.start("db")
        self.assertRegex(reader.stdout.readline(), "^-- kernel")  # it goes on

    def test_json(self):
        reader = self.house.following("db", "--json=short")
        self.start("db")
        self.house.wait_for_state("db", "active")
        run = json.loads(reader.stdout.readline())
        self.assertEqual(run["kind"], "run")
        again = json.loads(self.house.following("db", "--json=short").stdout.readline())
        self.assertEqual(again, run)

    def test_parkerd_restarted(self):
        reader = self.house.following("db")
        self.start("db")
        self.house.wait_for_state("db", "active")
        self.assertRegex(reader.stdout.readline(), "^-- kernel")
        self.house.daemon.kill()
        self.house.daemon.wait(PATIENCE)
        self.house.start_parkerd()
        self.start("db")  # what ran in a simulated machine went with it
        self.assertRegex(reader.stdout.readline(), "^-- kernel")

    def test_vanished(self):
        self.house.manifest("short-lived")
        eventually(lambda: "short-lived" in self.house.parkerctl("list").stdout, "it is there")
        reader = self.house.following("short-lived")
        (self.house.manifests / "short-lived.yaml").unlink()
        self.assertEqual(reader.wait(PATIENCE), 3)
        self.assertIn("short-lived", reader.stderr.read())

    def test_not_running(self):
        done = self.house.parkerctl("log", "db")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("does not run", done.stderr)
        self.assertIn("journalctl -u parker@db.service", done.stderr)

    def test_no_log(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        done = self.house.parkerctl("log", "db")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no log of a kernel", done.stderr)

    def test_bad_requests(self):
        path = "/org/parker1/partition/db"
        self.assertIn("InvalidArgument", self.house.error_name("OpenLog", "uint64:2", path=path, interface="org.parker1.Partition"))
        self.assertEqual(self.house.parkerctl("log", "nobody").returncode, 3)
        self.assertEqual(self.house.parkerctl("log", "--since", "yesterday", "db").returncode, 2)
        self.assertEqual(self.house.parkerctl("log").returncode, 2)

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_not_permitted(self):
        with self.assertRaisesRegex(CallError, "may not read the log of partition db"):
            self.house.call("/org/parker1/partition/db", "org.parker1.Partition", "OpenLog", "t", "1", prefix=NOBODY)


class Life(BusTest):
    def test_list(self):
        self.assertEqual(self.house.manager("ListPartitions")[0],
                         [["db", "inactive", "/org/parker1/partition/db"],
                          ["web-1", "inactive", "/org/parker1/partition/web_2d1"]])
        objects = self.house.call("/org/parker1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]
        self.assertIn("org.parker1.Partition", objects["/org/parker1/partition/db"])

    def test_start_and_stop(self):
        with Monitor(self.house) as monitor:
            before = self.house.partition("db")
            job = self.start("db")
            self.assertRegex(job, r"^/org/parker1/job/\d+$")
            self.assertEqual(monitor.job_removed(job)[2:], ["db", "done"])
            running = self.house.partition("db")
            self.assertEqual((running["State"], running["SubState"]), ("active", "running"))
            self.assertEqual(sum(end - start for start, end in running["MemoryRanges"]), 1 << 30)
            self.assertNotEqual(running["CPUs"], "")
            self.assertEqual(running["KernelRelease"], "6.1.0-fake")
            self.assertGreater(running["Heartbeat"], 0)
            self.check_properties(monitor, before, running)
            eventually(lambda: self.house.partition("db")["Heartbeat"] > running["Heartbeat"], "the heart beats on")

            stop = self.house.manager("StopPartition", "st", "db", "0")[0]
            self.assertEqual(monitor.job_removed(stop)[2:], ["db", "done"])
            # What a job changes is told before its end is.
            self.assertEqual(monitor.signals("PropertiesChanged", "JobRemoved")[-1]["member"], "JobRemoved")
            after = self.house.partition("db")
            self.assertEqual((after["State"], after["SubState"], after["Result"]), ("inactive", "dead", "success"))
            self.assertEqual((after["CPUs"], after["MemoryRanges"]), ("", []))
            self.assertEqual([s["payload"]["data"][1:] for s in monitor.signals("JobNew")], [[job, "db"], [stop, "db"]])
            self.check_properties(monitor, before, after)

    def check_properties(self, monitor: Monitor, before: dict, after: dict):
        """No property is silent and none lies: the signals alone lead from `before` to `after`."""
        states = ["activating", "active", "deactivating", "inactive"]
        states = states[:states.index(after["State"]) + 1]
        eventually(lambda: [s["payload"]["data"][1]["State"]["data"] for s in monitor.signals("PropertiesChanged")
                            if "State" in s["payload"]["data"][1]] == states, f"the states {states} are told")
        told = dict(before)
        for message in monitor.signals("PropertiesChanged"):
            interface, changed, invalidated = message["payload"]["data"]
            self.assertEqual((interface, invalidated), ("org.parker1.Partition", []))
            for name, value in changed.items():
                self.assertNotEqual(told[name], value["data"], f"{name} is told, but has not changed")
                told[name] = value["data"]
        silent = {"Heartbeat", "HeartbeatTimestamp"}
        self.assertEqual({n: v for n, v in told.items() if n not in silent},
                         {n: v for n, v in after.items() if n not in silent})

    def test_partition_object_and_job_object(self):
        path = "/org/parker1/partition/web_2d1"
        job = self.house.call(path, "org.parker1.Partition", "Start", "t", "0")[0]
        properties = self.house.call(job, "org.freedesktop.DBus.Properties", "GetAll", "s", "org.parker1.Job")[0]
        self.assertEqual(properties["Verb"]["data"], "start")
        self.assertEqual(properties["Partition"]["data"], ["web-1", path])
        self.house.wait_for_state("web-1", "active")
        with self.assertRaises(CallError):
            self.house.call(job, "org.freedesktop.DBus.Properties", "GetAll", "s", "org.parker1.Job")

    def test_kill(self):
        self.start("db")
        self.house.wait_for_state("db", "active")
        with Monitor(self.house) as monitor:
            job = self.house.manager("KillPartition", "st", "db", "0")[0]
            self.assertEqual(monitor.job_removed(job)[3], "done")
        after = self.house.partition("db")
        self.assertEqual((after["CPUs"], after["MemoryRanges"], after["Result"]), ("", [], "killed"))

    def test_kill_overtakes_a_start(self):
        with Monitor(self.house) as monitor:
            start = self.start("db")
            kill = self.house.manager("KillPartition", "st", "db", "0")[0]
            self.assertEqual(monitor.job_removed(kill)[3], "done")
            self.assertNotEqual(monitor.job_removed(start)[3], "done")


class Errors(BusTest):
    def test_names_that_are_none(self):
        for name in ("", "nosuch", "../db", "DB", "d" * 5000, "ä", "db/web", "%s%n"):
            for method, *flags in (("GetPartition",), ("StartPartition", "uint64:0"), ("KillPartition", "uint64:0")):
                with self.subTest(name=name[:10], method=method):
                    self.assertIn("org.parker1.Error.NoSuchPartition", self.house.error_name(method, f"string:{name}", *flags))

    def test_flags(self):
        for method in ("StartPartition", "StopPartition", "KillPartition"):
            self.assertIn("org.parker1.Error.InvalidArgument", self.house.error_name(method, "string:db", "uint64:1"))
        self.assertIn("org.parker1.Error.InvalidArgument", self.house.error_name("Reload", f"uint64:{1 << 63}"))
        self.assertIn("org.parker1.Error.InvalidArgument", self.house.error_name("Plan", "array:string:db", "uint64:4"))
        self.assertIn("org.parker1.Error.InvalidArgument",
                      self.house.error_name("Start", "uint64:1", path="/org/parker1/partition/db",
                                            interface="org.parker1.Partition"))

    def test_busy(self):
        self.start("db")
        self.assertIn("org.parker1.Error.Busy", self.house.error_name("StartPartition", "string:db", "uint64:0"))

    def test_stop_of_what_does_not_run(self):
        self.assertIn("org.parker1.Error.WrongState", self.house.error_name("StopPartition", "string:db", "uint64:0"))

    def test_start_that_does_not_fit(self):
        path = self.house.manifest("giant", memory="100TiB")
        self.addCleanup(path.unlink)
        eventually(lambda: "giant" in str(self.house.manager("ListPartitions")), "seen")
        with Monitor(self.house) as monitor:
            job = self.start("giant")
            self.assertEqual(monitor.job_removed(job)[3], "not-enough-memory")
        failed = self.house.partition("giant")
        self.assertEqual((failed["State"], failed["Result"], failed["CPUs"]), ("failed", "resources", ""))
        self.assertNotEqual(failed["Message"], "")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_others_may_look_but_not_touch(self):
        self.assertEqual(len(self.house.manager("ListPartitions", prefix=NOBODY)[0]), 2)
        for method, *arguments in (("StartPartition", "st", "db", "0"), ("KillPartition", "st", "db", "0"),
                                   ("Reload", "t", "0"), ("Plan", "ast", "0", "0"), ("GetFindings",)):
            with self.subTest(method=method), self.assertRaisesRegex(CallError, "polkit"):
                self.house.manager(method, *arguments, prefix=NOBODY)
        with self.assertRaises(CallError):
            self.house.busctl("set-property", "org.parker1", "/org/freedesktop/LogControl1",
                              "org.freedesktop.LogControl1", "LogLevel", "s", "err", prefix=NOBODY)
        self.assertEqual(self.house.partition("db")["State"], "inactive")

    def test_log_level(self):
        where = ("org.parker1", "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel")
        self.house.busctl("set-property", *where, "s", "info")
        self.assertEqual(self.house.busctl("get-property", *where).strip(), 's "info"')
        with self.assertRaisesRegex(CallError, "loud"):
            self.house.busctl("set-property", *where, "s", "loud")
        self.house.busctl("set-property", *where, "s", "debug")


class Reconciling(BusTest):
    def names(self) -> list[str]:
        return [entry[0] for entry in self.house.manager("ListPartitions")[0]]

    def test_manifests_come_and_go(self):
        with Monitor(self.house) as monitor:
            path = self.house.manifest("late")
            eventually(lambda: "late" in self.names(), "the new manifest is seen")
            path.unlink()
            eventually(lambda: "late" not in self.names(), "its going is seen")
            for member in ("InterfacesAdded", "InterfacesRemoved"):
                self.assertTrue(any(s["payload"]["data"][0] == "/org/parker1/partition/late"
                                    for s in monitor.signals(member)), member)

    def test_autostart(self):
        text = (self.house.manifests / "db.yaml").read_text().replace("name: db", "name: auto\nautostart: true")
        path = self.house.drop("auto.yaml", text)
        eventually(lambda: "auto" in self.names(), "seen")
        self.house.wait_for_state("auto", "active")
        path.unlink()
        eventually(lambda: "auto" not in self.names(), "stopped gracefully, and gone")

    def test_broken_manifest(self):
        path = self.house.drop("broken.yaml", "apiVersion: parker/v1\nname: broken\ncpus: {count: 2}\nmemroy: 1\n")
        self.addCleanup(path.unlink)

        def findings():
            return [f for f in self.house.manager("GetFindings")[0] if f["Code"]["data"] == "unknown-key"]

        finding = eventually(findings, "the finding")[0]
        self.assertEqual((finding["File"]["data"], finding["Line"]["data"]), (str(path), 4))
        self.assertEqual(self.names()[:1], ["db"])
        self.assertIn("unknown-key", self.house.log())

    def test_broken_change_keeps_the_last_good_definition(self):
        good = (self.house.manifests / "db.yaml").read_text()
        self.addCleanup(self.house.drop, "db.yaml", good)
        self.house.drop("db.yaml", good + "typo: 1\n")
        properties = eventually(lambda: (p := self.house.partition("db"))["NeedReload"] and p, "NeedReload")
        self.assertEqual([f["Code"]["data"] for f in properties["Findings"]], ["unknown-key"])
        self.assertNotIn("SourceLine", properties["Findings"][0])
        self.house.drop("db.yaml", good)
        eventually(lambda: not self.house.partition("db")["NeedReload"], "mended")

    def test_reload_answers_when_it_is_done(self):
        path = self.house.manifest("quick")
        self.house.manager("Reload", "t", "0")
        self.assertIn("quick", self.names())
        path.unlink()
        self.house.manager("Reload", "t", "0")
        self.assertNotIn("quick", self.names())

    def test_sighup(self):
        self.house.daemon.send_signal(signal.SIGHUP)
        self.assertEqual(len(self.names()), 2)

    def plan(self, *names: str) -> dict:
        return json.loads(self.house.manager("Plan", "ast", str(len(names)), *names, "0")[0])

    def test_plan(self):
        plan = self.plan("web-1")
        self.assertEqual([(c["name"], c["action"], c["memory"][0]["planned_bytes"]) for c in plan["changes"]],
                         [("web-1", "take", 1 << 30)])
        self.assertEqual([s["step"] for s in plan["steps"]], ["take-cpus", "take-memory"])
        self.assertEqual((plan["held_known"], plan["findings"]), (True, []))

    def test_plan_against_what_is_held(self):
        good = (self.house.manifests / "db.yaml").read_text()
        self.addCleanup(self.house.drop, "db.yaml", good)
        self.start("db")
        self.house.wait_for_state("db", "active")
        self.assertEqual([c["action"] for c in self.plan("db")["changes"]], ["keep"])
        self.assertEqual(self.plan("db")["steps"], [])

        self.house.manifest("db", cpus=6)
        self.house.manager("Reload", "t", "0")
        change = self.plan("db")["changes"][0]
        self.assertEqual((change["action"], change["needs_restart"]), ("change", True))
        text = self.house.parkerctl("plan", "db").stdout
        self.assertRegex(text, r"db +restart +.*\+")
        self.assertRegex(text, r"1\. db: stop\n")

        self.house.drop("db.yaml", good.replace("quiet", "debug"))
        self.house.manager("Reload", "t", "0")
        self.assertEqual([s["step"] for s in self.plan("db")["steps"]], ["stop", "start"])


class CommandLine(BusTest):
    def test_list_and_show(self):
        listed = self.house.parkerctl("--json=short", "list")
        self.assertEqual([p["name"] for p in json.loads(listed.stdout)], ["db", "web-1"])
        self.assertRegex(self.house.parkerctl().stdout, r"NAME +STATE")
        self.assertIn("state=inactive\n", self.house.parkerctl("show", "db").stdout)

    def test_start_status_stop(self):
        self.assertEqual(self.house.parkerctl("start", "db", "web-1").returncode, 0)
        status = self.house.parkerctl("status", "db").stdout
        self.assertIn("active (running)", status)
        self.assertIn("6.1.0-fake", status)
        self.assertEqual(self.house.parkerctl("stop", "db").returncode, 0)
        self.assertEqual(self.house.parkerctl("kill", "web-1").returncode, 0)
        self.assertEqual(self.house.partition("db")["State"], "inactive")

    def test_exit_codes(self):
        bad = self.house.folder / "bad.yaml"
        bad.write_text("apiVersion: parker/v1\nname: x\nnonsense: 1\n")
        bad.chmod(0o644)
        for code, words, said in ((2, ("frobnicate",), "frobnicate"), (2, ("status", "--no-such-option"), "no-such"),
                                  (2, ("start",), "NAME"), (3, ("status", "nosuch"), "nosuch"),
                                  (3, ("start", "nosuch"), "nosuch"), (5, ("validate", str(bad)), "nonsense")):
            with self.subTest(words=words):
                done = self.house.parkerctl(*words)
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertIn(said, done.stderr)
                self.assertNotIn("Usage", done.stderr)

    def test_start_that_does_not_fit(self):
        path = self.house.manifest("crowd", cpus=4000)
        self.addCleanup(path.unlink)
        self.house.manager("Reload", "t", "0")
        done = self.house.parkerctl("start", "crowd")
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("CPU", done.stderr)

    def test_no_daemon(self):
        other = House(PARKERD, PARKERCTL)
        self.addCleanup(other.close)
        done = other.parkerctl("list")
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not run", done.stderr)
        self.assertEqual(other.parkerctl("validate", str(self.house.manifests / "db.yaml")).returncode, 0)


class Faults(BusTest):
    options = ("--fault=take-memory:db", "--fault=panic:web-1:2s", "--memory-floor=100GiB")

    def test_refused_call(self):
        with Monitor(self.house) as monitor:
            self.assertEqual(monitor.job_removed(self.start("db"))[3], "kernel-refused")
            failed = self.house.partition("db")
            self.assertEqual((failed["State"], failed["CPUs"]), ("failed", ""))
            self.assertIn("take-memory:db", failed["Message"])
            self.assertEqual(monitor.job_removed(self.start("db"))[3], "done")  # it was to fail once

    def test_panic(self):
        self.start("web-1")
        self.house.wait_for_state("web-1", "active")
        self.assertEqual(self.house.wait_for_state("web-1", "failed")["Result"], "panic")
        [folder] = (self.house.folder / "state/crash").iterdir()
        self.assertRegex(folder.name, r"^web-1-\d{8}T\d{6}Z$")
        report = json.loads((folder / "report.json").read_text())
        self.assertEqual((report["partition"], report["result"], report["log_records"]), ("web-1", "panic", -1))
        self.assertEqual(sorted(file.name for file in folder.iterdir()), ["manifest.yaml", "report.json"])  # no log
        eventually(lambda: f"crash report: {folder}" in self.house.log(), "the daemon says where")

    def test_memory_floor(self):
        path = self.house.manifest("large", memory="30GiB")
        self.addCleanup(path.unlink)
        self.house.manager("Reload", "t", "0")
        done = self.house.parkerctl("plan", "large")
        self.assertEqual(done.returncode, 6)
        self.assertIn("the boot kernel keeps 100GiB", done.stderr)

    def test_options_that_are_none(self):
        for option, said in (("--fault=take-memory", "is no fault"), ("--fault=panic:db:soon", "is no fault"),
                             ("--fault=dance:db", "is no fault"),
                             ("--fault=slow:db:2s", "is no fault"), ("--fault=slow:take-memory:db", "is no fault"),
                             ("--fault=slow:panic:db:2s", "is no fault"), ("--memory-floor=4", "is no size")):
            with self.subTest(option=option):
                done = subprocess.run([PARKERD, "--simulate", "--session", option], capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL, env=self.house.environment, timeout=PATIENCE)
                self.assertEqual(done.returncode, 2)
                self.assertIn(said, done.stderr)

    def test_settings_file(self):
        settings = self.house.folder / "parkerd.conf"
        for text, said in (("memory-floor = 4\n", "is no size"), ("memroy-floor = 4GiB\n", "memroy-floor")):
            with self.subTest(text=text):
                settings.write_text(text)
                done = subprocess.run([PARKERD, "--simulate", "--session", f"--settings={settings}"], text=True,
                                      capture_output=True, stdin=subprocess.DEVNULL, env=self.house.environment,
                                      timeout=PATIENCE)
                self.assertEqual(done.returncode, 2)
                self.assertIn(said, done.stderr)


class Scale(BusTest):
    options = ("--simulated-nodes=128",)

    def test_large_machine(self):
        path = self.house.manifest("huge", cpus=4000, memory="7TiB")
        self.addCleanup(path.unlink)
        self.house.manager("Reload", "t", "0")
        change = json.loads(self.house.manager("Plan", "ast", "1", "huge", "0")[0])["changes"][0]
        self.assertEqual(len(change["memory"]), 112)
        self.start("web-1")
        self.house.wait_for_state("web-1", "active")


class Supervisor(BusTest):
    def setUp(self):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notify.close)
        path = self.house.folder / f"notify-{self.id().rsplit('.', 1)[1]}"
        self.notify.bind(str(path))
        self.notify.settimeout(PATIENCE)
        self.process = self.house.supervisor("db", path)
        self.addCleanup(self.process.stderr.close)

    def wait_ready(self):
        while b"READY=1" not in self.notify.recv(4096).split(b"\n"):
            pass

    def test_ready_then_sigterm(self):
        self.wait_ready()
        self.assertEqual(self.house.partition("db")["State"], "active")
        self.process.terminate()
        self.assertEqual(self.process.wait(PATIENCE), 0)
        self.assertEqual(self.house.partition("db")["State"], "inactive")

    def test_sigterm_during_the_start(self):
        eventually(lambda: self.house.partition("db")["State"] == "activating", "it starts")
        self.process.terminate()
        self.assertEqual(self.process.wait(PATIENCE), 0)
        self.assertIn(self.house.partition("db")["State"], ("inactive", "failed"))

    def test_killed_by_hand(self):
        self.wait_ready()
        self.house.manager("KillPartition", "st", "db", "0")
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_attach(self):
        self.wait_ready()
        self.process.kill()
        self.process.wait(PATIENCE)
        self.assertEqual(self.house.partition("db")["State"], "active")
        again = self.house.supervisor("db", self.house.folder / "notify-test_attach")
        self.addCleanup(again.stderr.close)
        self.wait_ready()
        self.assertEqual(self.house.manager("StopPartition", "st", "db", "0")[0][:17], "/org/parker1/job/")
        self.assertEqual(again.wait(PATIENCE), 0)


if __name__ == "__main__":
    main()
