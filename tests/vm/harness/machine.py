# SPDX-License-Identifier: LGPL-2.1-or-later
"""One virtual machine under QEMU: boot it, run commands in it, look at it, end it. Everything has a time limit."""

import ctypes
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import emulator, image, initramfs, paths
from .debian import RELEASE, Kernel

TROUBLE = re.compile(r"Oops|BUG:|Kernel panic|soft lockup|hard LOCKUP|rcu.*(?:stall|detected)|nobody cared|Call Trace:"
                     r"|blocked for more than|nvme.*timeout|WARNING: CPU")


# Limits are given for an idle computer, and keep a machine that hangs from going unnoticed. None says how fast anything is: what
# does, measures. So a computer that is busy gets this many times as long.
PATIENCE = 3


# Loops of a delay per tick, as on a TSC of 2.5 GHz. Each CPU but the first would measure it, for half a second, as QEMU's TSC is not
# said to be constant; and waiting longer than asked for does no harm.
LPJ = "lpj=10000000"


class MachineError(Exception):
    """The machine did not do what it was asked to."""


class Unfit(MachineError):
    """The machine did not come up, or died of the emulator: this says nothing about what was tested on it."""


class CommandError(MachineError):
    def __init__(self, done: subprocess.CompletedProcess) -> None:
        super().__init__(f"`{done.args}` exited {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
        self.done = done


@dataclasses.dataclass(frozen=True)
class Config:
    """What kind of machine. Equal configurations can share one."""

    cpus: int = 4
    parallel: bool = False  # a host thread for each CPU; else they take turns, which is as fast and spares us QEMU's races
    sockets: int = 1
    memory: str = "4G"
    kernel: tuple[str, str] = (RELEASE, "amd64")  # suite and flavour of the boot kernel
    packed: bool = False  # whether it unpacks itself, and where to (KASLR): that takes the emulator three seconds more
    drives: int = 1  # NVMe drives with an empty ext4, each behind a root port of its own
    drive_size: str = "256M"
    guests: tuple[tuple[str, str], ...] = ()  # after those, drives with a Debian for this kernel (suite and flavour)
    iommu: bool = False
    devices: tuple[str, ...] = ()  # further QEMU arguments, such as "-device edu,bus=rp2"
    words: tuple[str, ...] = ()  # further words on the kernel command line
    applications: tuple[tuple[str, str], ...] = ()  # kernels for partitions, in /boot; the boot kernel alone, if none is named


def until(what: str, true, timeout: float = 30) -> None:
    """Wait until true() is. Who looks takes processor time from what is waited for, so a look is rested from for longer than it
    took."""
    timeout *= PATIENCE
    end = time.monotonic() + timeout
    while True:
        start = time.monotonic()
        if true():
            return
        now = time.monotonic()
        if now > end:
            raise MachineError(f"not within {timeout:.0f} s: {what}")
        time.sleep(min(max(0.3, 2 * (now - start)), 2))


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _die_with_parent() -> None:
    """No QEMU outlives the program that started it, however that one ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Qemu:
    """A QEMU process, its serial console in a file, its monitor on a socket."""

    def __init__(self, folder: pathlib.Path, arguments: list[str], parallel: bool = False) -> None:
        self.folder = folder
        self.console_path = folder / "console.log"
        self._qmp_path = folder / "qmp"
        self._qmp = None
        self._computed = 0.0
        command = [
            str(emulator.qemu()), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", f"tcg,thread={'multi' if parallel else 'single'}", "-machine", "q35",
            "-cpu", "max,-erms,-fsrm",  # TCG goes through a rep instruction step by step, so eight bytes a step rather than one
            "-serial", f"file:{self.console_path}", "-qmp", f"unix:{self._qmp_path},server=on,wait=off", *arguments,
        ]
        (folder / "qemu.sh").write_text(shlex.join(command) + "\n")
        with open(folder / "qemu.log", "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            preexec_fn=_die_with_parent)

    def console(self) -> str:
        """What the machine has said on its serial port."""
        if not self.console_path.exists():
            return ""
        return self.console_path.read_text(errors="replace").replace("\r", "")

    def running(self) -> bool:
        return self.process.poll() is None

    def computed(self) -> float:
        """Seconds of a processor that it has used so far."""
        try:
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            self._computed = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime, stime
        except (OSError, IndexError, ValueError):
            pass  # it has ended
        return self._computed

    def crashed(self) -> str:
        """The signal that QEMU died of, if that was a mistake of its own."""
        status = self.process.poll()
        return signal.Signals(-status).name if status in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS) else ""

    def monitor(self, command: str, **arguments) -> object:
        """One QMP command, such as stop, cont, system_powerdown, or human-monitor-command."""
        if self._qmp is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(30)
            # The path of a socket is limited to 108 characters: go there by the folder's file descriptor.
            fd = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
            try:
                connection.connect(f"/proc/self/fd/{fd}/{self._qmp_path.name}")
            finally:
                os.close(fd)
            self._qmp = connection.makefile("rw")
            self._qmp.readline()
            self.monitor("qmp_capabilities")
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while True:
            if not (line := self._qmp.readline()):
                raise MachineError("QEMU has gone")
            reply = json.loads(line)
            if "error" in reply:
                raise MachineError(f"{command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]

    def human_monitor(self, line: str) -> str:
        """A command of QEMU's monitor for people: "info registers -a", "pmemsave 0x1000 16 file"."""
        return self.monitor("human-monitor-command", **{"command-line": line})

    def wait(self, timeout: float) -> bool:
        """Whether QEMU ended by itself within this time."""
        try:
            self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        if self.running():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)

    def trouble(self, start: int = 0) -> list[str]:
        """Console lines that a healthy kernel does not print."""
        return [line for line in self.console()[start:].splitlines() if TROUBLE.search(line)]


class Machine(Qemu):
    """A Debian machine that is up and can be talked to, for use in a `with` statement."""

    def __init__(self, config: Config = Config(), product: pathlib.Path | None = None, name: str = "machine") -> None:
        self.config = config
        self.kernel = Kernel(*config.kernel)
        paths.ARTEFACTS.mkdir(parents=True, exist_ok=True)
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=paths.ARTEFACTS))
        self.port = _free_port()
        super().__init__(folder, self._arguments(folder, product), config.parallel)
        self._control = pathlib.Path(tempfile.mkdtemp(prefix="parker-ssh-")) / "s"
        self._seen = 0  # how much of the console has been looked at for trouble
        self.booted_in = 0.0
        self.failed = False  # a test of it: its folder is worth keeping

    def _arguments(self, folder: pathlib.Path, product: pathlib.Path | None) -> list[str]:
        config = self.config
        overlay = self._overlay(folder / "root.qcow2", image.disk(self.kernel))
        # tsc=reliable: as on real machines; without it every look at the clock leaves the emulated CPU. The watchdogs:
        # CPUs that take turns on a busy computer can each stand still for long. So can the timer whose interrupts are counted.
        words = ["root=/dev/vda", "rw", "console=ttyS0", "quiet", "loglevel=5", "panic=-1", "no_ipi_broadcast=1",
                 "systemd.show_status=0", "fsck.mode=skip", "net.ifnames=0", "cryptomgr.notests", "audit=0", "tsc=reliable",
                 "watchdog_thresh=30", "rcupdate.rcu_cpu_stall_timeout=90", "no_timer_check", LPJ]
        if config.iommu:
            words += ["intel_iommu=on", "intremap=off"]
        arguments = [
            "-smp", f"{config.cpus},sockets={config.sockets}", "-m", config.memory, "-kernel",
            str(self.kernel.image if config.packed else self.kernel.vmlinux),
            "-initrd", str(initramfs.root(self.kernel)), "-append", " ".join([*words, *config.words]),
            *(["-device", "intel-iommu,intremap=off"] if config.iommu else []),
            "-drive", f"if=none,id=root,file={overlay},cache=unsafe",
            "-device", "virtio-blk-pci,drive=root,serial=root,bus=pcie.0",
            "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22",
            "-device", "virtio-net-pci,netdev=net,romfile=,bus=pcie.0",
            "-device", "virtio-rng-pci,bus=pcie.0",
        ]
        if product:
            arguments += ["-drive", f"if=none,id=product,file={product},format=raw,readonly=on",
                          "-device", "virtio-blk-pci,drive=product,serial=parker,bus=pcie.0"]
        for n in range(1, config.drives + 1):
            arguments += nvme(ext4(folder / f"nvme{n}.img", config.drive_size, n), n)
        for n, names in enumerate(config.guests, config.drives + 1):
            arguments += nvme(self._overlay(folder / f"nvme{n}.img", image.guest(Kernel(*names))), n, "qcow2")
        for argument in config.devices:
            arguments += argument.split()
        return arguments

    @staticmethod
    def _overlay(file: pathlib.Path, base: pathlib.Path) -> pathlib.Path:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, file], check=True)
        return file

    def __enter__(self) -> "Machine":
        try:
            self._await_ssh(timeout=240)
        except MachineError as error:
            self.__exit__()
            raise Unfit(str(error)) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, _type=None, error: BaseException | None = None, _trace=None) -> None:
        self._ssh_control("exit")
        shutil.rmtree(self._control.parent, ignore_errors=True)
        self.kill()
        if isinstance(error, Exception) and (fault := self.emulator_fault()):
            raise Unfit(f"{fault}\n{self.tail()}") from error
        for file in (self.folder / "root.qcow2", *self.folder.glob("nvme*.img")):
            file.unlink(missing_ok=True)

    def ssh_options(self) -> list[str]:
        """What ssh, scp and sftp need to get in, as root at 127.0.0.1."""
        settings = {"IdentityFile": image.identity(), "Port": self.port, "StrictHostKeyChecking": "no",
                    "UserKnownHostsFile": "/dev/null", "BatchMode": "yes", "ConnectTimeout": 5, "ControlMaster": "auto",
                    "ControlPath": self._control, "ControlPersist": 600, "ServerAliveInterval": 10, "ServerAliveCountMax": 6}
        return ["-q", "-F", "none", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]

    def _ssh(self, *more: str) -> list[str]:
        return ["ssh", *self.ssh_options(), *more, "root@127.0.0.1"]

    def _ssh_control(self, command: str) -> None:
        subprocess.run(self._ssh("-O", command), stdin=subprocess.DEVNULL, capture_output=True)

    def _listens(self) -> bool:
        """Whether sshd answers. QEMU itself takes the connection at once, so ssh would wait for its whole timeout."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(1)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _await_ssh(self, timeout: float) -> None:
        start = time.monotonic()
        while time.monotonic() - start < timeout:
            if not self.running():
                raise MachineError(f"the machine ended while booting\n{self.tail()}")
            try:
                # Answers when the machine is up, all the way.
                if self._listens() and self.run("systemctl is-system-running --wait", check=False, timeout=60).stdout.strip() in ("running", "degraded"):
                    self.booted_in = time.monotonic() - start
                    return
            except MachineError:
                pass
            time.sleep(0.2)
        raise MachineError(f"the machine is not up after {timeout:.0f} s\n{self.tail()}")

    def run(self, command: str, check: bool = True, timeout: float = 60, input: bytes | None = None) -> subprocess.CompletedProcess:
        """Run a shell command in the machine; its output as text."""
        timeout *= PATIENCE
        with subprocess.Popen([*self._ssh(), command], stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ssh:
            try:
                out, err = ssh.communicate(input, timeout)
            except subprocess.TimeoutExpired:
                ssh.kill()
                raise MachineError(f"`{command}` did not end within {timeout:.0f} s") from None
        done = subprocess.CompletedProcess(command, ssh.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        if done.returncode == 255 and not self.running():
            raise MachineError(f"`{command}`: the machine has gone\n{self.tail()}")
        if check and done.returncode:
            raise CommandError(done)
        return done

    def out(self, command: str, timeout: float = 60) -> str:
        """The trimmed standard output of a command that must succeed."""
        return self.run(command, timeout=timeout).stdout.strip()

    def put(self, path: str, content: bytes | str) -> None:
        """Write a file; it appears whole or not at all."""
        data = content.encode() if isinstance(content, str) else content
        folder, new = shlex.quote(os.path.dirname(path)), shlex.quote(path + ".new")
        self.run(f"mkdir -p {folder} && cat >{new} && mv {new} {shlex.quote(path)}", input=data, timeout=120)

    def get(self, path: str) -> bytes:
        done = subprocess.run([*self._ssh(), f"cat {shlex.quote(path)}"], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        if done.returncode:
            raise MachineError(f"{path}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def peek(self, name: str, drive: int = 1) -> str:
        """A file on an NVMe drive, whoever owns the drive now; empty when it is not there (yet)."""
        return file_on(self.folder / f"nvme{drive}.img", name)

    def until(self, what: str, true, timeout: float = 30) -> None:
        until(what, true, timeout)

    def responds(self) -> bool:
        """Whether the machine still carries out commands."""
        try:
            return self.running() and self.run("true", check=False, timeout=20).returncode == 0
        except MachineError:
            return False

    def new_trouble(self) -> list[str]:
        """Trouble on the console since the last call."""
        found = self.trouble(self._seen)
        self._seen = len(self.console())
        return found

    def emulator_fault(self) -> str:
        """What QEMU did wrong, if anything: nothing that a machine runs may crash it. And while newer kernels patch their
        own code, TCG very rarely executes a breakpoint that is no longer there, and one of the kernels dies of it."""
        if signal_name := self.crashed():
            return f"QEMU crashed with {signal_name}"
        journal = self.folder / "journal.log"
        if any("int3: 0000" in text for text in (self.console(), journal.read_text() if journal.exists() else "")):
            return "QEMU ran a stale breakpoint while the kernel patched itself"
        return ""

    def tail(self, lines: int = 30) -> str:
        """The last that it said, and where its trouble began."""
        console = self.console().splitlines()
        first = next((n for n, line in enumerate(console) if TROUBLE.search(line)), len(console))
        shown = [*console[max(0, first - 2) : first + lines], *(["..."] if first + lines < len(console) - lines else []),
                 *console[max(first + lines, len(console) - lines) :]]
        said = [f"console| {line}" for line in shown]
        return "\n".join([*said, *(f"qemu| {line}" for line in (self.folder / "qemu.log").read_text().splitlines()[-5:])])

    def collect(self) -> None:
        """Keep the journal beside the console log, if the machine can still give it; not that of an earlier failure."""
        path = self.folder / "journal.log"
        path.unlink(missing_ok=True)
        if self.responds():
            path.write_text(self.run("journalctl -b --no-pager -o short-monotonic", check=False, timeout=120).stdout)

    def parkerd_said(self, lines: int = 40) -> str:
        """The last of what the journal has of parkerd, its units and its partitions, once it was collected."""
        journal = self.folder / "journal.log"
        if not journal.exists():
            return ""
        said = [line for line in journal.read_text().splitlines() if "parker" in line]
        return "\n".join(f"journal| {line[:200]}" for line in said[-lines:])

    def shell(self, command: str = "") -> int:
        """Give the terminal to a shell in the machine."""
        return subprocess.run([*self._ssh("-t"), *([command] if command else [])]).returncode

    def power_off(self, timeout: float = 60) -> None:
        """Shut down as a person would, by the power button."""
        self.monitor("system_powerdown")
        if not self.wait(timeout):
            raise MachineError(f"the machine is not off after {timeout * PATIENCE:.0f} s\n{self.tail()}")


def file_on(image: pathlib.Path, name: str) -> str:
    """A file in a file system image, or nothing."""
    command = ["debugfs", "-R", f"cat /{name}", str(image)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).stdout.decode(errors="replace")


def ext4(file: pathlib.Path, size: str, number: int) -> pathlib.Path:
    """A disk image with an empty ext4."""
    subprocess.run(["mke2fs", "-qF", "-t", "ext4", "-L", f"drive{number}", str(file), size], stdout=subprocess.DEVNULL, check=True)
    return file


def nvme(file: pathlib.Path, number: int, form: str = "raw") -> list[str]:
    """QEMU arguments for an NVMe drive behind a root port of its own: 0000:NUMBER:00.0 as long as no other bus comes before."""
    return ["-device", f"pcie-root-port,id=rp{number},chassis={number},slot={number},bus=pcie.0",
            "-drive", f"if=none,id=nvme{number},file={file},format={form},cache=unsafe",
            "-device", f"nvme,bus=rp{number},drive=nvme{number},serial=drive{number}"]
