# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private message bus, a parkerd of a simulated machine on it, and what its users have: busctl and parkerctl."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from fake_image import bzimage

POLICY = pathlib.Path(__file__).resolve().parents[2] / "units/org.parker1.conf"
PATIENCE = 90  # seconds until anything must have happened: a busy machine and the sanitizers make all of it slow

# The rules of the system bus that matter here, and the policy that is shipped.
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.systemd1"/>
  </policy>
  <include>{policy}</include>
  <policy user="{user}">
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
  </policy>
</busconfig>
"""

MANIFEST = """apiVersion: parker/v1
name: {name}
description: {description}
cpus:
  count: {cpus}
memory:
  size: {memory}
kernel:
  image: {image}
  cmdline: quiet
timeouts: {{boot: 20s, stop: 20s, heartbeat: 20s}}
"""


class CallError(Exception):
    """What busctl says when a call fails: the error's text."""


def eventually(condition, what: str):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


def resident_mib(pid: int, kind: str = "VmRSS") -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{kind}:\s+(\d+) kB$", status, re.M)[1]) / 1024


def switches(pid: int) -> int:
    """How often its threads have been given a CPU: one that sleeps and is woken up counts one more."""
    statuses = [(task / "status").read_text() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(count) for status in statuses for count in re.findall(r"ctxt_switches:\s+(\d+)$", status, re.M))


class House:
    """Everything that one test class needs, in a folder of its own."""

    def __init__(self, parkerd: str, parkerctl: str, *, session: bool = True):
        """With `session`, the bus is the session's to parkerd and parkerctl, and so has no units; else the system's."""
        self.place = ("--session",) if session else ()
        self._stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="parker-bus-")))
        self.folder.chmod(0o755)
        self.parkerd_path, self.parkerctl_path = parkerd, parkerctl
        self.manifests = self.folder / "parker.d"
        self.image = self.folder / "vmlinuz"
        self.image.write_bytes(bzimage())
        self.manifests.mkdir()
        self.address = f"unix:path={self.folder}/bus"
        config = self.folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(path=self.folder / "bus", policy=POLICY, user=os.geteuid()))
        with open(self.folder / "bus.log", "wb") as log:  # of what it lets nobody do
            self.spawn("dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", stderr=log)
        eventually((self.folder / "bus").exists, "the bus listens")
        self.environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": self.address,
                            "DBUS_SYSTEM_BUS_ADDRESS": self.address, "LC_ALL": "C.UTF-8"}
        self.environment.pop("RUNTIME_DIRECTORY", None)
        self.daemon: subprocess.Popen | None = None

    def close(self) -> None:
        self._stack.close()

    def spawn(self, *command: str, **options) -> subprocess.Popen:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self._stack.callback(self.end, process)
        return process

    @staticmethod
    def end(process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def manifest(self, name: str, **words) -> pathlib.Path:
        """A manifest dropped as a good editor does it: written beside, then renamed."""
        values = {"description": f"partition {name}", "cpus": 4, "memory": "1GiB", "image": self.image, **words}
        return self.drop(f"{name}.yaml", MANIFEST.format(name=name, **values))

    def drop(self, file: str, text: str) -> pathlib.Path:
        target = self.manifests / file
        fresh = target.with_suffix(".tmp")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(target)
        return target

    def start_parkerd(self, *options: str) -> None:
        """Returns when it has told systemd that it is ready."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            path = self.folder / "notify"
            path.unlink(missing_ok=True)
            notify.bind(str(path))
            notify.settimeout(PATIENCE)
            log = open(self.folder / "parkerd.log", "ab")
            self.daemon = self.spawn(self.parkerd_path, "--simulate", *self.place, f"--config={self.manifests}",
                                      "--log-level=debug", *options, stderr=log,
                                      env={**self.environment, "NOTIFY_SOCKET": str(path),
                                           "STATE_DIRECTORY": str(self.folder / "state")})
            log.close()
            while b"READY=1" not in notify.recv(4096).split(b"\n"):
                pass
            path.unlink()

    def log(self) -> str:
        return (self.folder / "parkerd.log").read_text()

    # What an administrator types

    def busctl(self, *words: str, prefix: tuple[str, ...] = ()) -> str:
        done = subprocess.run([*prefix, "busctl", f"--address={self.address}", *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=self.environment, timeout=PATIENCE)
        if done.returncode:
            raise CallError(done.stderr.strip())
        return done.stdout

    def connected(self) -> set[int]:
        """Processes that are on the bus, as it knows them; `busctl list` asks for their cgroups, too, which not every place has."""
        def ask(*words: str):
            bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
            return json.loads(self.busctl("--json=short", "call", *bus, *words))["data"][0]

        pids = set()
        for name in ask("ListNames"):
            with contextlib.suppress(CallError):  # it has gone meanwhile
                pids.add(ask("GetConnectionUnixProcessID", "s", name))
        return pids

    def call(self, path: str, interface: str, method: str, *arguments: str, prefix: tuple[str, ...] = ()):
        out = self.busctl("--json=short", "call", "org.parker1", path, interface, method, *arguments, prefix=prefix)
        return json.loads(out)["data"] if out.strip() else None

    def manager(self, method: str, *arguments: str, prefix: tuple[str, ...] = ()):
        return self.call("/org/parker1", "org.parker1.Manager", method, *arguments, prefix=prefix)

    def error_name(self, method: str, *arguments: str, path: str = "/org/parker1",
                   interface: str = "org.parker1.Manager") -> str:
        """The D-Bus error that a call ends in, name and text; busctl would print only the text."""
        call = subprocess.run(["dbus-send", f"--bus={self.address}", "--print-reply", "--dest=org.parker1", path,
                               f"{interface}.{method}", *arguments],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        assert call.returncode != 0, f"{method} {arguments} did not fail: {call.stdout}"
        return call.stderr

    def partition(self, name: str) -> dict:
        path = self.manager("GetPartition", "s", name)[0]
        return self.properties(path)

    def properties(self, path: str) -> dict:
        reply = self.call(path, "org.freedesktop.DBus.Properties", "GetAll", "s", "org.parker1.Partition")[0]
        return {name: value["data"] for name, value in reply.items()}

    def wait_for_state(self, name: str, state: str) -> dict:
        def reached():
            properties = self.partition(name)
            return properties if properties["State"] == state else None

        return eventually(reached, f"{name} is {state}")

    def parkerctl_for_all(self) -> str:
        """The program where anybody can reach it."""
        program = self.folder / "parkerctl"
        if not program.exists():
            shutil.copy(self.parkerctl_path, program)
        return str(program)

    def parkerctl(self, *words: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run([self.parkerctl_path, *self.place, *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=self.environment, timeout=2 * PATIENCE, **options)

    def following(self, name: str, *words: str) -> subprocess.Popen:
        """`parkerctl log -f`, once parkerd has answered it."""
        before = self.log().count("follows the log")
        process = self.spawn(self.parkerctl_path, "--session", "log", "-f", name, *words, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=self.environment)
        self._stack.callback(process.stdout.close)
        self._stack.callback(process.stderr.close)
        eventually(lambda: self.log().count("follows the log") > before, "it follows")
        return process

    def supervisor(self, name: str, notify: pathlib.Path) -> subprocess.Popen:
        return self.spawn(self.parkerctl_path, "--session", "run", name, stderr=subprocess.PIPE, text=True,
                           env={**self.environment, "NOTIFY_SOCKET": str(notify)})


class Monitor:
    """All signals of org.parker1 while it is open."""

    def __init__(self, house: House):
        self._file = open(house.folder / f"monitor-{time.monotonic_ns()}", "w+b")
        self._process = subprocess.Popen(["busctl", f"--address={house.address}", "--json=short", "monitor",
                                          "--match=type='signal',sender='org.parker1'"],
                                         stdin=subprocess.DEVNULL, stdout=self._file, stderr=subprocess.PIPE)
        os.set_blocking(self._process.stderr.fileno(), False)
        eventually(lambda: b"Monitoring" in (self._process.stderr.read() or b""), "the monitor listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)
        self._process.stderr.close()
        self._file.close()

    def signals(self, *members: str) -> list[dict]:
        with open(self._file.name, encoding="utf-8") as lines:
            messages = [json.loads(line) for line in lines if line.endswith("\n")]
        return [message for message in messages if message.get("member") in members]

    def job_removed(self, job: str) -> list:
        def ended():
            for message in self.signals("JobRemoved"):
                if message["payload"]["data"][1] == job:
                    return message["payload"]["data"]
            return None

        return eventually(ended, f"JobRemoved of {job}")
