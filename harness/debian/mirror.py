# SPDX-License-Identifier: GPL-2.0-only
"""Which Debian mirror to use, and how this machine reaches it."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from harness.debian.command import run
from harness.errors import InputError

# Releases whose archives have kernels we test; also how a Debian entry is told from others.
RELEASES = ("bullseye", "bookworm", "trixie", "forky", "sid", "experimental")
_NAMES = (*RELEASES, "oldoldstable", "oldstable", "stable", "testing", "unstable")
_KEYRINGS = tuple(
    Path("/usr/share/keyrings") / f"debian-archive-keyring.{suffix}" for suffix in ("gpg", "pgp")
)
_FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN) $(LABEL)"
# Of the host's apt configuration only how to reach a mirror is taken: proxies, certificates,
# timeouts, date checks.  Its hooks, pins, languages and further indexes are its own affair.
_REACH = re.compile(r"Acquire::(https?|socks5?h?|Check-|ForceIPv|Max-|Min-)", re.IGNORECASE)


def mirror() -> str:
    """Return the address of a Debian mirror, without a final slash.

    It is ``$DEBIAN_MIRROR``, else the one the host's own apt configuration (either format of
    sources) uses for a Debian release.  Raises InputError when there is neither.
    """
    if named := os.environ.get("DEBIAN_MIRROR"):
        if urlsplit(named).scheme not in {"http", "https", "file"} or re.search(r"[\s\[\]]", named):
            message = f"DEBIAN_MIRROR is '{named}': expected an http, https or file address"
            raise InputError(message)
        return named.rstrip("/")
    if found := _downloaded() or _configured():
        return _first_of_list(found).rstrip("/")
    message = (
        "no Debian mirror in the host's apt configuration: set DEBIAN_MIRROR to one, "
        "the address that ends in /debian"
    )
    raise InputError(message)


def keyring() -> Path:
    """Return the file with the keys Debian signs its archives with; InputError if absent."""
    for path in _KEYRINGS:
        if path.is_file():
            return path
    message = (
        f"Debian's keys ({_KEYRINGS[0]}) are not installed: "
        "run 'apt-get install debian-archive-keyring'"
    )
    raise InputError(message)


def reach() -> list[str]:
    """Return the lines of apt configuration that say how this host reaches a mirror."""
    dump = run(["apt-config", "dump"]).stdout.decode(errors="replace")
    lines = [line for line in dump.splitlines() if _REACH.match(line)]
    for key, kind in (("Dir::Etc::netrc", "f"), ("Dir::Etc::netrcparts", "d")):
        shell = run(["apt-config", "shell", "value", f"{key}/{kind}"]).stdout.decode()
        if found := re.fullmatch(r"value='(.*)'\s*", shell):
            lines.append(f'{key} "{found[1]}";')
    return lines


def _targets(*options: str) -> list[list[str]]:
    result = run(["apt-get", "indextargets", "--format", _FORMAT, *options])
    return [line.split(" ") for line in result.stdout.decode(errors="replace").splitlines()]


def _is_release(suite: str) -> bool:
    return suite.split("-", maxsplit=1)[0] in _NAMES and not suite.endswith("-security")


def _downloaded() -> str | None:
    """Look among the indexes the host has downloaded: these say who made them."""
    for target in _targets():
        if target[3:5] == ["Debian", "Debian"] and target[2] == "main" and _is_release(target[1]):
            return target[0]
    return None


def _configured() -> str | None:
    """Look at the host's sources themselves: apt reads them, in whichever format they are.

    Others call their suites after Debian's releases too; Debian's mirrors are the ones that
    end in /debian, and of these the shortest path is the likeliest.
    """
    with tempfile.TemporaryDirectory() as empty:
        targets = _targets("--no-release-info", "-o", f"Dir::State::lists={empty}")
    found = {t[0] for t in targets if len(t) > 2 and t[2] == "main" and _is_release(t[1])}
    lists = {uri for uri in found if uri.startswith("mirror+file:")}
    debian = {uri for uri in found if urlsplit(uri).path.rstrip("/").endswith("/debian")}
    return min(lists | debian, key=lambda uri: (len(urlsplit(uri).path), uri), default=None)


def _first_of_list(uri: str) -> str:
    """Follow a ``mirror+file:`` address, as Debian's cloud images have, to its first mirror."""
    if not uri.startswith("mirror+file:"):
        return uri
    try:
        lines = Path(urlsplit(uri).path.rstrip("/")).read_text().splitlines()
        return next(line.split("\t")[0] for line in lines if line and not line.startswith("#"))
    except (OSError, StopIteration) as error:
        message = f"cannot follow the mirror list {uri}: set DEBIAN_MIRROR"
        raise InputError(message) from error
