# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small initramfs images: busybox, some modules of a kernel, an /init."""

import gzip
import lzma
import pathlib
import re
import subprocess

from . import paths
from .debian import Archive, Kernel

BUSYBOX = pathlib.Path("/bin/busybox")
VM = pathlib.Path(__file__).resolve().parents[1]

# What root disks need and who goes there by ssh, and what an application kernel's drive, power button and network need.
ROOT_MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "nvme", "crc32c_generic", "crc32c_intel", "ext4"]
APPLICATION_MODULES = ["nvme", "virtio_pci", "virtio_blk", "crc32c_generic", "crc32c_intel", "ext4", "button", "evdev",
                       "e1000e", "virtio_net", "nd_e820", "nd_pmem", "erofs"]


class Cpio:
    """A cpio archive in the making, in the format that the kernel unpacks ("newc")."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._known: set[str] = set()

    def _add(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._known.add(name)
        path = name.encode() + b"\0"
        fields = (len(self._known), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in (header + path, data):
            self._parts.append(part + bytes(-len(part) % 4))

    def folder(self, name: str) -> None:
        if name not in self._known and name != ".":
            self.folder(str(pathlib.PurePath(name).parent))
            self._add(name, 0o040755)

    def file(self, name: str, data: bytes, mode: int = 0o755) -> None:
        self.folder(str(pathlib.PurePath(name).parent))
        self._add(name, 0o100000 | mode, data)

    def device(self, name: str, major: int, minor: int) -> None:
        self.folder(str(pathlib.PurePath(name).parent))
        self._add(name, 0o020600, device=(major, minor))

    def packed(self) -> bytes:
        self._add("TRAILER!!!", 0)
        return gzip.compress(b"".join(self._parts), compresslevel=1, mtime=0)


def _module(file: pathlib.Path) -> bytes:
    """A module's content, unpacked: busybox's insmod does not know every compression."""
    data = file.read_bytes()
    if file.suffix == ".xz":
        return lzma.decompress(data)
    if file.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(file)], check=True, capture_output=True).stdout
    return data


def _base(kernel: Kernel, modules: list[str], init: pathlib.Path) -> Cpio:
    cpio = Cpio()
    for folder in ("dev", "proc", "sys", "mnt", "root", "tmp"):
        cpio.folder(folder)
    cpio.device("dev/console", 5, 1)
    cpio.file("bin/busybox", BUSYBOX.read_bytes())
    cpio.file("init", init.read_bytes())
    names = []
    for file in kernel.closure(modules):
        names.append(re.sub(r"\.ko.*", ".ko", file.name))
        cpio.file(f"modules/{names[-1]}", _module(file), 0o644)
    cpio.file("modules/order", "".join(f"{name}\n" for name in names).encode(), 0o644)
    return cpio


def _inputs(kernel: Kernel, modules: list[str], *files: pathlib.Path) -> str:
    return paths.digest(kernel.name, kernel.version, modules, *(f.read_bytes() for f in (pathlib.Path(__file__), BUSYBOX, *files)))


def root(kernel: Kernel) -> pathlib.Path:
    """Finds the root disk, lays the product over it if there is one, goes on with systemd."""
    init = VM / "init-root"

    def make(path: pathlib.Path) -> None:
        path.write_bytes(_base(kernel, ROOT_MODULES, init).packed())

    return paths.cached(f"initramfs/root-{kernel.release}-{_inputs(kernel, ROOT_MODULES, init)}", make)


def _jobs() -> list[pathlib.Path]:
    return sorted(f for f in (VM / "jobs").iterdir() if f.is_file())


def application(kernel: Kernel) -> pathlib.Path:
    """An application kernel's: runs the job that its command line names and obeys the power button."""
    init = VM / "init-application"
    jobs = _jobs()

    def make(path: pathlib.Path) -> None:
        cpio = _base(kernel, APPLICATION_MODULES, init)
        for job in jobs:
            cpio.file(f"jobs/{job.name}", job.read_bytes())
        for module in own_modules(kernel).iterdir():
            cpio.file(f"jobs/{module.name}", module.read_bytes(), 0o644)
        if "-rt-" in kernel.release:
            for file in cyclictest():
                cpio.file(str(file[0]), file[1].read_bytes())
        path.write_bytes(cpio.packed())

    sources = sorted((VM / "modules").iterdir())
    return paths.cached(f"initramfs/application-{kernel.release}-{_inputs(kernel, APPLICATION_MODULES, init, *jobs, *sources)}", make)


def cyclictest() -> list[tuple[str, pathlib.Path]]:
    """Debian's latency test and the libraries it loads: (path in the image, file)."""

    def make(path: pathlib.Path) -> None:
        Archive().unpack(["rt-tests", "libnuma1"], path)

    tree = paths.cached(f"tools/rt-tests-{paths.digest(Archive().show('rt-tests')['Version'])}", make)
    program = tree / "usr/bin/cyclictest"
    libraries = [folder for folder in (tree / "usr/lib/x86_64-linux-gnu", tree / "lib/x86_64-linux-gnu") if folder.is_dir()]
    said = subprocess.run(["ldd", program], env={"LD_LIBRARY_PATH": ":".join(map(str, libraries))}, capture_output=True, text=True, check=True)
    loaded = [pathlib.Path(found) for found in re.findall(r"(/\S+)", said.stdout)]
    loader = "lib64/ld-linux-x86-64.so.2"
    return [("bin/cyclictest", program), *((loader if file.name.startswith("ld-linux") else f"lib/{file.name}", file) for file in loaded)]


def own_modules(kernel: Kernel) -> pathlib.Path:
    """A folder with the modules that jobs need to do harm to their kernel."""
    sources = sorted((VM / "modules").iterdir())

    def make(path: pathlib.Path) -> None:
        work = path.with_name(path.name + ".work")
        paths.remove(work)
        work.mkdir()
        for source in sources:
            (work / source.name).write_bytes(source.read_bytes())
        subprocess.run(["make", "-s", "-C", str(kernel.headers), f"M={work}", "CC=gcc", "modules"], check=True, stdin=subprocess.DEVNULL)
        path.mkdir()
        for module in work.glob("*.ko"):
            module.rename(path / module.name)
        paths.remove(work)

    return paths.cached(f"initramfs/modules-{kernel.release}-{paths.digest(kernel.version, *(s.read_bytes() for s in sources))}", make)
