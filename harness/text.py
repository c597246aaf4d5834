# SPDX-License-Identifier: GPL-2.0-only
"""Text from a guest, made fit for a terminal, a log and an XML file."""

from __future__ import annotations

import re

# ECMA-48 control sequences (colours, cursor) and OSC strings, whole, before their ESC goes; an
# OSC without an end must not take a kernel's message on the same line with it.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
# C0 (tab stays), DEL, C1, lone surrogates, what reorders or breaks a line (UAX #9, #14), and
# the two others that XML does not allow.
_CONTROLS = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff"
    "\ufffe\uffff]"
)


def clean(text: str) -> str:
    """Return ``text`` without escape sequences and control characters (a tab stays)."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))
