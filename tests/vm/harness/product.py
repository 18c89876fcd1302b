# SPDX-License-Identifier: LGPL-2.1-or-later
"""What this tree builds, as a tar that a machine lays over its root file system while it boots."""

import atexit
import fcntl
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import initramfs, paths
from .debian import Kernel
from .machine import Config


def module(kernel: Kernel) -> pathlib.Path:
    """parker.ko for this kernel, built in a copy of kmod/."""
    work = paths.BUILD / "kmod" / kernel.release
    work.mkdir(parents=True, exist_ok=True)
    sources = paths.SOURCE / "kmod"
    files = {p.relative_to(sources) for p in sources.rglob("*")
             if p.name in ("Kbuild", "Makefile") or p.suffix in (".c", ".h", ".S") and not p.name.endswith(".mod.c")}
    for stale in {p.relative_to(work) for p in work.rglob("*.[chS]") if not p.name.endswith(".mod.c")} - files:
        (work / stale).unlink()
    for name in sorted(files):
        source, target = sources / name, work / name
        target.parent.mkdir(exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    done = subprocess.run(["make", "-s", "-C", work, f"KDIR={kernel.headers}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (work / "make.log").write_text(done.stdout)
    if done.returncode:
        raise RuntimeError(f"parker.ko for {kernel.release} does not build:\n{done.stdout}")
    return work / "parker.ko"


_kernels: dict[str, Kernel] = {}  # by name, as one is no key of a cache


@functools.cache
def _scratch() -> pathlib.Path:
    """A folder that is gone when this program ends."""
    paths.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="product-", dir=paths.ARTEFACTS)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)


def _root(name: str) -> pathlib.Path:
    root = _scratch() / name
    root.mkdir()
    root.chmod(0o755)
    return root


@functools.cache
def _installed() -> pathlib.Path:
    """What `meson install` puts in place."""
    root = _root("installed")
    subprocess.run(["ninja", "-C", paths.BUILD, "--quiet"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    subprocess.run(["meson", "install", "-C", paths.BUILD, "--quiet", "--no-rebuild", "--strip", "--destdir", root],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if (root / "lib").is_dir():  # the machine's /lib is a link
        shutil.copytree(root / "lib", root / "usr/lib", dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(root / "lib")
    return root


@functools.cache
def _module_installed(name: str) -> pathlib.Path:
    """The module and the indexes that modprobe then needs, beside the own modules of the kernel of this name."""
    kernel = _kernels[name]
    root = _root(f"module-{name}")
    target = root / "usr/lib/modules" / kernel.release
    with tempfile.TemporaryDirectory(dir=paths.CACHE) as scratch:
        tree = pathlib.Path(scratch) / "lib/modules" / kernel.release
        shutil.copytree(kernel.modules, tree, copy_function=os.link, symlinks=True)
        for index in tree.glob("modules.*"):  # do not write through the links to the cache
            content = index.read_bytes()
            index.unlink()
            index.write_bytes(content)
        (tree / "updates").mkdir(exist_ok=True)
        shutil.copy2(module(kernel), tree / "updates/parker.ko")
        subprocess.run(["depmod", "-b", scratch, kernel.release], check=True)
        (target / "updates").mkdir(parents=True)
        for file in [*tree.glob("modules.*"), tree / "updates/parker.ko"]:
            shutil.copy2(file, target / file.relative_to(tree))
    return root


def disk(config: Config, daemon: bool = True) -> pathlib.Path:
    """A tar of the installed build, parker.ko for the boot kernel, and application kernels with their initramfs in
    /boot. What machines have in common is made once."""
    kernel = Kernel(*config.kernel)
    applications = [Kernel(*names) for names in config.applications] or [kernel]
    paths.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with open(paths.BUILD / ".product.lock", "w") as lock, tempfile.TemporaryDirectory(dir=_scratch()) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _kernels[kernel.name] = kernel
        roots = [*([_installed()] if daemon else []), _module_installed(kernel.name), pathlib.Path(folder)]
        roots[-1].chmod(0o755)
        boot = roots[-1] / "boot"
        boot.mkdir()
        for application in applications:
            shutil.copy2(initramfs.application(application), boot / f"application-{application.release}.img")
            if application.release != kernel.release:
                shutil.copy2(application.image, boot)
        for guest in [Kernel(*names) for names in config.guests]:
            shutil.copy2(initramfs.root(guest), boot / f"guest-{guest.release}.img")
        (boot / "application.img").symlink_to(f"application-{applications[0].release}.img")
        tar = paths.ARTEFACTS / f"product-{paths.digest(config, os.getpid(), time.monotonic_ns())}.tar"  # each caller's own
        subprocess.run(["tar", "-cf", tar, "--owner=0", "--group=0", *(word for root in roots for word in ("-C", root, "."))], check=True)
    return tar
