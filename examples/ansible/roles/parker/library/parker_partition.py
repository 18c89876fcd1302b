#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Ansible module parker_partition: one partition, from its manifest to whether it runs."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: parker_partition
short_description: Partitions of a machine that parkerd divides
description:
  - Installs the manifest of a partition, removes it, and starts, stops or restarts the partition.
  - Talks to parkerd by C(parkerctl), which goes through systemd where a partition is started or stopped, so that
    C(systemctl status parker@NAME) shows the same as it does after C(systemctl start).
  - A manifest is checked by C(parkerctl validate), together with the others of the machine, before anything is written;
    what parkerd then says about it is the task's error, with file, line, column, code and suggestion.
  - Nothing is restarted unless it is asked for. A partition that runs with an older manifest than the file's is
    reported, as C(needs_restart) and by a warning.
options:
  name:
    description: The partition. Its manifest is the file I(name).yaml of I(directory).
    type: str
    required: true
  state:
    description:
      - C(present) has the manifest in place, and leaves alone whether the partition runs.
      - C(absent) stops the partition, removes its manifest, and waits until the boot kernel has everything back.
      - C(started) and C(stopped) see to it that the partition runs, or does not. They install the manifest first, if one is
        given. A partition that runs is left alone, see I(restart_if_needed). C(started) waits for its first heartbeat.
      - C(restarted) always stops and starts it.
    type: str
    choices: [present, absent, started, stopped, restarted]
    default: present
  manifest:
    description:
      - The manifest as a mapping, see parker.d(5). C(apiVersion) and C(name) may be left out.
      - Ansible reads YAML 1.1, to which C(off) is false and C(yes) is true. parkerd takes false where the word C(off) may
        stand (C(dump), C(isolation.dma)), so that these need no quotes; nor do numbers that a template makes, which come as
        text. Put quotes around PCI addresses and IDs (C(01:00.0) is a number to YAML 1.1), and around credentials that look
        like booleans or numbers. What a template makes of a boolean is text; C(| bool) makes it one again.
      - Manifests can hold secrets among their C(credentials); give the task C(no_log) and I(mode) C("0600") then.
    type: dict
  content:
    description: The manifest as text, which is installed as it is, with its comments. It defines this partition alone.
    type: str
  restart_if_needed:
    description: Restart a partition that runs with another manifest than the file's. For I(state=started).
    type: bool
    default: false
  directory:
    description: Where the manifest is; one of those that parkerd reads.
    type: path
    default: /etc/parker.d
  mode:
    description: The manifest's permissions. parkerd reads no manifest that others than its owner can write.
    type: raw
    default: "0644"
  session:
    description: Talk to a parkerd on the session bus, C(parkerd --simulate --session), which has no units. For trying out.
    type: bool
    default: false
extends_documentation_fragment:
  - action_common_attributes
  - files
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: linux
requirements:
  - parkerctl, and a parkerd that runs or that D-Bus can activate
  - Python 3.8 or newer
author:
  - The parkerd developers
"""

EXAMPLES = r"""
- name: Run a partition
  parker_partition:
    name: db
    state: started
    manifest:
      cpus: {count: 4}
      memory: {size: 32GiB}
      devices:
        - pci: "0000:81:00.0"
      kernel:
        image: /boot/vmlinuz-6.1.0-amd64
        initrd: /boot/initrd.img-6.1.0-amd64
        cmdline: root=/dev/nvme0n1p1 ro

- name: Install a manifest that is kept beside the playbook
  parker_partition:
    name: sandbox
    content: "{{ lookup('ansible.builtin.file', 'sandbox.yaml') }}"
  register: sandbox

- name: Restart it when that has an effect
  parker_partition:
    name: sandbox
    state: restarted
  when: sandbox.needs_restart

- name: Give everything back
  parker_partition:
    name: db
    state: absent
"""

RETURN = r"""
manifest_path:
  description: The manifest's file.
  returned: always
  type: str
  sample: /etc/parker.d/db.yaml
needs_restart:
  description:
    - The partition runs, but not with this manifest; a restart changes that.
    - In check mode a manifest that would be changed counts as one that needs a restart.
  returned: success
  type: bool
findings:
  description: What parkerd has to say about the manifest, each with severity, code, message and mostly more.
  returned: when a manifest is given
  type: list
  elements: dict
  sample:
    - {severity: error, code: unknown-key, message: "unknown key `memroy`", file: /etc/parker.d/db.yaml, line: 4, column: 1,
       source_line: "memroy: 1", suggestion: "did you mean `memory`?"}
partition:
  description:
    - How the partition is after the task, as C(parkerctl --json show) has it. In check mode, as it is now.
    - Null if there is none.
  returned: success
  type: dict
  sample: {name: db, state: active, sub_state: running, cpus: 4-7, memory_bytes: 34359738368, need_restart: false}
"""

import json
import os
import re
import tempfile
import time
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_text

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent", "started", "stopped", "restarted"]},
    "manifest": {"type": "dict"},
    "content": {"type": "str"},
    "restart_if_needed": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/etc/parker.d"},
    "mode": {"type": "raw", "default": "0644"},
    "session": {"type": "bool", "default": False},
}
STANDARD_DIRECTORIES = ("/etc/parker.d", "/run/parker.d", "/usr/lib/parker.d")  # an earlier one masks later ones
GIVE_BACK_SECONDS = 120  # until what a stopped partition still held is back; longer means that something is stuck
NO_SUCH_PARTITION, INVALID_MANIFEST = 3, 5  # parkerctl's exit codes; the latter if there has never been a valid one
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")  # of the schema; it becomes a file's
PLAIN_KEY = re.compile(r"(?!(?i:null)$)[A-Za-z0-9][A-Za-z0-9._-]*")


def to_yaml(value: dict | list, indent: str = "") -> list[str]:
    """Lines of block style. Its scalars are JSON's, which YAML reads as what they are: no string is taken for a number."""
    lines = []
    entries = value.items() if isinstance(value, dict) else ((None, element) for element in value)
    for key, element in entries:
        nested = to_yaml(element, indent + "  ") if isinstance(element, (dict, list)) else []
        scalar = [] if nested else [json.dumps(element, ensure_ascii=False)]
        if key is None:
            first = nested[0].lstrip(" ") if nested else scalar[0]
            lines += [f"{indent}- {first}", *nested[1:]]
        else:
            word = key if PLAIN_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)
            lines += [" ".join([f"{indent}{word}:", *scalar]), *nested]
    return lines


def to_message(finding: dict[str, Any]) -> str:
    """A finding much as parkerctl prints it."""
    place = ":".join(str(finding[key]) for key in ("file", "line", "column") if key in finding)
    lines = [f"{place + ': ' if place else ''}{finding['severity']}[{finding['code']}]: {finding['message']}"]
    for key, label in (("source_line", "    "), ("holder", "    held by: "), ("suggestion", "    help: ")):
        if key in finding:
            lines.append(label + finding[key])
    return "\n".join(lines)


class Partition:
    """The partition that the task is about."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.name: str = module.params["name"]
        self.directory = os.path.normpath(module.params["directory"])
        self.path = os.path.join(self.directory, f"{self.name}.yaml")
        self.state: str = module.params["state"]
        self.changed = False
        self.diffs: list[dict[str, str]] = []
        self.result: dict[str, Any] = {"manifest_path": self.path}
        self.why_none = ""  # what parkerctl says where there is no partition
        session = ["--session"] if module.params["session"] else []
        self._parkerctl = [module.get_bin_path("parkerctl", required=True), *session]

    def run(self) -> dict[str, Any]:
        if not NAME.fullmatch(self.name):
            self.fail(f"name: {self.name!r} is no partition's: a-z, 0-9 and '-', at most 32, neither first nor last a '-'")
        if not os.path.isdir(self.directory):
            self.fail(f"{self.directory}: there is no such directory; parkerd's installation makes /etc/parker.d")
        if self.state == "absent":
            self.remove()
        else:
            manifest_changed = self.install()
            self.run_or_not(manifest_changed)
        return {**self.result, "changed": self.changed, "diff": self.diffs}

    # The manifest

    def wanted(self) -> bytes | None:
        """The manifest's text, if the task gives one."""
        content, manifest = self.module.params["content"], self.module.params["manifest"]
        if manifest is not None:
            whole = {"apiVersion": "parker/v1", "name": self.name, **manifest}
            if whole["name"] != self.name:
                self.fail(f"the manifest is that of partition {whole['name']!r}, and the task that of {self.name!r}")
            content = "\n".join(to_yaml(whole))
        if content is None:
            return None
        try:
            return (content if content.endswith("\n") else content + "\n").encode()
        except UnicodeEncodeError as error:
            self.fail(f"the manifest of {self.name} is no UTF-8: {content[error.start]!a} cannot be written")

    def install(self) -> bool:
        """Whether the text of the file changed, or would."""
        wanted = self.wanted()
        if wanted is None:
            return False
        before = self.text()
        with tempfile.TemporaryDirectory(dir=self.module.tmpdir) as folder:
            staged = os.path.join(folder, f"{self.name}.yaml")
            with open(staged, "wb") as file:
                file.write(wanted)
            self.validate(staged)
            if before != wanted and not self.module.check_mode:
                self.module.atomic_move(staged, self.path)
        attributes = self.module.load_file_common_arguments(self.module.params, path=self.path)
        attributes_changed = self.module.set_fs_attributes_if_different(attributes, False)
        if before != wanted:
            self.show_change(self.path, to_text(before or b""), to_text(wanted))
        self.changed = before != wanted or attributes_changed
        if not self.module.check_mode:
            self.apply()
        return before != wanted

    def text(self) -> bytes | None:
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.fail(f"{self.path}: {error.strerror}")

    def validate(self, staged: str) -> None:
        """What parkerd would say once the file were in its place: it masks the one that is there, as earlier directories
        do."""
        others = [d for d in STANDARD_DIRECTORIES if d != self.directory and self.directory in STANDARD_DIRECTORIES]
        words = [word for d in (os.path.dirname(staged), self.directory, *others) for word in ("--config", d)]
        findings = []
        for finding in self.ask(*words, "validate"):
            if finding.get("file") == staged or finding.get("partition") == self.name:
                findings.append({key: value.replace(staged, self.path) if isinstance(value, str) else value
                                 for key, value in finding.items()})
        self.result["findings"] = findings
        self.judge(findings)
        for finding in findings:
            self.module.warn(to_message(finding))
        # Its JSON has findings alone.
        says = self.call("validate", staged)[1].splitlines()
        if says != [f"{staged}: {self.name}: valid"]:
            names = [line.split(": ")[-2] for line in says]
            self.fail(f"{self.path}: a file of this task defines partition {self.name} alone, this one: "
                      f"{', '.join(names) or 'none'}")

    def judge(self, findings: list[dict[str, Any]]) -> None:
        """An error ends the task."""
        if any(finding["severity"] == "error" for finding in findings):
            self.result["findings"] = findings
            self.fail("\n".join(to_message(finding) for finding in findings))

    def apply(self) -> None:
        """Wait until parkerd has read the file, and see that it is in force."""
        self.judge([f for f in self.ask("apply") if f.get("file") == self.path or f.get("partition") == self.name])

    def remove(self) -> None:
        info = self.info()
        exists = os.path.lexists(self.path)
        if info is not None:
            self.check_ownership(info, exists)
        if exists:
            others = [p["name"] for p in self.ask("list") if p["manifest_path"] == self.path and p["name"] != self.name]
            if others:
                self.fail(f"{self.path} defines other partitions, too: {', '.join(others)}; remove {self.name} from it by hand")
            self.show_change(self.path, to_text(self.text() or b""), "")
        if info is not None and info["state"] in ("active", "activating"):
            self.act("stop", info["state"], "inactive")
        if exists:
            self.changed = True
            if not self.module.check_mode:
                os.unlink(self.path)
                self.ask("apply")
        if not self.module.check_mode:
            info = self.await_end()
        self.result.update(partition=info, needs_restart=False)

    def check_ownership(self, info: dict[str, Any], exists: bool) -> None:
        """A partition that another file defines stays, whatever becomes of this one."""
        elsewhere = info["manifest_path"]
        if elsewhere not in ("", self.path):
            self.fail(f"partition {self.name} is defined by {elsewhere}"
                      f"{'' if exists else f', and there is no {self.path}'}; remove that, or say its directory")

    def await_end(self) -> None:
        """parkerd gives back, after it has read that the manifest is gone, whatever the partition still held."""
        end = time.monotonic() + GIVE_BACK_SECONDS
        while (info := self.info()) is not None:
            self.check_ownership(info, False)
            if time.monotonic() > end:
                self.fail(f"partition {self.name} is still {info['state']} ({info['sub_state']}): "
                          f"{info['message'] or 'it has not returned everything'}")
            time.sleep(0.5)

    # Whether it runs

    def run_or_not(self, manifest_changed: bool) -> None:
        info = self.info()
        if info is None and not (self.module.check_mode and manifest_changed):
            self.fail(self.why_none)
        now = info["state"] if info else "inactive"
        outdated = now == "active" and (info["need_restart"] or (self.module.check_mode and manifest_changed))
        if self.state == "started" and now != "active":
            self.act("start", now, "active")
        elif self.state == "restarted" or (self.state == "started" and outdated and self.module.params["restart_if_needed"]):
            self.act("restart", now, "active")
            outdated = False
        elif self.state == "stopped" and now not in ("inactive", "failed"):
            self.act("stop", now, "inactive")
            outdated = False
        elif self.state == "stopped" and now == "failed" and not self.module.check_mode:
            self.call("stop", self.name)  # its unit may be about to try again
        if not self.module.check_mode:
            info = self.info()
            outdated = info["need_restart"] if info else False
        if outdated:
            self.module.warn(f"partition {self.name} runs with an older manifest; a restart changes that")
        self.result.update(partition=info, needs_restart=outdated)

    def act(self, verb: str, before: str, after: str) -> None:
        self.changed = True
        note = " (restarted)" if verb == "restart" else ""
        self.show_change(f"partition {self.name}", f"state: {before}\n", f"state: {after}{note}\n")
        if self.module.check_mode:
            return
        code, _, said = self.call(verb, self.name)
        if code:
            self.fail(said.strip() or f"parkerctl {verb} {self.name} exited {code}")
        info = self.info()
        if info is None or (info["state"] == "active") != (after == "active"):
            self.fail(f"partition {self.name} is {info['state'] if info else 'gone'} after parkerctl {verb}"
                      f"{': ' + info['message'] if info and info['message'] else ''}")

    def info(self) -> dict[str, Any] | None:
        code, out, said = self.call("--json=short", "show", self.name)
        if code in (NO_SUCH_PARTITION, INVALID_MANIFEST):
            self.why_none = said.strip()
            return None
        if code:
            self.fail(said.strip())
        return self.parse(out, said, "show")

    # parkerctl

    def call(self, *words: str) -> tuple[int, str, str]:
        return self.module.run_command([*self._parkerctl, *words], environ_update={"LC_ALL": "C.UTF-8"})

    def ask(self, *words: str) -> Any:
        """The answer of a verb whose exit code only says what is in it."""
        _, out, said = self.call("--json=short", *words)
        return self.parse(out, said, words[-1])

    def parse(self, out: str, said: str, verb: str) -> Any:
        try:
            return json.loads(out)
        except ValueError:
            self.fail(said.strip() or f"parkerctl {verb} printed no JSON: {out[:200]!r}")

    def show_change(self, what: str, before: str, after: str) -> None:
        self.diffs.append({"before_header": what, "after_header": what, "before": before, "after": after})

    def fail(self, message: str) -> NoReturn:
        self.module.fail_json(msg=message, **self.result, changed=self.changed and not self.module.check_mode)
        raise AssertionError("not reached")


def main() -> None:
    os.umask(0o077)  # until `mode` is set, nobody else reads the manifest
    module = AnsibleModule(argument_spec=ARGUMENTS, mutually_exclusive=[("manifest", "content")], add_file_common_args=True,
                           supports_check_mode=True)
    module.exit_json(**Partition(module).run())


if __name__ == "__main__":
    main()
