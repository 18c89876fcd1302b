# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/ansible on a simulated machine: ansible_test.py PARKERD PARKERCTL EXAMPLE [unittest's arguments]"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

from harness import PATIENCE, House, eventually

PARKERD, PARKERCTL, EXAMPLE = map(os.path.abspath, sys.argv[1:4])
MODULE = pathlib.Path(EXAMPLE) / "roles/parker/library/parker_partition.py"
PYTHON = "/usr/bin/python3"  # the one that Debian's ansible-core is for

INVENTORY = """partitioned:
  hosts: {{simulated: }}
  vars:
    ansible_connection: local
    ansible_become: false
    ansible_python_interpreter: {python}
    parker_session: true
    parker_directory: {manifests}
    partition_kernel: {image}
    partition_initrd: {image}
    db_cmdline: quiet
    db_devices: [pci: "0000:01:00.0"]
"""


class AnsibleTest(unittest.TestCase):
    def setUp(self):
        self.house = House(PARKERD, PARKERCTL)
        self.addCleanup(self.house.close)
        self.house.start_parkerd()
        self.environment = {**self.house.environment, "HOME": str(self.house.folder), "ANSIBLE_NOCOLOR": "1",
                            "PATH": f"{os.path.dirname(PARKERCTL)}:{os.environ['PATH']}"}

    def stop_parkerd(self):
        self.house.daemon.terminate()
        self.house.daemon.wait(PATIENCE)

    def snapshot(self) -> tuple[dict, list]:
        """All that a task could change."""
        files = {path.name: (path.read_bytes(), path.lstat().st_mode, path.lstat().st_ino, path.lstat().st_mtime_ns)
                 for path in self.house.manifests.iterdir()}
        partitions = json.loads(self.house.parkerctl("--json=short", "list").stdout)
        for partition in partitions:
            del partition["heartbeat"], partition["heartbeat_usec"]
        return files, partitions


class Playbook(AnsibleTest):
    def setUp(self):
        super().setUp()
        self.inventory = self.house.folder / "inventory.yml"
        self.inventory.write_text(INVENTORY.format(python=PYTHON, manifests=self.house.manifests, image=self.house.image))

    def play(self, *words: str) -> tuple[int, str]:
        """How many tasks changed something, and what was printed."""
        done = subprocess.run(["ansible-playbook", "-i", self.inventory, "--diff", *words, f"{EXAMPLE}/site.yml"], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, env=self.environment, timeout=4 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return int(re.search(r" changed=(\d+) ", done.stdout)[1]), done.stdout + done.stderr

    def test_two_partitions(self):
        nothing = self.snapshot()
        changed, said = self.play("--check")
        self.assertEqual((changed, self.snapshot()), (1, nothing), said)
        self.assertIn('+name: "db"\n', said)
        self.assertIn("+++ after: partition sandbox\n@@ -1 +1 @@\n-state: inactive\n+state: active\n", said)

        self.assertEqual(self.play()[0], 1)
        for name in ("db", "sandbox"):
            self.assertEqual(self.house.partition(name)["State"], "active")
        self.assertEqual(self.house.partition("db")["Devices"], ["0000:01:00.0"])
        template = (pathlib.Path(EXAMPLE) / "templates/sandbox.yaml.j2").read_text()
        self.assertEqual((self.house.manifests / "sandbox.yaml").read_text(), re.sub(r"{{ \w+ }}", str(self.house.image), template))

        running = self.snapshot()
        for words in ((), ("--check",)):
            changed, said = self.play(*words)
            self.assertEqual((changed, self.snapshot()), (0, running), said)

    def test_changed_manifest(self):
        self.play()
        before = self.house.partition("db")
        changed, said = self.play("-e", "db_cmdline=debug")
        self.assertEqual(changed, 1)
        self.assertIn('-  cmdline: "quiet"\n+  cmdline: "debug"\n', said)
        self.assertIn("partition db runs with an older manifest", said)
        after = self.house.partition("db")
        self.assertEqual((after["StateChangeTimestamp"], after["NeedRestart"]), (before["StateChangeTimestamp"], True))

        restart = ("-e", "db_cmdline=debug", "-e", "parker_restart_if_needed=true")
        self.assertEqual(self.play("--check", *restart)[0], 1)
        self.assertTrue(self.house.partition("db")["NeedRestart"])
        self.assertEqual(self.play(*restart)[0], 1)
        self.assertFalse(self.house.partition("db")["NeedRestart"])
        self.assertEqual(self.play(*restart)[0], 0)


class Module(AnsibleTest):
    def manifest(self, **words) -> dict:
        return {"cpus": {"count": 2}, "memory": {"size": "256MiB"}, "kernel": {"image": str(self.house.image)},
                "timeouts": {"boot": "20s", "stop": "20s", "heartbeat": "20s"}, **words}

    def module(self, check: bool = False, **arguments) -> dict:
        """The module as Ansible runs it on a machine."""
        arguments = {"name": "db", "session": True, "directory": str(self.house.manifests), "_ansible_check_mode": check,
                     "_ansible_diff": True, "_ansible_remote_tmp": str(self.house.folder), **arguments}
        done = subprocess.run([PYTHON, MODULE], input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), text=True,
                              capture_output=True, env=self.environment, timeout=2 * PATIENCE)
        self.assertEqual(done.stderr, "", done.stderr)
        return json.loads(done.stdout)

    def fails(self, *said: str, **arguments) -> dict:
        """In check mode as in earnest, and leaves everything alone."""
        before = self.snapshot()
        for check in (True, False):
            result = self.module(check, **arguments)
            self.assertTrue(result.get("failed"), result)
            for text in said:
                self.assertIn(text, result["msg"])
            self.assertEqual(self.snapshot(), before)
        return result

    def changes(self, **arguments) -> dict:
        """Check mode predicts it and does nothing; in earnest it happens; a second time nothing is left to do."""
        before = self.snapshot()
        predicted = self.module(True, **arguments)
        self.assertEqual(self.snapshot(), before)
        result = self.module(**arguments)
        self.assertNotIn("failed", result, result.get("msg"))
        self.assertTrue(result["changed"], result)
        for key in ("changed", "diff", "needs_restart"):
            self.assertEqual(predicted[key], result[key], key)
        after = self.snapshot()
        self.assertNotEqual(after, before)
        self.unchanged(**arguments)
        return result

    def unchanged(self, **arguments):
        before = self.snapshot()
        for check in (True, False):
            result = self.module(check, **arguments)
            self.assertEqual((result["changed"], result["diff"]), (False, []), result)
        self.assertEqual(self.snapshot(), before)

    def test_documentation(self):
        """ansible-doc shows what the module takes and returns."""
        said = subprocess.run(["ansible-doc", "-t", "module", "-M", MODULE.parent, "--json", MODULE.stem], text=True, check=True,
                              capture_output=True, stdin=subprocess.DEVNULL, env=self.environment, timeout=PATIENCE).stdout
        page = json.loads(said)[MODULE.stem]
        taken = subprocess.run([PYTHON, "-c", f"import json, {MODULE.stem} as m; print(json.dumps(m.ARGUMENTS))"], text=True,
                               check=True, capture_output=True, cwd=MODULE.parent, env=self.environment, timeout=PATIENCE).stdout
        of_every_file = {"attributes", "group", "owner", "selevel", "serole", "setype", "seuser", "unsafe_writes"}
        told = {name: {key: option[key] for key in ("type", "required", "default", "choices") if option.get(key) not in (None, False)}
                for name, option in page["doc"]["options"].items() if name not in of_every_file}
        self.assertEqual(told, {name: {key: value for key, value in argument.items() if value is not False}
                                for name, argument in json.loads(taken).items()})
        self.assertEqual(set(page["return"]), set(self.changes(manifest=self.manifest())) - {"changed", "diff", "invocation"})

    def test_life(self):
        manifest = self.manifest()
        path = self.house.manifests / "db.yaml"
        result = self.changes(manifest=manifest)
        self.assertEqual((result["manifest_path"], result["partition"]["state"]), (str(path), "inactive"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)
        self.assertEqual(self.changes(state="started")["partition"]["state"], "active")
        self.unchanged(state="present", manifest=manifest)
        self.assertTrue(self.changes(manifest=self.manifest(description="another"))["needs_restart"])
        self.assertEqual(self.house.partition("db")["State"], "active")

        started = self.house.partition("db")["StateChangeTimestamp"]
        restarted = self.module(state="restarted")
        self.assertEqual((restarted["changed"], restarted["needs_restart"]), (True, False))
        self.assertGreater(self.house.partition("db")["StateChangeTimestamp"], started)

        self.assertEqual(self.changes(state="stopped")["partition"]["state"], "inactive")
        self.changes(state="started", manifest=self.manifest(cpus={"count": 4}))
        self.assertIsNone(self.changes(state="absent")["partition"])
        self.assertFalse(path.exists())
        self.assertEqual(json.loads(self.house.parkerctl("--json=short", "list").stdout), [])

    def test_every_value_arrives(self):
        words = {"description": 'quoted "\\" \u00fc: # no comment', "autostart": False, "cpus": {"list": "4"},
                 "memory": {"nodes": {"0": "256MiB"}},
                 "devices": [{"pci": {"vendor": "144d", "device": "a80a", "node": 0}}, {"pci": "0000:03:00.0"}],
                 "credentials": {"a.b": "yes", "motd": "- 1\n-  two:\n", "empty": ""}}
        words["cpus"]["sharing"] = "threads"
        self.changes(state="started", manifest=self.manifest(**words))
        partition = self.house.partition("db")
        self.assertEqual((partition["Description"], partition["CPUs"]), (words["description"], "4"))
        self.assertEqual(len(partition["Devices"]), 2)

    def test_words_of_yaml_1_1(self):
        """What Ansible makes of off, no, null and of what a template put quotes around."""
        self.changes(manifest=self.manifest(dump=False, isolation={"dma": False}, cpus={"count": "2"}, devices=None,
                                            credentials={"null": "x", "no": "no", "true": "true"}))
        self.changes(state="started")
        for words, said in (({"devices": [{"pci": 60.0}]}, "put the address in quotes"),
                            ({"autostart": "True"}, "write it without quotes: True"),
                            ({"credentials": {"a": True}}, 'in quotes: "true", "yes" or "on"')):
            self.fails(said, manifest=self.manifest(**words))

    def test_broken_manifest(self):
        path = self.house.manifests / "db.yaml"
        said = (f"{path}:4:3: error[unknown-key]: unknown key `cuont`", "      cuont: 2\n    help: did you mean `count`?", "error[missing-key]")
        for state in ("present", "started"):
            result = self.fails(*said, state=state, manifest=self.manifest(cpus={"cuont": 2}))
            self.assertEqual({f["code"] for f in result["findings"]}, {"unknown-key", "missing-key"})
        self.changes(manifest=self.manifest())
        self.fails("error[unknown-key]", manifest=self.manifest(memroy=1))  # and the good one stays
        self.fails(f"{path}:2:8: error[not-yaml]", "help: close it", content="name: db\ncpus: [\n")
        self.fails("error[bad-value]", manifest=self.manifest(description="a\x00"))
        self.fails("no UTF-8: '\\ud800'", manifest=self.manifest(description="\ud800"))
        path.write_bytes(b"\xff\0")
        self.house.parkerctl("apply")
        self.changes(manifest=self.manifest())
        path.unlink()
        path.symlink_to("/dev/null")
        self.house.parkerctl("apply")
        self.unchanged(state="absent", name="other")
        self.changes(state="started", manifest=self.manifest())
        self.assertFalse(path.is_symlink())

    def test_other_partitions(self):
        text = "apiVersion: parker/v1\nname: {}\ncpus: {{count: 2}}\nmemory: {{size: 256MiB}}\nkernel: {{image: /boot/vmlinuz}}\n"
        self.fails("one: web", content=text.format("web"))
        self.fails("one: db, web", content=text.format("db") + "---\n" + text.format("web"))
        self.fails("one: none", content="")
        self.fails("'web'", manifest=self.manifest(name="web"))

        self.house.drop("many.yaml", text.format("db") + "---\n" + text.format("web"))
        self.house.drop("web.yaml", text.format("other"))
        self.assertEqual(self.house.parkerctl("apply").returncode, 0)
        self.fails("error[duplicate-name]", f"held by: {self.house.manifests}/db.yaml", manifest=self.manifest())
        self.fails(f"is defined by {self.house.manifests}/many.yaml", state="absent")
        self.fails("is defined by", name="web", state="absent")
        self.house.drop("db.yaml", text.format("db2") + "---\n" + text.format("db3"))
        (self.house.manifests / "many.yaml").unlink()
        self.assertEqual(self.house.parkerctl("apply").returncode, 0)
        self.fails("db2, db3", state="absent")

    def test_others_mistakes_are_not_ours(self):
        self.house.drop("broken.yaml", "apiVersion: parker/v1\nname: broken\nmemroy: 1\n")
        self.changes(state="started", manifest=self.manifest())
        self.fails("broken.yaml: key `cpus` is missing", name="broken", state="started")
        self.changes(name="broken", state="absent")

    def test_names_that_are_none(self):
        victim = self.house.folder / "victim.yaml"
        victim.write_text("mine")
        for name in ("../victim", "-db", "d" * 33, "db\n", ""):
            for state in ("present", "absent"):
                with self.subTest(name=name, state=state):
                    self.fails("is no partition's", name=name, state=state)
        self.assertEqual(victim.read_text(), "mine")

    def test_start_that_does_not_fit(self):
        result = self.module(state="started", manifest=self.manifest(memory={"size": "100TiB"}))
        self.assertTrue(result["failed"])
        self.assertRegex(result["msg"], "parkerctl: .*100TiB")
        self.assertEqual(self.house.partition("db")["State"], "failed")
        self.unchanged(state="stopped")

    def test_absent_waits_until_everything_is_back(self):
        self.stop_parkerd()
        self.house.start_parkerd("--fault=give-memory:db")
        self.module(manifest=self.manifest(reserve="always"))
        eventually(lambda: self.house.partition("db")["SubState"] == "held", "its memory is taken")
        self.assertIsNone(self.module(state="absent")["partition"])
        self.assertEqual(self.snapshot(), ({}, []))
        self.assertIn("give-memory:db", self.house.log())
        self.unchanged(state="absent")

    def test_permissions(self):
        self.changes(manifest=self.manifest(), mode="0600")
        self.assertEqual((self.house.manifests / "db.yaml").stat().st_mode & 0o777, 0o600)
        for _ in range(2):
            self.assertIn("error[loose-mode]", self.module(manifest=self.manifest(), mode="0666")["msg"])
        self.changes(manifest=self.manifest(), mode="0640")

    def test_what_is_not_there(self):
        self.fails("parkerctl: partition db: ", state="started")
        self.unchanged(state="absent")
        self.fails("/nowhere: there is no such directory", directory="/nowhere", manifest=self.manifest())
        self.stop_parkerd()
        result = self.module(manifest=self.manifest())
        self.assertIn("does not run", result["msg"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
