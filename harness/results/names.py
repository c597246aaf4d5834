# SPDX-License-Identifier: GPL-2.0-only
"""Names that a report's readers can tell apart: they keep one of two that are the same."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.results.record import CaseRecord


def case_name(case: CaseRecord) -> str:
    """Return what ``case`` is called within its program: ``hole_refused[hugetlb-shared]``."""
    return case.name + (f"[{case.memory}]" if case.memory else "")


def numbered(names: Iterable[str], form: str) -> Iterator[str]:
    """Yield ``names``; one that was there before has its number, from 2, put behind it.

    ``form`` says how, with ``{}`` for the number: ``" #{}"``.  A number is passed over where it
    would make a name that is there already.
    """
    names = list(names)
    taken = set(names)
    seen: set[str] = set()
    # Where to go on counting: a thousand of one name do not take a million looks.
    following: dict[str, Iterator[int]] = {}
    for name in names:
        unique = name
        if name in seen:
            numbers = following.setdefault(name, itertools.count(2))
            unique = next(u for n in numbers if (u := name + form.format(n)) not in taken)
            taken.add(unique)
        seen.add(name)
        yield unique
