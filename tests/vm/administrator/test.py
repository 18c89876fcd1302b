# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an administrator does, as the manual pages say it: each command, and what it must answer."""

import os
import re
import shlex
import subprocess

from harness.machine import Machine

MANIFEST = """\
apiVersion: parker/v1
name: {name}
cpus: {{count: {cpus}}}
memory: {{size: 128MiB}}
kernel: {{image: /boot/vmlinuz, initrd: /boot/application.img, cmdline: "job={job}"}}
timeouts: {{boot: 180s, stop: 120s, heartbeat: 30s}}
"""
OBJECT = "org.parker1 /org/parker1/partition/web org.parker1.Partition"


def manifest(name: str = "web", cpus: str = "1", job: str = "none") -> str:
    return MANIFEST.format(name=name, cpus=cpus, job=job)


def drop(m: Machine, text: str, file: str = "web.yaml") -> None:
    m.put(f"/etc/parker.d/{file}", text)
    m.run("parkerctl apply", check=False)


def answer(m: Machine, command: str, status: int = 0, *patterns: str, timeout: float = 60) -> str:
    """Run a command that must exit so and say this."""
    done = m.run(command, check=False, timeout=timeout)
    said = done.stdout + done.stderr
    assert done.returncode == status, f"`{command}` exited {done.returncode}, not {status}:\n{said}"
    for pattern in patterns:
        assert re.search(pattern, said, re.M), f"`{command}`: not a word of {pattern!r} in:\n{said}"
    return said


def value(m: Machine, name: str) -> str:
    return m.out(f"busctl get-property {OBJECT} {name}").split(" ", 1)[1].strip('"')


def cleanup(m: Machine) -> None:
    m.run("systemctl unmask --runtime parkerd; systemctl stop 'parker@*'; parkerctl kill web; rm -rf /etc/parker.d/* /run/parker.d /usr/lib/parker.d;"
          "systemctl disable parker@web; systemctl reset-failed; modprobe parker; systemctl restart parkerd", check=False, timeout=120)
    m.until("nothing is held", lambda: not m.out("ls /sys/class/parker"), 30)


def test_session(m: Machine) -> None:
    """From a manifest with a typo to a partition that panics, comes back, and is removed: what is said at each step"""
    # The first attempt has a typo.
    drop(m, manifest().replace("count", "cuont"))
    answer(m, "parkerctl validate /etc/parker.d/web.yaml", 5, r"^/etc/parker.d/web.yaml:3:8: error\[unknown-key\]: .*`cuont`", r"^ +\^$",
           r"did you mean `count`\?")
    answer(m, "parkerctl explain unknown-key", 0, r"\w+")
    answer(m, "systemctl start parker@web", 1, r"journalctl -xeu parker@web\.service")
    answer(m, "journalctl -u parker@web -o cat", 0, r"web")

    # Mended in place; it panics after a while, before which there is time to look at it, however slow the machine.
    m.run(f"cat >/etc/parker.d/web.yaml <<'END'\n{manifest(job='panic after=20')}END\n")
    m.until("parkerd has seen the file change", lambda: "web" in m.run("parkerctl list --json=short", check=False).stdout, 10)
    answer(m, "parkerctl validate", 0)
    answer(m, "parkerctl plan web", 0, r"\bweb\b", r"take-memory 128MiB")
    answer(m, "systemctl start parker@web", 0, timeout=120)
    answer(m, "systemctl status parker@web", 0, r"Active: active \(running\)", r'Status: "active \(running\), CPUs \d')
    m.until("systemd has started it again after the panic",
            lambda: int(m.out("systemctl show -P NRestarts parker@web")) > 0 and value(m, "State") == "active", 90)
    answer(m, "journalctl -u parker@web -u parkerd -o cat", 0, r"^web: failed \(crashed\), result panic",
           r"^parker@web.service: Main process exited, code=exited, status=1")

    # The cause is mended while it runs: nothing is restarted behind the user's back.
    drop(m, manifest(cpus="2"))
    answer(m, "parkerctl status web", 0, r"the manifest has changed: restart to use it")
    assert value(m, "NeedRestart") == "true"
    answer(m, "systemctl restart parker@web", 0, timeout=180)
    assert (value(m, "State"), value(m, "NeedRestart"), m.out("nproc")) == ("active", "false", "2")
    answer(m, "busctl tree org.parker1", 0, r"/org/parker1/partition/web$")
    answer(m, f"busctl introspect {OBJECT}", 0, r"^\.CPUs +property +s +\"2-3\"")

    answer(m, "systemctl stop parker@web", 0, timeout=120)
    assert (value(m, "State"), value(m, "Result"), m.out("nproc")) == ("inactive", "success", "4")
    m.run("rm /etc/parker.d/web.yaml")
    m.until("the object is gone", lambda: m.run(f"busctl introspect {OBJECT}", check=False).returncode, 10)
    answer(m, "parkerctl status web", 3, r"partition web: there is none of this name", r"parkerctl list")


def test_unprivileged(m: Machine) -> None:
    """An account without privileges sees the states, and changes nothing"""
    drop(m, manifest())
    m.run("systemctl start parker@web", timeout=120)

    def nobody(command: str) -> str:
        return f"runuser -u nobody -- {command}"

    answer(m, nobody("parkerctl list"), 0, r"^web +active")
    answer(m, nobody(f"busctl get-property {OBJECT} State"), 0, "active")
    for command in ("parkerctl stop web", "parkerctl kill web", "parkerctl start web", "parkerctl apply", "parkerctl plan"):
        answer(m, nobody(command), 4, r"(?i)may not|authentication required", r"as root")
    for call in ("StopPartition st web 0", "KillPartition st web 0", "Reload t 0"):
        answer(m, nobody(f"busctl call org.parker1 /org/parker1 org.parker1.Manager {call}"), 1, r"(?i)may not|authentication")
    answer(m, nobody("busctl set-property org.parker1 /org/freedesktop/LogControl1 org.freedesktop.LogControl1 LogLevel s debug"), 1, r"(?i)denied")
    for path in ("/dev/parker", "/etc/parker.d/web.yaml.new"):
        answer(m, nobody(f"sh -c {shlex.quote(f': >{path}')}"), 2, r"Permission denied")
    assert value(m, "State") == "active"
    answer(m, "systemctl stop parker@web", 0, timeout=120)


def at_terminal(m: Machine, command: str, password: str) -> tuple[int, str]:
    """The exit status, and all that somebody sees who runs this at a terminal and types a password where one is asked for."""
    said = b""
    with subprocess.Popen(["ssh", *m.ssh_options(), "-tt", "root@127.0.0.1", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as ssh:
        os.set_blocking(ssh.stdout.fileno(), False)

        def ended() -> bool:
            nonlocal said, password
            said += ssh.stdout.read() or b""
            if password and b"Password:" in said:
                ssh.stdin.write(f"{password}\n".encode())
                ssh.stdin.flush()
                password = ""
            return ssh.poll() is not None

        m.until(f"`{command}` has ended", ended, 120)
        said += ssh.stdout.read() or b""
    return ssh.returncode, said.decode()


def test_password(m: Machine) -> None:
    """An administrator's account is asked for its password on the terminal, as by systemctl, and then may do it"""
    drop(m, manifest())
    m.run("useradd -m -G sudo boss && echo boss:secret | chpasswd")
    try:
        for verb, more, password, action, status, state in (
                ("start", "", "secret", "org.freedesktop.systemd1.manage-units", 0, "active"),
                ("kill", "--no-ask-password", "secret", None, 4, "active"),
                ("kill", "", "wrong", "org.parker1.manage-partitions", 4, "active"),
                ("kill", "", "secret", "org.parker1.manage-partitions", 0, "inactive")):
            command = f"runuser -u boss -- parkerctl {verb} web {more}"
            code, said = at_terminal(m, command, password)
            assert code == status, f"`{command}` exited {code}, not {status}:\n{said}"
            assert re.findall(r"AUTHENTICATING FOR (\S+)", said) == ([action] if action else []), said
            assert value(m, "State") == state, said
        assert "Authentication is required to kill the partition 'web'" in said, said
        assert not m.out("pgrep pkttyagent || true"), "an agent is left"
    finally:
        m.run("userdel -r boss", check=False)


def test_restarts(m: Machine) -> None:
    """What cannot be had is not tried again; what somebody else has now, is"""
    def shown(name: str, what: str) -> str:
        return m.out(f"systemctl show -P {what} parker@{name}")

    drop(m, manifest().replace("count: 1", 'list: "99"'))
    answer(m, "systemctl start parker@web", 1)
    m.run("sleep 3")  # thrice RestartSec=
    assert (shown("web", "ActiveState"), shown("web", "ExecMainStatus"), shown("web", "NRestarts")) == ("failed", "6", "0")

    drop(m, manifest(cpus="2"))
    answer(m, "systemctl start parker@web", 0, timeout=120)
    drop(m, manifest("late", cpus="2"), "late.yaml")
    m.run("systemctl start --no-block parker@late")
    m.until("it is tried again", lambda: int(shown("late", "NRestarts")) > 0, 30)
    assert shown("late", "ExecMainStatus") in ("0", "75")  # 0: it is being tried at this moment
    answer(m, "parkerctl kill web", 0)
    m.until("it has what it was waiting for", lambda: shown("late", "ActiveState") == "active", 60)
    answer(m, "parkerctl kill late", 0)


def test_unit(m: Machine) -> None:
    """The unit behaves as any other: kill, a lost supervisor, enable, the target; reload names what is broken"""
    drop(m, manifest())
    answer(m, "systemctl enable parker@web", 0, r"parker\.target\.wants/parker@web\.service")
    answer(m, "systemctl start parker.target", 0, timeout=120)
    m.until("the target has brought it up", lambda: value(m, "State") == "active", 60)
    beat = int(value(m, "Heartbeat"))
    pid = m.out("systemctl show -P MainPID parker@web")
    answer(m, "systemctl kill -s KILL parker@web", 0)
    m.until("another supervisor stands for the same kernel", lambda: m.out("systemctl show -P MainPID parker@web") not in ("0", pid)
            and m.out("systemctl is-active parker@web || true") == "active", 30)
    assert int(value(m, "Heartbeat")) >= beat and value(m, "Result") == "success", "the application kernel did not survive it"

    m.put("/etc/parker.d/broken.yaml", "apiVersion: parker/v1\nname: [\n")
    answer(m, "systemctl reload parkerd", 1)
    answer(m, "journalctl -u parkerd -o cat -n 20", 0, r"/etc/parker.d/broken.yaml:\d+:\d+: error\[")
    m.run("rm /etc/parker.d/broken.yaml")
    answer(m, "systemctl reload parkerd", 0)

    answer(m, "systemctl kill parker@web", 0)
    m.until("SIGTERM is the power button", lambda: value(m, "State") == "inactive", 60)
    assert value(m, "Result") == "success"
    answer(m, "systemctl start parker@web", 0, timeout=120)
    answer(m, "systemctl stop parker.target", 0, timeout=120)
    m.until("the target has taken it down", lambda: value(m, "State") == "inactive", 60)


def test_files(m: Machine) -> None:
    """Manifests come and go in every way that editors and tools know; what is half written or not meant is not read"""
    def names() -> list[str]:
        return [line.split()[0] for line in m.out("parkerctl list --no-legend").splitlines()]

    # 200 at once, among them what editors leave behind.
    m.run("mkdir -p /run/parker.d /usr/lib/parker.d; cd /etc/parker.d; for n in $(seq -w 200); do "
          f"sed s/NAME/p$n/ >p$n.yaml <<'END'\n{manifest('NAME')}END\ndone; cp p001.yaml .p001.yaml.swp; cp p001.yaml p001.yaml~; cp p001.yaml 4913;"
          "cp p001.yaml '#p001.yaml#'; cp p001.yaml p001.yaml.dpkg-new")
    m.until("all are known", lambda: len(names()) == 200, 20)
    assert not m.run("parkerctl validate", check=False).returncode, "leftovers of editors were read"
    m.run("cd /etc/parker.d; rm -f * .p001.yaml.swp")
    m.until("all are gone", lambda: not names(), 20)

    # Masked, in the order of /etc, /run, /usr/lib.
    m.put("/usr/lib/parker.d/web.yaml", manifest().replace("name: web", "name: web\ndescription: vendor"))
    m.until("the vendor's is read", lambda: "vendor" in m.out("parkerctl list"), 10)
    m.put("/run/parker.d/web.yaml", manifest().replace("name: web", "name: web\ndescription: runtime"))
    m.until("/run masks it", lambda: "runtime" in m.out("parkerctl list"), 10)
    m.run("ln -s /dev/null /etc/parker.d/web.yaml")
    m.until("a link to /dev/null disables it", lambda: "web" not in names(), 10)
    m.run("rm /etc/parker.d/web.yaml /run/parker.d/web.yaml /usr/lib/parker.d/web.yaml")

    # Of a running partition: broken, half written, renamed, removed.
    drop(m, manifest())
    m.run("systemctl start parker@web", timeout=120)
    m.run("head -c 60 /etc/parker.d/web.yaml >/tmp/half; cat /tmp/half >/etc/parker.d/web.yaml")
    m.until("the last good definition is kept", lambda: value(m, "NeedReload") == "true", 10)
    assert value(m, "State") == "active"
    answer(m, "parkerctl status web", 0, r"the manifest has become invalid", r"web\.yaml:\d+:\d+: error")
    m.put("/etc/parker.d/web.yaml", manifest())
    m.until("it is whole again", lambda: value(m, "NeedReload") == "false", 10)
    m.run("mv /etc/parker.d/web.yaml /etc/parker.d/10-web.yaml")
    m.until("the new name is known", lambda: value(m, "ManifestPath") == "/etc/parker.d/10-web.yaml", 10)
    assert value(m, "State") == "active" and value(m, "NeedRestart") == "false"
    m.run("rm /etc/parker.d/10-web.yaml")
    m.until("it was stopped, as by its power button, and is gone", lambda: "web" not in names(), 60)
    m.until("the unit has ended", lambda: m.out("systemctl is-active parker@web || true") == "inactive", 60)
    assert m.out("systemctl show -P Result parker@web") == "success"
    assert m.out("nproc") == "4"


def test_what_is_missing(m: Machine) -> None:
    """No daemon, no module: two errors, each with what to do"""
    drop(m, manifest())
    m.run("systemctl mask --runtime --now parkerd")
    answer(m, "parkerctl list", 1, r"parkerd", r"systemctl")
    m.run("systemctl unmask --runtime parkerd; rmmod parker; mv $(modinfo -n parker) /tmp/; systemctl start parkerd", check=False)
    try:
        answer(m, "parkerctl start web", 1, r"parker", r"modprobe parker|module")
    finally:
        m.run("mv /tmp/parker.ko* /lib/modules/$(uname -r)/updates/")
    m.run("modprobe parker; systemctl reset-failed parker@web; systemctl restart parkerd")
    answer(m, "systemctl start parker@web", 0, timeout=120)
    answer(m, "systemctl stop parker@web", 0, timeout=120)


def test_units_are_sound(m: Machine) -> None:
    """systemd-analyze has nothing to say against the units; parkerd's exposure is below 5.0"""
    answer(m, "systemd-analyze verify --man=no parkerd.service parker@web.service parker.target parker-metrics.timer", 0)  # man is not installed there
    said = answer(m, "systemd-analyze security --no-pager parkerd.service", 0, r"Overall exposure level")
    exposure = float(re.search(r"Overall exposure level for parkerd.service: ([\d.]+)", said)[1])
    print(f"     exposure of parkerd.service: {exposure}", flush=True)
    assert exposure < 5.0
