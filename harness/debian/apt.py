# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages of any suite and architecture, kept in the cache, signatures verified.

apt does the work, in a private root that needs no rights: ``apt-get update`` fetches and
verifies one suite's index, ``apt-helper download-file`` fetches one package.  What stays is
two things: the index as one file of text, and each .deb in a folder named after its SHA256.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.debian import mirror
from harness.debian.command import Result, run
from harness.errors import HostError, InputError
from harness.host.cache import cache_dir, host_errors, locked, new_file, new_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("harness")

# Seconds an index is used without asking the mirror for a newer one.
INDEX_LIFE = 24 * 60 * 60
# Seconds until the mirror is asked again after it failed while an older index is at hand.
OFFLINE_LIFE = 10 * 60
# Waits in seconds between attempts: a mirror in the middle of its own update needs a moment.
_WAITS = (2, 5, 10)
_HELPER = "/usr/lib/apt/apt-helper"
# Where a paragraph begins in the index.
_START = b"\n\nPackage: "
_FIELDS = (
    b"Package:", b"Version:", b"Architecture:", b"Source:", b"Depends:", b"Filename:",
    b"Size:", b"SHA256:", b"\n",
)  # fmt: skip


@dataclass(frozen=True)
class Package:
    """One version of one binary package, as an index lists it."""

    name: str
    version: str
    # Debian's name of its architecture, or "all".
    arch: str
    # The suite whose index listed it.
    suite: str
    # Of the .deb, in hex.
    sha256: str
    # Of the .deb, in bytes.
    size: int
    # The Depends field as it is; empty when there is none.
    depends: str
    # Source package.
    source: str
    # Where the .deb is below the mirror's address.
    filename: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.arch}, {self.suite})"


class Suite:
    """One suite ("bookworm", "trixie-backports") for one of Debian's architectures."""

    def __init__(self, suite: str, arch: str) -> None:
        """Name a suite; nothing is fetched yet.  InputError when it cannot be a suite's name."""
        if not re.fullmatch(r"[a-z][a-z0-9-]*", suite):
            message = f"'{suite}' is not the name of a Debian suite: expected one of {_suites()}"
            raise InputError(message)
        self.suite = suite
        self.arch = arch

    @functools.cached_property
    def _index(self) -> bytes:
        """The index: paragraphs as the mirror has them, without the fields nobody reads.

        Raises InputError when there is no such suite or architecture, HostError when the
        mirror cannot be reached and no older index is at hand.
        """
        path = self._path
        with locked(path), host_errors(f"cannot read {path}"):
            if not path.is_file() or not 0 <= time.time() - path.stat().st_mtime < INDEX_LIFE:
                self._refresh(path)
            return path.read_bytes()

    @property
    def _path(self) -> Path:
        return cache_dir("lists") / f"{self.suite}_{self.arch}"

    @property
    def kept(self) -> Path:
        """The folder of the packages that were fetched, of any suite; it may not be there."""
        return cache_dir() / "debs"

    def index_file(self) -> tuple[Path, float]:
        """Return the file of the index, and until when it is used (seconds since 1970).

        Raises what looking for a package does.
        """
        assert self._index
        return self._path, self._path.stat().st_mtime + INDEX_LIFE

    def find(self, name: str, version: str | None = None) -> Package | None:
        """Return the package ``name``: of ``version``, or the newest.

        A version that the suite has superseded is found when its .deb is in the cache.
        """
        found = list(self._paragraphs(name))
        if version is not None:
            found = [package for package in found if package.version == version]
            return found[0] if found else self._superseded(name, version)
        return newest(found)

    def names(self, prefix: str) -> list[str]:
        """Return the names that start with ``prefix``, sorted: the suite's, and the cache's."""
        start = b"\nPackage: " + prefix.encode()
        found = {package.name for package in self._cached(f"{prefix}*")}
        # bytes.find is ten times faster here than a regular expression.
        at = self._index.find(start)
        while at >= 0:
            end = self._index.find(b"\n", at + 1)
            found.add(self._index[at + len(b"\nPackage: ") : end].decode())
            at = self._index.find(start, end)
        return sorted(found)

    def versions(self, name: str) -> list[str]:
        """Return the versions of ``name`` that the suite has, or the cache still has."""
        listed = [package.version for package in self._paragraphs(name)]
        kept = [package.version for package in self._cached(f"{name}_*")]
        return list(dict.fromkeys([*listed, *kept]))

    def fetch(self, package: Package) -> Path:
        """Return the .deb of ``package``, downloaded unless the cache has it.

        Raises HostError when the mirror fails, or gives something else than the index says.
        """
        folder = cache_dir("debs") / package.sha256
        path = folder / _file_name(package)
        if path.is_file():
            return path
        with locked(folder):
            if not path.is_file():
                _tidy(folder)
                shutil.rmtree(folder, ignore_errors=True)  # somebody deleted the .deb alone
                with new_folder(folder) as temporary:
                    _download(package, self.arch, temporary / path.name)
                    (temporary / "package.json").write_text(json.dumps(asdict(package)))
        return path

    def _paragraphs(self, name: str) -> Iterator[Package]:
        # The index is sorted: bisect for the first paragraph of that name.
        index = self._index
        wanted = b"Package: %s\n" % name.encode()
        at = bisect.bisect_left(range(len(index)), wanted, key=self._first_line_after)
        at = index.find(_START, at)
        while at >= 0 and index.startswith(wanted, at + 2):
            end = index.find(b"\n\n", at + 2)
            yield self._package(index[at:end])
            at = end

    def _first_line_after(self, offset: int) -> bytes:
        at = self._index.find(_START, offset)
        return self._index[at + 2 : self._index.find(b"\n", at + 2) + 1] if at >= 0 else b"\xff"

    def _package(self, paragraph: bytes) -> Package:
        fields = dict(line.split(": ", 1) for line in paragraph.decode().strip().splitlines())
        return Package(
            name=fields["Package"],
            version=fields["Version"],
            arch=fields["Architecture"],
            suite=self.suite,
            sha256=fields["SHA256"],
            size=int(fields["Size"]),
            depends=fields.get("Depends", ""),
            source=fields.get("Source", fields["Package"]),
            filename=fields["Filename"],
        )

    def _cached(self, pattern: str) -> Iterator[Package]:
        """Give this suite's packages in the cache whose file name starts like ``pattern``."""
        for path in cache_dir("debs").glob(f"[!.]*/{pattern}_*.deb"):
            with contextlib.suppress(OSError, ValueError, TypeError):
                package = Package(**json.loads((path.parent / "package.json").read_text()))
                if package.suite == self.suite and package.arch in {self.arch, "all"}:
                    yield package

    def _superseded(self, name: str, version: str) -> Package | None:
        return next(self._cached(f"{name}_{_quoted(version)}"), None)

    def _refresh(self, path: Path) -> None:
        """Fetch the index anew; keep an older one, with a warning, when that fails."""
        log.info("fetching the package index of %s for %s", self.suite, self.arch)
        _tidy(path)
        older = path.is_file()
        try:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as root:
                text = self._update(Path(root), attempts=1 if older else len(_WAITS) + 1)
        except HostError as error:
            if not older:
                raise
            age = (time.time() - path.stat().st_mtime) / 3600
            log.warning("using the index of %s from %.0f h ago: %s", self.suite, age, error)
            looked = time.time() - INDEX_LIFE + OFFLINE_LIFE
            if path.stat().st_mtime < looked:
                os.utime(path, (looked, looked))
            return
        with new_file(path) as temporary:
            temporary.write_bytes(text)

    def _update(self, root: Path, attempts: int) -> bytes:
        """Return the index, fetched and verified by apt in the private root ``root``."""
        config = _configure(root, self.arch)
        address = mirror.mirror()
        options = f"arch={self.arch} signed-by={mirror.keyring()}"
        (root / "sources.list").write_text(f"deb [{options}] {address} {self.suite} main\n")
        command = ["apt-get", "update", "-q", "--error-on=any"]
        result = _attempt(command, config, f"the index of {self.suite}", attempts)
        if "does not have a Release file" in result.complaint:
            message = (
                f"the Debian mirror {address} has no suite '{self.suite}' (any more): "
                f"expected one of {_suites()}; an archived release needs DEBIAN_MIRROR"
            )
            raise InputError(message)
        if result.code:
            message = f"cannot fetch the index of {self.suite} from {address}: {result.complaint}"
            raise HostError(message)
        for listed in (root / "lists").glob("*_Packages*"):
            text = run([_HELPER, "cat-file", str(listed)], config)
            if text.code:
                message = f"cannot read the index of {self.suite}: {text.complaint}"
                raise HostError(message)
            return _shortened(text.stdout)
        message = f"Debian's {self.suite} has no packages for the architecture '{self.arch}'"
        raise InputError(message)


def _shortened(packages: bytes) -> bytes:
    """Return an index with the fields that are read, its paragraphs sorted by name.

    Every paragraph has an empty line before and after it, which _START relies on.
    """
    lines = packages.splitlines(keepends=True)
    kept = b"".join(line for line in lines if line.startswith(_FIELDS))
    paragraphs = sorted(paragraph for paragraph in kept.strip().split(b"\n\n") if paragraph)
    return b"\n\n" + b"\n\n".join(paragraphs) + b"\n\n"


def newest(packages: list[Package]) -> Package | None:
    """Return the package of the highest version in Debian's order (deb-version(7))."""
    return max(packages, key=functools.cmp_to_key(_compare), default=None)


def _compare(one: Package, other: Package) -> int:
    if one.version == other.version:
        return 0
    greater = run(["dpkg", "--compare-versions", one.version, "gt", other.version])
    return -1 if greater.code else 1


def _configure(root: Path, arch: str) -> dict[str, str]:
    """Write the configuration of a private apt root; return the environment that selects it.

    APT_CONFIG is read before the host's files (apt.conf(5)), hence these are switched off and
    what is needed of them is copied.
    """
    (root / "lists" / "partial").mkdir(parents=True)
    (root / "archives" / "partial").mkdir(parents=True)
    (root / "status").touch()
    lines = [
        *mirror.reach(),
        f'Dir::State "{root}";',
        f'Dir::State::lists "{root}/lists";',
        f'Dir::State::status "{root}/status";',
        f'Dir::Cache "{root}";',
        f'Dir::Etc::sourcelist "{root}/sources.list";',
        'Dir::Etc::sourceparts "/dev/null";',
        'Dir::Etc::main "/dev/null";',
        'Dir::Etc::parts "/dev/null";',
        'Dir::Etc::preferences "/dev/null";',
        'Dir::Etc::preferencesparts "/dev/null";',
        f'APT::Architecture "{arch}";',
        f'APT::Architectures {{ "{arch}"; }};',
        # Root would hand the download to the user _apt, who cannot write in here.
        'APT::Sandbox::User "root";',
        'Acquire::Languages "none";',
        'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";',
        'Acquire::Retries "1";',
    ]
    (root / "apt.conf").write_text("\n".join(lines) + "\n")
    return {"APT_CONFIG": str(root / "apt.conf")}


def _attempt(argv: list[str], config: dict[str, str], what: str, attempts: int) -> Result:
    """Run ``argv`` until it succeeds, at most ``attempts`` times; return the last result."""
    for wait in _WAITS[: attempts - 1]:
        result = run(argv, config)
        # What is not there now will not be there in a moment either.
        if not result.code or re.search(r"Release file|404 ", result.complaint):
            return result
        log.info("%s: the mirror failed (%s); again in %d s", what, result.complaint, wait)
        time.sleep(wait)
    return run(argv, config)


def _download(package: Package, arch: str, path: Path) -> None:
    log.info("fetching %s (%.1f MiB)", package, package.size / 2**20)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".apt.") as root:
        config = _configure(Path(root), arch)
        address = f"{mirror.mirror()}/{package.filename}"
        command = [_HELPER, "download-file", address, str(path), f"SHA256:{package.sha256}"]
        result = _attempt(command, config, str(package), len(_WAITS) + 1)
    if result.code:
        message = f"cannot fetch {package}: {result.complaint}"
        raise HostError(message)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        message = f"{package} has the SHA256 {found}, the index says {package.sha256}"
        raise HostError(message)


def _tidy(path: Path) -> None:
    """Remove what killed runs left beside ``path``, whose lock the caller holds."""
    for left in path.parent.glob(f".{path.name}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _suites() -> str:
    return ", ".join(mirror.RELEASES) + ", or a release with -backports"


def _quoted(version: str) -> str:
    return version.replace(":", "%3a")  # as Debian's archive does


def _file_name(package: Package) -> str:
    return f"{package.name}_{_quoted(package.version)}_{package.arch}.deb"
