# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root disks: Debian with systemd, for the test machine and for partitions that run a whole one."""

import pathlib
import shutil
import subprocess
import tempfile

from . import debian, paths
from .debian import Archive, Kernel

SIZE = "3G"

PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "udev", "polkitd", "kmod", "pciutils", "iproute2", "e2fsprogs", "openssh-server",
    "procps", "zstd", "busybox-static", "util-linux", "dmidecode", "kexec-tools",
    "python3",  # for Ansible
    "systemd-container",  # for systemd-machined, which parkerd is held against
    # what parkerd links against
    "libfmt9", "libgcrypt20", "libhwloc15", "libpci3", "libsdbus-c++1", "libspdlog1.10", "libsystemd0", "libudev1", "libyaml-cpp0.7",
]

# Nothing of these is of use to a machine that lives for minutes.
MASKED = [
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "getty@tty1.service", "serial-getty@ttyS0.service", "systemd-timesyncd.service",
    "systemd-pstore.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
    "systemd-tmpfiles-clean.timer", "systemd-random-seed.service", "systemd-network-generator.service",
    "systemd-networkd.service", "systemd-networkd.socket", "modprobe@drm.service", "modprobe@fuse.service",
    "modprobe@loop.service", "modprobe@dm_mod.service", "modprobe@efi_pstore.service", "modprobe@configfs.service",
    "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount", "dev-mqueue.mount",
    "dev-hugepages.mount", "sys-kernel-tracing.mount", "systemd-remount-fs.service", "systemd-sysusers.service",
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "kexec-load.service", "kexec.service",
]

# Nor do the generators find anything; they run at each reload of systemd, too.
GENERATORS = ["cryptsetup", "debug", "fstab", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local", "run", "system-update",
              "sysv", "veritysetup", "bless-boot"]
UNNEEDED = ["systemd-sysctl.service", "systemd-user-sessions.service", "kmod-static-nodes.service"]  # on the machine alone

# Nor of these, which udev would load.
BLACKLIST = [
    "acpi_cpufreq", "aesni_intel", "ahci", "cfg80211", "crc32_pclmul", "crct10dif_pclmul", "ghash_clmulni_intel", "i2c_i801", "iTCO_wdt",
    "kvm_amd", "lpc_ich", "pcspkr", "powernow_k8", "psmouse", "serio_raw", "sha1_ssse3", "sha256_ssse3", "sha512_ssse3",
]

# Nor would anything happen that is worth the time, if udev heard of these at boot.
UNTOLD = ["acpi", "clockevents", "cpu", "event_source", "machinecheck", "mem", "memory", "tty", "vc", "wakeup", "workqueue"]

FILES = {
    "etc/hostname": "parker\n",
    "etc/hosts": "127.0.0.1 localhost parker\n",
    "etc/fstab": "/dev/root / ext4 defaults,noatime 0 0\n",
    "etc/machine-id": "b3d5c1f0a7e94c2d8f60718293a4b5c6\n",
    "etc/resolv.conf": "",
    "etc/modules-load.d/test.conf": "button\n",  # for the power button, which udev would hear of from acpi
    "etc/modprobe.d/test.conf": "".join(f"blacklist {name}\n" for name in BLACKLIST),
    "etc/systemd/system/systemd-udev-trigger.service.d/test.conf":
        f"[Service]\nExecStart=\nExecStart=udevadm trigger --type=all --action=add {' '.join(f'--subsystem-nomatch={s}' for s in UNTOLD)}\n",
    "etc/systemd/journald.conf.d/test.conf": "[Journal]\nStorage=persistent\nRateLimitBurst=0\nSyncIntervalSec=5s\n",
    "etc/systemd/system.conf.d/test.conf": "[Manager]\nDefaultTimeoutStopSec=20s\nShowStatus=no\n",
    "etc/ssh/sshd_config.d/test.conf":
        "UsePAM no\nUseDNS no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nPrintMotd no\nMaxSessions 64\n",
}

GUEST_FILES = {
    "etc/machine-id": "",
    "etc/fstab": "/dev/root / ext4 defaults,noatime 0 0\n",
    "etc/resolv.conf": "",
    # What tmpfiles.d writes from a credential is there before the network is set up.
    "etc/systemd/system/systemd-networkd.service.d/after-tmpfiles.conf": "[Unit]\nAfter=systemd-tmpfiles-setup.service\n",
    **{name: FILES[name] for name in FILES if name.endswith("test.conf")},
}

MMDEBSTRAP = [
    "mmdebstrap", "--quiet", "--mode=root", "--variant=essential",
    "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io",
    '--customize-hook=chroot "$1" passwd -qd root', '--customize-hook=chroot "$1" systemctl -q set-default multi-user.target',
]


def identity() -> pathlib.Path:
    """The ssh key that opens every test machine."""

    def make(path: pathlib.Path) -> None:
        path.mkdir(mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "parker-test", "-f", path / "id"], check=True)

    return paths.cached("ssh", make) / "id"


def _system() -> pathlib.Path:
    """A tar of everything but the kernel."""
    versions = Archive().closure(PACKAGES)

    def make(path: pathlib.Path) -> None:
        masks = [f'--customize-hook=chroot "$1" systemctl -q mask {" ".join(MASKED)}']
        command = [*MMDEBSTRAP, *masks, "--format=tar", f"--include={','.join(PACKAGES)}", debian.RELEASE, path, "-"]
        lines = "\n".join(debian.sources()) + "\n"
        subprocess.run([str(a) for a in command], input=lines, text=True, check=True)

    return paths.cached(f"system/{paths.digest(versions, MASKED, MMDEBSTRAP)}.tar", make)


def _write(root: pathlib.Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def _image(name: str, kernel: Kernel, fill, *inputs: object) -> pathlib.Path:
    """An ext4 file system image of the system with this kernel's modules, finished by fill(root). Never written after it
    is made: machines use an overlay."""
    system = _system()

    def make(path: pathlib.Path) -> None:
        with tempfile.TemporaryDirectory(dir=paths.CACHE) as tree:
            root = pathlib.Path(tree) / "root"
            root.mkdir()
            subprocess.run(["tar", "-xf", system, "--numeric-owner", "-C", root], check=True)
            shutil.copytree(kernel.modules, root / "usr/lib/modules" / kernel.release, symlinks=True)
            (root / "var/log/journal").mkdir(exist_ok=True)
            fill(root)
            subprocess.run(["mke2fs", "-qF", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1",
                            "-L", "root", "-d", root, path, SIZE], check=True, stdout=subprocess.DEVNULL)

    digest = paths.digest(system.name, kernel.name, kernel.version, pathlib.Path(__file__).read_bytes(), *inputs)
    return paths.cached(f"disks/{name}-{kernel.release}-{digest}.ext4", make)


def disk(kernel: Kernel) -> pathlib.Path:
    """The machine's own root."""
    key = identity().with_suffix(".pub").read_text()

    def fill(root: pathlib.Path) -> None:
        _write(root, FILES)
        (root / "etc/systemd/system-generators").mkdir()
        for generator in GENERATORS:
            (root / f"etc/systemd/system-generators/systemd-{generator}-generator").symlink_to("/dev/null")
        for unit in UNNEEDED:
            (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        (root / "root/.ssh/authorized_keys").write_text(key)
        for file in kernel.tree.glob("boot/*"):
            shutil.copy2(file, root / "boot")
        (root / "boot/vmlinuz").symlink_to(kernel.image.name)

    return _image("machine", kernel, fill, key, FILES)


def guest(kernel: Kernel) -> pathlib.Path:
    """The root of a partition that runs a whole Debian. It does not know who it is, and lets nobody in: host name,
    machine ID, keys and network come from the partition's manifest."""

    def fill(root: pathlib.Path) -> None:
        _write(root, GUEST_FILES)
        (root / "etc/hostname").unlink(missing_ok=True)
        shutil.copy2(kernel.image, root / "boot")
        units = root / "etc/systemd/system"
        for unit in ("systemd-networkd.service", "systemd-networkd.socket"):
            (units / unit).unlink()
        (units / "multi-user.target.wants/systemd-networkd.service").symlink_to("/usr/lib/systemd/system/systemd-networkd.service")

    return _image("guest", kernel, fill, GUEST_FILES)
