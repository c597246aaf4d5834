# SPDX-License-Identifier: GPL-2.0-only
"""The prefix that printk gives a line: when it was printed, and by whom.

``[   12.345678] `` with printk.time=1, ``[   12.345678][  T123] `` when the kernel is built with
CONFIG_PRINTK_CALLER: T and a task's number, or C and a CPU's in an interrupt (kernel/printk/
printk.c, info_print_prefix()).  The caller cannot be asked for when a kernel boots: it is there
or not, and both are read.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Linux 6.19 may say more about the caller, within the same brackets.
STAMP = re.compile(
    r"\[ {0,7}([0-9]{1,10}\.[0-9]{6})\](?:\[ *([TC][0-9]+)[^\]\n\[]{0,40}\])?(?: |$)", re.MULTILINE
)
# What stands before a stamp that somebody quotes, and messages that quote (init/main.c).
_QUOTES = "\"'=`"
_QUOTING = ("Command line: ", "Kernel command line: ", "Unknown kernel command line parameters")


class Record(NamedTuple):
    """A message of the kernel's."""

    # Caller as printk spells it (T123, C0); "" where the kernel does not say.
    context: str
    # Its time, as printed; "" for a line without a stamp.
    stamp: str
    text: str
    # ``text`` and its prefix.
    line: str


def records(line: str) -> list[Record]:
    """Return the messages of a console line; none for a program's line.

    A program's half line, or a boot loader's, may stand before a stamp, and so may a message of
    the kernel's that lacks its newline.
    """
    first = STAMP.match(line)
    if first is not None and STAMP.search(line, first.end()) is None:
        return [Record(first[2] or "", first[1], line[first.end() :], line)]
    stamps = [
        found
        for found in STAMP.finditer(line)
        if not found.start() or line[found.start() - 1] not in _QUOTES
    ]
    if stamps and line.startswith(_QUOTING, stamps[0].end()):
        stamps = stamps[:1]
    if not stamps:
        return []
    ends = [found.start() for found in stamps[1:]] + [len(line)]
    return [
        Record(found[2] or "", found[1], line[found.end() : end], line[found.start() : end])
        for found, end in zip(stamps, ends, strict=True)
    ]
