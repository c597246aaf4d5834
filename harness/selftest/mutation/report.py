# SPDX-License-Identifier: GPL-2.0-only
"""Which mutants were caught: as a line each, as a table, and for docs/mutation.md."""

from __future__ import annotations

import collections
import textwrap
from typing import TYPE_CHECKING

from harness.selftest.mutation.trial import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.selftest.mutation.kept import Result
    from harness.selftest.mutation.mutants import Mutant

    Pair = tuple[Mutant, Result]

_NAMED = 3  # cases that a line of the table names


def line(result: Result) -> str:
    """Return one line on ``result``, for progress."""
    outcome = result.outcome
    said = _said(result)
    if outcome.detail and not outcome.cases:
        said += f": {outcome.detail}"
    return f"{said}, {result.seconds:.0f} s"


def table(pairs: Sequence[Pair]) -> str:
    """Return the table for a terminal, with the survivors last: they are what is to be done."""
    text = ""
    for mutant, result in sorted(pairs, key=_order):
        text += f"{mutant.name}: {_said(result)}\n"
        for case in result.outcome.cases[:_NAMED]:
            text += f"    {case}\n"
        if result.outcome.kind is not Kind.CAUGHT:
            text += f"    {mutant.breaks} ({', '.join(mutant.rows)})\n"
        if detail := result.outcome.detail:
            text += f"    {detail}\n"
        if mutant.equivalent:
            text += f"    equivalent: {mutant.equivalent}\n"
    return text + "\n" + summary(pairs) + "\n"


def summary(pairs: Sequence[Pair]) -> str:
    """Return how many there are of each kind, on one line."""
    kinds = collections.Counter(result.outcome.kind for _, result in pairs)
    found = [f"{kinds[kind]} {kind}" for kind in Kind if kinds[kind]]
    open_ones = [mutant.name for mutant, result in pairs if is_open(mutant, result)]
    return f"{len(pairs)} mutants: {', '.join(found)}; {len(open_ones)} without an explanation"


def is_open(mutant: Mutant, result: Result) -> bool:
    """Return True if something is to be done: a case to write, or a mutant to mend."""
    return result.outcome.kind is not Kind.CAUGHT and not (
        mutant.equivalent and result.outcome.kind is Kind.SURVIVED
    )


def markdown(known: Sequence[tuple[Mutant, Result | None]], origin: str) -> str:
    """Return docs/mutation.md: the kernel is ``origin``, the mutants stand by area.

    Those without a result have not been tried.
    """
    pairs = [(mutant, result) for mutant, result in known if result]
    untried = sorted(mutant.name for mutant, result in known if not result)
    dates = sorted({result.date.partition("T")[0] for _, result in pairs})
    text = (
        "<!-- SPDX-License-Identifier: GPL-2.0-only -->\n# Mutation\n\n"
        "Which of the kernel bugs in `guest_tests/mutants/` the suite notices; written by\n"
        '`make mutation REPORT=docs/mutation.md`, see CONTRIBUTING.md, "Mutants".\n\n'
        f"Kernel: {origin}, built from `guest_tests/mutants/kernel/`. "
        f"Run {' to '.join(dates[:1] + dates[1:][-1:])}.\n{summary(pairs)}.\n\n"
        '"At least": the suite was stopped after so many cases that failed.\n'
    )
    for area, group in _by_area(pairs):
        text += f"\n## {area}\n\n| mutant | breaks | rows | |\n|---|---|---|---|\n"
        for mutant, result in group:
            said = _said(result)
            said += f": {mutant.equivalent}" if mutant.equivalent else ""
            rows = ", ".join(mutant.rows)
            arch = "" if mutant.arch == "x86_64" else f" ({mutant.arch})"
            text += f"| {mutant.name}{arch} | {_cell(mutant.breaks)} | {rows} | {_cell(said)} |\n"
    if untried:
        names = textwrap.fill(", ".join(untried), 100, break_on_hyphens=False)
        text += f"\n## Not tried yet on this kernel\n\n{names}\n"
    return text


def _by_area(pairs: Iterable[Pair]) -> list[tuple[str, list[Pair]]]:
    areas: dict[str, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: pair[0].name):
        areas.setdefault(pair[0].area, []).append(pair)
    return sorted(areas.items())


def _order(pair: Pair) -> tuple[bool, str]:
    return pair[1].outcome.kind is not Kind.CAUGHT, pair[0].name


def _said(result: Result) -> str:
    outcome = result.outcome
    if not outcome.cases:
        return str(outcome.kind)
    count = len(outcome.cases)
    more = "" if outcome.whole else "at least "
    cases = f"{more}{count} case{'' if count == 1 else 's'}"
    return f"{outcome.kind} by {cases} ({', '.join(outcome.areas)})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
