# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's configuration: parse a ``.config``, and answer what is set in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_LINE = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$", re.MULTILINE)
# "# Linux/x86 6.12.107 Kernel Configuration" (scripts/kconfig/confdata.c)
_HEADER = re.compile(r"^# Linux/(\S+) (\S+) Kernel Configuration$", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Config(Mapping[str, str]):
    """What is known of a kernel's configuration: all of it, a part, or nothing.

    As a mapping it has the symbols with a known value.  It is the one place that decides
    whether an option is set: y, m, a number and a non-empty string are, n and "" are not.
    """

    # CONFIG_* -> y, m, n, or the value, a string's without its quotes.
    symbols: Mapping[str, str]
    # What ``symbols`` does not have is not set; otherwise it is not known.
    whole: bool = True
    # Where it comes from, for people: a path, "the image (IKCONFIG)".
    source: str = ""
    # Symbol -> why it is of no use though it is set: its module is not there.
    lost: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, symbol: str) -> str:
        return self.symbols[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    def value(self, symbol: str) -> str | None:
        """Return the value of ``symbol``, "n" when it is not set; None when it is not known."""
        return self.symbols.get(symbol, "n" if self.whole else None)

    def has(self, symbol: str) -> bool | None:
        """Return whether ``symbol`` is set, built in or as a module; None when it is not known."""
        value = self.value(symbol)
        return None if value is None else value not in {"n", ""}

    def fits(self, condition: str | None) -> bool | None:
        """Return whether ``condition`` holds: CONFIG_X=y, CONFIG_X=n, or None, which always does.

        CONFIG_X=y means set, to y or m.  Returns None when it is not known.
        """
        if condition is None:
            return True
        symbol, _, wanted = condition.partition("=")
        found = self.has(symbol)
        return None if found is None else found == (wanted == "y")

    def knowing(self, more: Mapping[str, str]) -> Config:
        """Return the same with the values of ``more`` where this one has none."""
        return Config({**more, **self.symbols}, self.whole, self.source, self.lost)


UNKNOWN = Config({}, whole=False)


def parse(text: str, source: str = "") -> Config:
    """Return the configuration that ``text``, a whole .config, states.

    What the text does not mention is not set: it does not exist in that kernel, or what it
    depends on is off.
    """
    symbols: dict[str, str] = {}
    for name, value, unset in _LINE.findall(text):
        if unset:
            symbols[unset] = "n"
        else:
            symbols[name] = _unquoted(value) if value.startswith('"') else value.strip()
    return Config(symbols, source=source)


def version_of(text: str) -> str | None:
    """Return the kernel version in a .config's header, such as 6.12.107; None without one."""
    found = _HEADER.search(text)
    return found[2] if found else None


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value.endswith('"'):
        return re.sub(r'\\(["\\])', r"\1", value[1:-1])
    return value
