# SPDX-License-Identifier: GPL-2.0-only
"""Which cases must fail with which sabotage: ``guest_tests/sabotage/expected/*.toml``.

There is one file for each program, with a table for each sabotage (``harness.suite.programs``
builds it in).  Its keys say what kernel it takes, its values which cases must FAIL there: at
least these do, each one for the reason that the sabotage gives.

    minor         a 64-bit one with write protection on hugetlb (x86_64 since 5.19, arm64 6.10)
    newest        Debian's newest x86_64 kernel (sid), for what "minor" does not have
    compat        as "minor", of whose 32-bit tasks these cases are
    32-bit        i386 or armhf with hugetlbfs
    before-minor  a 64-bit one before 5.13
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from harness.architectures import GUEST_TESTS
from harness.errors import InputError
from harness.suite.variant import variant

if TYPE_CHECKING:
    from collections.abc import Sequence

KERNELS = ("minor", "newest", "compat", "32-bit", "before-minor")


def tried_on(memory: Sequence[str]) -> tuple[str, ...]:
    """Return those of a case's kinds of memory on which it must be seen to fail.

    Pages of another size run the same code of the case, and need not be tried again.
    """
    return tuple(word for word in memory if not variant(word).pages) or tuple(memory) or ("",)


def expected() -> dict[str, dict[str, list[str]]]:
    """Return the cases as ``program/case[memory]``, by sabotage and kernel.

    Raises InputError when a file is malformed or names a kernel that is none.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((GUEST_TESTS / "sabotage" / "expected").glob("*.toml")):
        try:
            table = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path.name}: not TOML: {error}") from error
        for sabotage, kernels in table.items():
            if wrong := set(kernels) - set(KERNELS):
                known = ", ".join(KERNELS)
                raise InputError(
                    f"{path.name} [{sabotage}]: unknown {', '.join(wrong)}: expected {known}"
                )
            for kernel, cases in kernels.items():
                names = found.setdefault(sabotage, {}).setdefault(kernel, [])
                names += [f"{path.stem}/{case}" for case in cases]
    return found
