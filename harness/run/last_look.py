# SPDX-License-Identifier: GPL-2.0-only
"""Ask a kernel's own watchers, before its VM ends, what they have seen: kmemleak and lockdep.

Only kernels built with them are asked.  What they say is of all cases of the VM, and is a record
beside theirs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.verdicts.leaks import leaks
from harness.verdicts.splats import Kind, Splat, find
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.guest.guest import Guest

log = logging.getLogger("harness")

# kmemleak passes over what is younger than 5 s (MSECS_MIN_AGE), and over what has changed since
# the scan before: two scans.  What it then finds it must find again: a pointer may have been in
# a register, or on its way from one list to another.
_KMEMLEAK = """
f=/sys/kernel/debug/kmemleak
[ -e $f ] || { echo "there is no $f" >&2; exit 3; }
sleep 6
echo scan >$f && echo scan >$f || exit 4
[ -n "$(head -c 1 $f)" ] || exit 0
sleep 6
echo scan >$f || exit 4
head -c 262144 $f
"""
_LOCKDEP = "grep debug_locks: /proc/lockdep_stats"
# Of real hardware, times the scale: a scan goes through all of the memory.
_KMEMLEAK_SECONDS = 60.0
_LOCKDEP_SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """What a watcher has to say of a VM, where that is not "nothing"."""

    # "kmemleak" or "lockdep".
    watcher: str
    verdict: Verdict
    message: str
    splats: tuple[Splat, ...] = ()
    # Names of the processes that it is about; none for all.
    programs: tuple[str, ...] = ()
    # It was so before any case ran: the same for every VM of its kind.
    boot: bool = False


def watchers(config: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the names of the watchers that a kernel of ``config`` has."""
    known = config or {}
    found = []
    if known.get("CONFIG_LOCKDEP", "n") != "n":
        found.append("lockdep")
    if known.get("CONFIG_DEBUG_KMEMLEAK", "n") != "n":
        found.append("kmemleak")
    return tuple(found)


def look(
    guest: Guest, names: Sequence[str], scale: float, boot: Sequence[str]
) -> tuple[dict[str, str], list[Seen]]:
    """Return a word on each watcher of ``names``, and what they have seen.

    ``scale`` multiplies time limits; ``boot`` are the console's lines from before the first case.
    Trouble with asking is a MISS: what was not looked at is not known to be well.
    """
    words: dict[str, str] = {}
    seen: list[Seen] = []
    for name in names:
        try:
            found = _lockdep(guest, scale, boot) if name == "lockdep" else _kmemleak(guest, scale)
        except HarnessError as error:
            found = [Seen(name, Verdict.MISS, f"{name} could not be asked: {error}")]
        words[name] = "; ".join(each.message for each in found) or "nothing seen"
        seen += found
    return words, seen


def _lockdep(guest: Guest, scale: float, boot: Sequence[str]) -> list[Seen]:
    said = _said(guest, _LOCKDEP, _LOCKDEP_SECONDS * scale)
    value = said.partition("debug_locks:")[2].strip()
    if value == "1":
        return []
    if value != "0":
        raise HarnessError(f"/proc/lockdep_stats has no debug_locks: {said!r}")
    splats = tuple(find(boot))
    if splats:
        first = splats[0].title
        message = f"lockdep is off since the kernel booted, and saw nothing of any case: {first}"
        return [Seen("lockdep", Verdict.FAIL, message, splats, boot=True)]
    message = "lockdep is off at the end of the VM, and no case has shown why"
    return [Seen("lockdep", Verdict.FAIL, message)]


def _kmemleak(guest: Guest, scale: float) -> list[Seen]:
    said = _said(guest, _KMEMLEAK, _KMEMLEAK_SECONDS * scale)
    found = leaks(said)
    if said.strip() and not found:
        raise HarnessError(f"kmemleak says what is not understood: {said[:200]!r}")
    return [
        Seen(Kind.KMEMLEAK.value, Verdict.FAIL, splat.title, (splat,), (comm,))
        for splat, comm in found
    ]


def _said(guest: Guest, script: str, seconds: float) -> str:
    """Return what ``script`` prints in the guest; HarnessError when it fails."""
    outcome = guest.ssh.run(["sh", "-c", script], timeout=seconds)
    if outcome.exit_status != 0:
        stderr = outcome.stderr.decode("utf-8", "replace").strip()
        late = f"no answer in {seconds:.0f} s" if outcome.timed_out else ""
        raise HarnessError(late or stderr or f"exit status {outcome.exit_status}")
    return outcome.stdout.decode("utf-8", "replace")
