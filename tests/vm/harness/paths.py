# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where things are: the source tree, the build folder, and the cache outside the tree."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("PARKER_BUILD", SOURCE / "build"))
ARTEFACTS = BUILD / "vm"

_BASE = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
UNUSED_MAX_AGE = 14 * 24 * 3600  # seconds
CACHE = pathlib.Path(os.environ.get("PARKER_CACHE") or pathlib.Path(_BASE) / "parker")


def digest(*parts: object) -> str:
    """A short name for content made from these inputs."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, bytes) else str(part).encode())
        sha.update(b"\0")
    return sha.hexdigest()[:16]


@contextlib.contextmanager
def locked(name: str):
    """One maker at a time for everything that goes by this name."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(name: str, make) -> pathlib.Path:
    """The cache entry of this name; make(path) fills it when it is not there yet. Appears whole or not at all."""
    entry = CACHE / name
    if entry.exists():
        os.utime(entry)
        return entry
    with locked(name.replace("/", "-")):
        if not entry.exists():
            entry.parent.mkdir(parents=True, exist_ok=True)
            partial = entry.with_name(entry.name + ".partial")
            remove(partial)
            make(partial)
            partial.rename(entry)
            os.utime(entry)
            prune(entry.parent)
    return entry


def prune(folder: pathlib.Path) -> None:
    """Remove what nobody has asked for in a while."""
    for entry in folder.iterdir():
        if time.time() - entry.stat().st_mtime > UNUSED_MAX_AGE:
            remove(entry)


def remove(path: pathlib.Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
