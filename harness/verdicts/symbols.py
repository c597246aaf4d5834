# SPDX-License-Identifier: GPL-2.0-only
"""Names for the addresses in a splat of a kernel without kallsyms, from its System.map.

With CONFIG_KALLSYMS=n the kernel prints ``0xffffffff8100a1b2`` where it would print
``start_kernel+0x12/0x345`` (lib/vsprintf.c, symbol_string()).  Fingerprints need the latter.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from harness.verdicts.splats import Splat

# Bytes of a System.map that are read; that of a kernel with everything has 10 MB.
_MOST_BYTES = 64 << 20
_SYMBOL = re.compile(r"^([0-9a-f]{8,16}) [tTwW] (\S+)$", re.MULTILINE)
# With "0x": what lacks it (registers, stack dumps) is no place in a trace.
_ADDRESS = re.compile(r"\b0x([0-9a-f]{8,16})\b(?!/)")
# dump_kernel_offset(), at a panic; "0x0 from" where there is KASLR and it moved nothing.
_OFFSET = re.compile(r"Kernel Offset: (?:(disabled)|0x([0-9a-f]+) from )")


class Symbols:
    """The functions of one kernel, by their addresses."""

    def __init__(self, text: str) -> None:
        """Take a System.map's text; one without functions (Debian's stub) names nothing."""
        found: dict[int, str] = {}
        for address, name in _SYMBOL.findall(text):
            # Of several names for one address kallsyms prints the first.
            found.setdefault(int(address, 16), name)
        self._starts = sorted(found)
        self._names = [found[start] for start in self._starts]

    @classmethod
    def load(cls, path: Path | None) -> Symbols:
        """Return those of the file ``path``; of none that cannot be read."""
        try:
            text = path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace") if path else ""
        except OSError:
            text = ""
        return cls(text)

    def name(self, address: int) -> str | None:
        """Return ``function+0xOFFSET/0xSIZE``; None for what is in no function.

        The last function has no end that a System.map tells of, so nothing is in it.
        """
        at = bisect.bisect_right(self._starts, address) - 1
        if at < 0 or at + 1 == len(self._starts):
            return None
        start, end = self._starts[at], self._starts[at + 1]
        return f"{self._names[at]}+0x{address - start:x}/0x{end - start:x}"

    def resolve(self, splat: Splat, console: Iterable[str], *, moved: bool) -> Splat:
        """Return ``splat`` with names in the place of addresses.

        ``moved`` says whether the kernel may be elsewhere than System.map says (KASLR): how far
        off is what ``console`` may tell, and nothing is named unless it does.
        """
        offset = self._offset(console, moved=moved)
        if offset is None or not self._starts:
            return splat

        def named(text: str) -> str:
            return _ADDRESS.sub(lambda m: self.name(int(m[1], 16) - offset) or m[0], text)

        return replace(splat, title=named(splat.title), lines=tuple(map(named, splat.lines)))

    @staticmethod
    def _offset(console: Iterable[str], *, moved: bool) -> int | None:
        for line in console:
            if told := _OFFSET.search(line):
                return 0 if told[1] else int(told[2], 16)
        return None if moved else 0


def has_addresses(splats: Sequence[Splat]) -> bool:
    """Return True if there is anything to be named: System.map need not be read otherwise."""
    return any(_ADDRESS.search(line) for splat in splats for line in splat.lines)
