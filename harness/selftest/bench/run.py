# SPDX-License-Identifier: GPL-2.0-only
"""Run the parts of the bench that were asked for, one after the other."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError, InputError
from harness.host.cache import cache_dir
from harness.host.machine import this_host
from harness.results.store import utc_now
from harness.selftest.bench import boots, clones, first_case, overhead, peers, suite
from harness.selftest.bench.bench import Bench
from harness.selftest.bench.figures import missing
from harness.selftest.bench.host import harness_version, qemu_version
from harness.selftest.bench.report import Report, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.run.plan import Plan
    from harness.selftest.bench.figures import Figure

PARTS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "cold": boots.cold,
    "warm": first_case.warm,
    "overhead": overhead.overhead,
    "suite": suite.suite,
    "memory": clones.memory,
    "peers": peers.peers,
}

# Those that fetch nothing.
DEFAULT = tuple(part for part in PARTS if part != "peers")


def chosen(text: str) -> list[str]:
    """Return the parts that ``text`` (with commas) names; InputError for one there is not."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := sorted(set(names) - set(PARTS)):
        raise InputError(f"the bench has no part '{unknown[0]}': expected {', '.join(PARTS)}")
    return names


def measure(plan: Plan, parts: Sequence[str], rounds: int, json: Path | None = None) -> Report:
    """Measure ``parts``; write what is known after each of them to ``json``, if given.

    A part that breaks off does not keep the others from being measured: why is in the report.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds measure nothing: expected 1 or more")
    report = Report(
        date=utc_now(),
        host=this_host(),
        harness=harness_version(),
        arch=plan.recipe.arch,
        kernel=f"{plan.kernel.release} ({plan.kernel.origin})",
        qemu=qemu_version(plan.recipe.qemu),
        accelerator=f"{plan.choice.name}: {plan.choice.why}",
        rounds=rounds,
    )
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache_dir("bench")) as folder, _quietly():
        bench = Bench(plan, rounds, Path(folder))
        for part in parts:
            try:
                for figure in PARTS[part](bench):
                    report.figures.append(figure)
            except HarnessError as error:
                bench.say("%s broke off: %s", part, error)
                why = str(error).splitlines()[0]
                report.figures.append(missing(f"{part}.broke", "it broke off", "", why))
            if json is not None:
                write_json(report, json)
    return report


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the progress of each VM from the terminal: the bench has its own."""
    harness, ours = logging.getLogger("harness"), logging.getLogger("harness.selftest.bench")
    levels = harness.level, ours.level
    harness.setLevel(logging.WARNING)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        harness.setLevel(levels[0])
        ours.setLevel(levels[1])
