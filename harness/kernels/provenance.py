# SPDX-License-Identifier: GPL-2.0-only
"""Where a kernel comes from: the commit, and what built it.

What reports to KCIDB and the like have to say of a checkout and of a build.  None of it decides
anything, so nothing here raises: what is not known, or makes no sense, is left out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.kernels.kernel import Kernel


@dataclass(frozen=True)
class Source:
    """The commit that a kernel was built from."""

    # git's name of it: 40 hex digits, or the first of them where only the release has it.
    commit: str
    # What git describe says of it; "" when that is not known, like the rest.
    describe: str = ""
    branch: str = ""
    # Of the repository, without a password.
    url: str = ""
    # There were changes that were not committed; None: not known.
    dirty: bool | None = None
    # "git": the build tree's HEAD when the run began; "tuxmake": its metadata.json; "release": the
    # end of uname -r (CONFIG_LOCALVERSION_AUTO).
    said_by: str = "git"


@dataclass(frozen=True)
class Build:
    """How a kernel was built; "" and None where that is not known."""

    # As it names itself, maybe with its linker: "gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld ...".
    compiler: str = ""
    # Of that: "12.2.0".
    compiler_version: str = ""
    # What the configuration was made from, as tuxmake names it ("defconfig+x.config"),
    # or a file's name ("config-6.1.0-50-amd64").
    config_name: str = ""
    # Of the .config file, in hex.
    config_sha256: str = ""
    # ISO 8601, UTC, to the second.  Nothing that is read today says it.
    started: str = ""
    # Seconds, of tuxmake's build.
    duration: float | None = None


@dataclass(frozen=True)
class Provenance:
    """What is known of where a kernel comes from, before git is asked."""

    build: Build = Build()
    source: Source | None = None
    # The folder to ask git about; "" when the kernel is of no tree that is here.
    tree: str = ""


# What to ask git (harness.host.git) about a build tree.
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "commit": ("rev-parse", "--verify", "--quiet", "HEAD^{commit}"),
    "describe": ("describe", "--always"),
    "branch": ("symbolic-ref", "--short", "--quiet", "HEAD"),
    # Of the remote that the branch follows, else origin; nobody is asked over a network.
    "url": ("ls-remote", "--get-url"),
    "status": ("status", "--porcelain", "--untracked-files=no"),
}
# scripts/setlocalversion puts it last: 6.12.0-rc1-00012-g1234567890ab-dirty.
_OF_RELEASE = re.compile(r"-g(?P<commit>[0-9a-f]{7,40})(?P<dirty>-dirty)?$")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
# include/generated/compile.h, and init/version.c.
_COMPILER = re.compile(r'#define\s+LINUX_COMPILER\s+"([^"\n]+)"')
_BANNER = re.compile(rb"Linux version \S{1,100} \([^()\n\0]{0,200}\) \(([^\n\0]{1,400}?)\) #")
_PASSWORD = re.compile(r"^(https?://)[^/@]*@|^([a-z+]+://[^/@:]*):[^/@]*(?=@)")
_LONGEST = 500  # characters of each text
_MAX_FILE = 16 << 20  # bytes of a file that is read for this


def provenance(kernel: Kernel) -> tuple[Provenance, list[Path]]:
    """Return where ``kernel`` comes from, and the files beside it that this depends on."""
    # What was found: Kernel.image may be unpacked from it.
    image = kernel.files[0] if kernel.files else kernel.image
    tree = _build_tree(image)
    header = (tree or image.parent) / "include" / "generated" / "compile.h"
    metadata = image.parent / "metadata.json"
    said = _tuxmake(metadata)
    compiler = (
        _of_header(header if tree else None)
        or kernel.config.get("CONFIG_CC_VERSION_TEXT", "")
        or _text(said, "compiler", "version_full")
        or _of_image(kernel)
    )
    text, name = _config(kernel)
    build = Build(
        compiler=compiler[:_LONGEST],
        compiler_version=compiler_version(compiler),
        config_name=_kconfig(said) or name,
        config_sha256=hashlib.sha256(text).hexdigest() if text else "",
        duration=_duration(said),
    )
    source = _of_tuxmake(said) or source_of_release(kernel.release)
    # Of make O=: a link that kbuild makes.
    top = "" if tree is None else str(tree / "source" if (tree / "source").is_dir() else tree)
    return Provenance(build, source, top), [header, metadata]


def source_of_git(answers: Mapping[str, str], release: str) -> Source | None:
    """Return the commit of a tree, of which git gave ``answers`` to QUESTIONS; None without one.

    ``release`` is that of the kernel that was built there: where it names a commit of its own,
    that is the kernel's, and not what has been checked out since.
    """
    commit = answers.get("commit", "")
    if not _COMMIT.fullmatch(commit):
        return None
    status = answers.get("status")
    found = Source(
        commit=commit,
        describe=answers.get("describe", "")[:_LONGEST],
        branch=answers.get("branch", "")[:_LONGEST],
        url=without_password(answers.get("url", ""))[:_LONGEST],
        dirty=None if status is None else status != "",
    )
    built = source_of_release(release)
    if built is None:
        return found
    if commit.startswith(built.commit):
        return replace(found, dirty=built.dirty)
    return replace(built, url=found.url)


def source_of_release(release: str) -> Source | None:
    """Return the commit that ``release`` ends with; None when it ends with none."""
    found = _OF_RELEASE.search(release)
    return found and Source(found["commit"], dirty=bool(found["dirty"]), said_by="release")


def without_password(url: str) -> str:
    """Return ``url`` without what lets one in: a user over HTTP may be a token."""
    return _PASSWORD.sub(lambda found: found[1] or found[2], url)


def compiler_version(compiler: str) -> str:
    """Return the version in what a compiler, maybe with its linker, calls itself.

    >>> compiler_version("gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils) 2.40")
    '12.2.0'
    """
    alone = re.sub(r"\([^()]*\)", "", compiler).partition(",")[0]
    found: list[str] = re.findall(r"(?<![\w.])\d+(?:\.\d+)+", alone)
    return found[-1] if found else ""


def _build_tree(image: Path) -> Path | None:
    """Return the build tree whose arch/*/boot/ ``image`` is in; None when it is in none."""
    for path in (image.absolute(), image.resolve()):
        if path.parts[-4:-3] == ("arch",) and path.parent.name == "boot":
            return path.parents[3]
    return None


def _of_header(path: Path | None) -> str:
    found = _COMPILER.search(_read(path).decode(errors="replace")) if path else None
    return found[1] if found else ""


def _of_image(kernel: Kernel) -> str:
    """Return the compiler in the image's "Linux version" line; "" without one."""
    # Here, because mostly a configuration says it; to unpack an image takes a second.
    from harness.kernels import compression, images  # noqa: PLC0415

    with contextlib.suppress(OSError, HarnessError, compression.DamagedError):
        data = kernel.image.read_bytes()
        inner = images.unpacked(data, images.identify(data, kernel.origin))
        if found := _BANNER.search(inner or b""):
            return found[1].decode(errors="replace")
    return ""


def _config(kernel: Kernel) -> tuple[bytes, str]:
    """Return the configuration of ``kernel``, and a name for it; both may be empty."""
    if not kernel.config.whole:
        return b"", ""
    release = f"config-{kernel.release}"
    for path in kernel.files:
        if path.name in {release, "config", ".config"} and path.is_file():
            # A package's has its release; the cache's copy has lost it.
            packed = kernel.origin.startswith(("debian:", "deb "))
            return _read(path), release if packed or path.name == release else ""
    from harness.kernels.facts import facts  # noqa: PLC0415 (as in _of_image)

    with contextlib.suppress(HarnessError):
        inside = facts(kernel.image, kernel.origin, kernel.sha256).config
        return (inside or "").encode(), ""
    return b"", ""


def _tuxmake(path: Path) -> Mapping[str, Any]:
    """Return what tuxmake's metadata.json says; {} when there is none, or it is another's."""
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(_read(path))
        if isinstance(value, dict) and "tuxmake" in value:
            return value
    return {}


def _of_tuxmake(said: Mapping[str, Any]) -> Source | None:
    """Return the commit in tuxmake's metadata (its metadata/git.ini); it says nothing of dirt."""
    commit = _text(said, "git", "git_commit")
    if not _COMMIT.fullmatch(commit):
        return None
    describe, branch, url = (_text(said, "git", f"git_{k}") for k in ("describe", "branch", "url"))
    return Source(commit, describe, branch, without_password(url), said_by="tuxmake")


def _kconfig(said: Mapping[str, Any]) -> str:
    """Return tuxmake's names of what the configuration was made from, joined by "+"."""
    build = said.get("build")
    if not isinstance(build, dict):
        return ""
    first, more = build.get("kconfig"), build.get("kconfig_add")
    names = [*(first if isinstance(first, list) else [first])]
    names += more if isinstance(more, list) else []
    return "+".join(name for name in names if isinstance(name, str))[:_LONGEST]


def _duration(said: Mapping[str, Any]) -> float | None:
    """Return the seconds that tuxmake's build took, without its preparation."""
    with contextlib.suppress(LookupError, TypeError, ValueError, OverflowError):
        seconds = float(said["results"]["duration"]["build"])
        return round(seconds, 3) if 0 <= seconds < math.inf else None
    return None


def _text(said: Mapping[str, Any], group: str, name: str) -> str:
    inner = said.get(group)
    value = inner.get(name) if isinstance(inner, dict) else None
    return " ".join(value.split())[:_LONGEST] if isinstance(value, str) else ""


def _read(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(_MAX_FILE)
    return b""
