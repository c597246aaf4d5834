# SPDX-License-Identifier: GPL-2.0-only
"""Kernel versions: parsed from a release string, and compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import InputError

_PATTERN = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:[-~]rc(\d+))?")


@dataclass(frozen=True, order=True)
class Version:
    """A kernel's version, ordered as releases follow each other.

    A release candidate counts as the release it leads to: features arrive in the merge
    window, before -rc1, and contract rows are about features.
    """

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version:
        """Parse ``6.1``, ``6.1.176-1``, ``6.12.107+deb13-amd64``, ``7.3-rc7``, ``7.3~rc7``.

        Raises InputError when ``text`` does not start with a version.
        """
        found = _PATTERN.match(text)
        if not found:
            message = f"'{text}' is not a kernel version: expected for example 6.1 or 7.3-rc7"
            raise InputError(message)
        return cls(int(found[1]), int(found[2]), int(found[3] or 0))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" + (f".{self.patch}" if self.patch else "")
