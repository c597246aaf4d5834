# SPDX-License-Identifier: GPL-2.0-only
"""Parse a kernel's ``.config``."""

from __future__ import annotations

import re

_LINE = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """Return CONFIG_* -> y, m, n, or the value (a string's without its quotes).

    "n" is said for what is "not set"; what the file does not mention is left out: it does not
    exist in that kernel, or what it depends on is off.
    """
    config: dict[str, str] = {}
    for name, value, unset in _LINE.findall(text):
        if unset:
            config[unset] = "n"
        else:
            config[name] = _unquoted(value) if value.startswith('"') else value.strip()
    return config


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value.endswith('"'):
        return re.sub(r'\\(["\\])', r"\1", value[1:-1])
    return value
