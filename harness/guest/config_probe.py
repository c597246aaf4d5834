# SPDX-License-Identifier: GPL-2.0-only
"""Find out in a guest what its kernel was built with, where its configuration is not known.

What is looked for is data, guest_tests/contract/probes.toml, which also says why this is no
breach of the rule that expectations never come from the kernel under test.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.guest.guest import Guest
    from harness.kernels.config import Config

# What the absence of the evidence means: the symbol is not set; nothing; or that it is not set
# where the kernel loads no modules, for its driver may be one that was left behind.
ABSENT = ("n", "unknown", "module")

_SYMBOLS = "/proc/kallsyms"
# A function of every kernel: a table without it (kptr_restrict, no CONFIG_KALLSYMS) proves nothing.
_ALWAYS = "vfs_read"
# On real hardware; the table of symbols is 5 MB.
_SECONDS = 20.0


@dataclass(frozen=True)
class Probe:
    """Evidence of one option; one of file, symbols and feature."""

    # It must be there, and a line of it match ``has`` (grep -E), if that is given.
    file: str | None = None
    has: str | None = None
    # Names in the kernel's table of symbols, of which it has one.
    symbols: tuple[str, ...] = ()
    # Bit of the features that UFFDIO_API reports.
    feature: int | None = None
    # One of ABSENT.
    absent: str = "n"


def script(probes: Mapping[str, Probe], program: str) -> str:
    """Return a shell script whose output read() understands; ``program`` is one of the cases'."""
    lines = ["[ -e /proc/modules ] && echo modules"]
    for symbol, probe in probes.items():
        if probe.file is None:
            continue
        file = shlex.quote(probe.file)
        test = f"[ -e {file} ]"
        if probe.has is not None:
            # A file that cannot be read says nothing of what it would have.
            test = f"grep -qE -m1 {shlex.quote(probe.has)} {file} 2>/dev/null"
            lines.append(f"[ -r {file} ] || echo unread {symbol}")
        lines.append(f"{test} && echo file {symbol}")
    names = [name for probe in probes.values() for name in probe.symbols]
    wanted = " ".join(f"-e {shlex.quote(name)}" for name in (_ALWAYS, *names))
    lines.append(f"grep -wF {wanted} {_SYMBOLS} 2>/dev/null | sed 's/^/symbol /'")
    lines.append(f"echo features $({program} features)")
    lines.append("echo done")
    return "\n".join(lines)


def read(output: str, probes: Mapping[str, Probe], config: Config) -> Config:
    """Return ``config`` with what the script's ``output`` says of the kernel.

    Raises HarnessError when the script did not come to its end.
    """
    lines = [line.split() for line in output.splitlines() if line.strip()]
    if not lines or lines[-1] != ["done"]:
        raise HarnessError("the guest could not be asked what its kernel was built with")
    loads_modules = ["modules"] in lines
    files, unread = _second(lines, "file"), _second(lines, "unread")
    # "symbol ADDRESS TYPE NAME", the name perhaps with a suffix of the compiler's.
    found = {line[3].partition(".")[0] for line in lines if line[0] == "symbol" and line[3:]}
    features = next((int(line[1], 16) for line in lines if line[0] == "features" and line[1:]), 0)
    known: dict[str, str] = {}
    lost: dict[str, str] = {}
    for symbol, probe in probes.items():
        if probe.file is not None:
            there, telling = symbol in files, symbol not in unread
        elif probe.symbols:
            there, telling = bool(found.intersection(probe.symbols)), _ALWAYS in found
        else:
            there, telling = bool(features >> (probe.feature or 0) & 1), True
        if there:
            known[symbol] = "y"
        elif telling and (probe.absent == "n" or (probe.absent == "module" and not loads_modules)):
            known[symbol] = "n"
        elif probe.absent == "module" and config.value(symbol) is None:
            lost[symbol] = (
                f"the guest has no driver of {symbol}, and whether it is a module that was left "
                "behind is not known: name the build tree or package instead of the bare image"
            )
    return replace(config.knowing(known), lost={**config.lost, **lost})


def _second(lines: Iterable[Sequence[str]], first: str) -> set[str]:
    return {line[1] for line in lines if line[0] == first and line[1:]}


def ask(
    guest: Guest, program: str, probes: Mapping[str, Probe], config: Config, scale: float
) -> Config:
    """Return ``config`` with what ``guest`` shows of the options in ``probes``.

    ``program`` is one of the cases', with its folder; ``scale`` multiplies the time limit.
    Raises HarnessError when the guest does not answer.
    """
    text = script(probes, program)
    outcome = guest.agent.run(["/bin/sh", "-c", text], timeout=_SECONDS * scale)
    return read(outcome.stdout.decode("utf-8", "replace"), probes, config)


def check(symbol: str, probe: Probe) -> str | None:
    """Return what is wrong with ``probe``; None when it is well formed."""
    if not re.fullmatch(r"CONFIG_\w+", symbol):
        return "expected a table called CONFIG_X"
    if sum((probe.file is not None, bool(probe.symbols), probe.feature is not None)) != 1:
        return "expected one of file, symbols and feature"
    if probe.has is not None and probe.file is None:
        return "'has' without a file"
    if probe.absent not in ABSENT:
        return f"absent '{probe.absent}': expected one of {', '.join(ABSENT)}"
    return None
