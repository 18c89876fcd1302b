# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages, of this machine's release or another, without ever touching this machine's own apt state.

The mirrors are those that the machine's own apt is configured for; whatever else it lists is left out.
"""

import functools
import lzma
import pathlib
import re
import struct
import subprocess
import time

from . import paths

KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASE = "bookworm"
LISTS_MAX_AGE = 12 * 3600  # seconds


def _run(*argv: object, cwd: pathlib.Path | None = None) -> str:
    done = subprocess.run([str(a) for a in argv], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


@functools.cache
def _own_sources() -> list[tuple[str, str, str]]:
    """(label, mirror, suite) of each Debian source that this machine has."""
    form = "$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(RELEASE)"
    command = ("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    if not (targets := _run(*command)):
        _run("apt-get", "update", "-qq")
        targets = _run(*command)
    fields = [line.split("|") for line in targets.splitlines()]
    return sorted({(label, uri, suite) for origin, label, uri, suite in fields if origin == "Debian"})


def sources(suite: str = RELEASE) -> list[str]:
    """sources.list lines for a suite, with its security updates where it has any."""
    own = _own_sources()
    if suite == RELEASE:
        wanted = {(uri, name) for _, uri, name in own}
    else:
        wanted = {(uri, suite) for label, uri, _ in own if label == "Debian"}
        if "-" not in suite:
            wanted |= {(uri, f"{suite}-security") for label, uri, _ in own if label == "Debian-Security"}
    if not wanted:
        raise RuntimeError("this machine's apt has no Debian source")
    return [f"deb [signed-by={KEYRING}] {uri} {name} main" for uri, name in sorted(wanted)]


class Archive:
    """The packages of one suite."""

    def __init__(self, suite: str = RELEASE) -> None:
        self.suite = suite
        state = paths.CACHE / "apt" / suite
        self._options = [
            f"-oDir::State={state}",
            f"-oDir::State::status={state}/status",
            f"-oDir::Cache={state}/cache",
            f"-oDir::Etc::sourcelist={state}/sources.list",
            "-oDir::Etc::sourceparts=-",
            "-oDir::Etc::preferences=-",
            "-oDir::Etc::preferencesparts=-",
            "-oAPT::Sandbox::User=root",
        ]
        lists = "\n".join(sources(suite)) + "\n"
        with paths.locked(f"apt-{suite}"):
            stamp = state / "sources.list"
            fresh = stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_MAX_AGE
            if fresh and stamp.read_text() == lists:
                return
            (state / "lists/partial").mkdir(parents=True, exist_ok=True)
            (state / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
            (state / "status").touch()
            stamp.unlink(missing_ok=True)
            fresh_list = state / "sources.list.new"
            fresh_list.write_text(lists)
            _run("apt-get", *self._options, f"-oDir::Etc::sourcelist={fresh_list}", "update", "-qq")
            fresh_list.rename(stamp)

    def show(self, package: str) -> dict[str, str]:
        """The control fields of the version that would be installed."""
        text = _run("apt-cache", *self._options, "show", "--no-all-versions", package)
        return dict(re.findall(r"^([\w-]+): (.*)$", text.split("\n\n")[0], re.M))

    def depends(self, package: str, pattern: str) -> list[str]:
        """Names of the packages this one depends on that match the pattern; alternatives are left out."""
        names = [part.split()[0] for part in self.show(package)["Depends"].split(",")]
        return [name for name in names if re.fullmatch(pattern, name)]

    def closure(self, packages: list[str]) -> list[str]:
        """name=version of these packages and everything they need, from nothing."""
        plan = _run("apt-get", *self._options, "--no-install-recommends", "-s", "install", *packages)
        return sorted("=".join(found) for found in re.findall(r"^Inst (\S+) \((\S+)", plan, re.M))

    def download(self, packages: list[str], folder: pathlib.Path) -> list[pathlib.Path]:
        paths.remove(folder)
        folder.mkdir(parents=True)
        _run("apt-get", *self._options, "download", "-qq", *packages, cwd=folder)
        return list(folder.iterdir())

    def unpack(self, packages: list[str], target: pathlib.Path) -> None:
        """Download packages and unpack them below target; nothing is installed."""
        target.mkdir(parents=True, exist_ok=True)
        debs = target / ".debs"
        for deb in self.download(packages, debs):
            _run("dpkg-deb", "-x", deb, target)
        paths.remove(debs)


class Kernel:
    """A stock kernel, unpacked in the cache: image, modules, headers to build modules against."""

    def __init__(self, suite: str = RELEASE, flavour: str = "amd64") -> None:
        self._archive = Archive(suite)
        [self._package] = self._archive.depends(f"linux-image-{flavour}", r"linux-image-\d.*")
        self.release = self._package.removeprefix("linux-image-")
        self.version = self._archive.show(self._package)["Version"]
        self.name = f"{suite}-{self.release}"

    @functools.cached_property
    def tree(self) -> pathlib.Path:
        def make(path: pathlib.Path) -> None:
            self._archive.unpack([self._package], path)
            if not (path / "usr/lib/modules").exists():
                (path / "usr/lib").mkdir(parents=True, exist_ok=True)
                (path / "lib/modules").rename(path / "usr/lib/modules")
                (path / "lib").rmdir()
                (path / "lib").symlink_to("usr/lib")
            _run("depmod", "-b", path, self.release)

        return paths.cached(f"kernels/{self.name}-{paths.digest(self.version)}", make)

    @property
    def image(self) -> pathlib.Path:
        return self.tree / f"boot/vmlinuz-{self.release}"

    @functools.cached_property
    def vmlinux(self) -> pathlib.Path:
        """What is packed in the image, which QEMU starts by its PVH entry. It runs where it was linked to, without KASLR."""

        def make(path: pathlib.Path) -> None:
            image = self.image.read_bytes()
            setup_sectors = image[0x1F1]  # the fields: Documentation/arch/x86/boot.rst
            offset, length = struct.unpack_from("<II", image, 0x248)
            start = (setup_sectors + 1) * 512 + offset
            packed = image[start : start + length - 4]  # its last four bytes are the size
            if packed.startswith(b"\xfd7zXZ"):
                path.write_bytes(lzma.decompress(packed))
            else:
                path.write_bytes(subprocess.run(["zstd", "-dcq"], input=packed, capture_output=True, check=True).stdout)

        return paths.cached(f"vmlinux/{self.name}-{paths.digest(self.version)}", make)

    @property
    def modules(self) -> pathlib.Path:
        return self.tree / f"usr/lib/modules/{self.release}"

    @functools.cached_property
    def headers(self) -> pathlib.Path:
        """What to give as KDIR when building a module for this kernel."""

        def make(path: pathlib.Path) -> None:
            package = f"linux-headers-{self.release}"
            parts = self._archive.depends(package, r"linux-(headers|kbuild)-.*")
            self._archive.unpack([package, *parts], path)
            for vmlinux in path.glob("usr/src/linux-headers-*/vmlinux"):
                vmlinux.unlink()  # only there to make BTF from, which takes a matching pahole
            final = paths.CACHE / name
            for makefile in path.glob("usr/src/linux-headers-*/Makefile"):
                text = makefile.read_text()
                if len(text) < 1000:  # the forwarding one, which names an absolute path
                    makefile.write_text(text.replace("/usr/src/", f"{final}/usr/src/"))

        name = f"headers/{self.name}-{paths.digest(self.version)}"
        return paths.cached(name, make) / f"usr/src/linux-headers-{self.release}"

    @functools.cached_property
    def symbols(self) -> pathlib.Path:
        """Its vmlinux with debug symbols, which is a small part of a large package."""
        package = f"linux-image-{self.release}-dbg"

        def make(path: pathlib.Path) -> None:
            [deb] = self._archive.download([package], path.with_name(f"{path.name}.debs"))
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as packed, open(path, "wb") as vmlinux:
                subprocess.run(["tar", "-xOf-", f"./usr/lib/debug/boot/vmlinux-{self.release}"], stdin=packed.stdout, stdout=vmlinux, check=True)
            paths.remove(deb.parent)

        return paths.cached(f"symbols/{self.name}-{paths.digest(self.version)}", make)

    def closure(self, modules: list[str]) -> list[pathlib.Path]:
        """Files of these modules and of all they need, in the order to load them. Built-in ones need no file."""
        needs: dict[str, list[str]] = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            file, rest = line.split(":")
            needs[file] = rest.split()
        by_name = {re.sub(r"\.ko.*", "", pathlib.Path(f).name).replace("-", "_"): f for f in needs}
        ordered: dict[str, None] = {}
        for module in modules:
            if file := by_name.get(module.replace("-", "_")):
                for needed in [*reversed(needs[file]), file]:
                    ordered.setdefault(needed)
        return [self.modules / file for file in ordered]
