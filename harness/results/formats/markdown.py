# SPDX-License-Identifier: GPL-2.0-only
"""A run as Markdown, for a job's summary, an issue or a mail."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from harness.results.record import wall_time
from harness.text import clean
from harness.verdicts.flakiness import recurrence
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.results.record import CaseRecord, Run

_SHOWN = 50  # cases that neither passed nor were skipped; the others are counted
_CONSOLE_LINES = 20  # last ones of a case's console


def markdown(run: Run, folder: str = "") -> str:
    """Return ``run`` as Markdown (CommonMark, with GitHub's tables).

    ``folder`` is the run's folder, put before the paths of evidence.  What came from the guest
    stands in code only, where nothing in it is markup.
    """
    return "\n".join(_lines(run, folder)) + "\n"


def _lines(run: Run, folder: str) -> Iterator[str]:
    counts = Counter(case.verdict for case in run.cases)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    yield f"# {code(f'{run.arch} {run.kernel.release}')}: {said or 'no cases'}"
    yield ""
    if not run.complete:
        yield "**The run was cut short:** there are cases without a verdict."
        yield ""
    yield from _facts(run)
    yield from _counts(run)
    bad = [case for case in run.cases if case.verdict not in {Verdict.PASS, Verdict.SKIP}]
    for case in bad[:_SHOWN]:
        yield from _problem(run, case, folder)
    if len(bad) > _SHOWN:
        yield from ("", f"And {len(bad) - _SHOWN} more that did not pass.")
    reasons = Counter(case.message for case in run.cases if case.verdict is Verdict.SKIP)
    if reasons:
        yield from ("", "## Skipped", "")
    for reason, count in reasons.most_common():
        yield f"- {count}: {code(reason or 'no reason')}"


def _facts(run: Run) -> Iterator[str]:
    kernel = run.kernel
    yield f"- kernel: {code(kernel.origin)}"
    if source := kernel.source:
        words = [source.describe or source.commit, source.branch, source.url]
        dirty = ", with changes that were not committed" if source.dirty else ""
        yield f"- source: {code(' '.join(word for word in words if word))}{dirty}"
        if source.describe:
            yield f"- commit: {code(source.commit)}"
    if kernel.build and kernel.build.compiler:
        yield f"- compiler: {code(kernel.build.compiler)}"
    for qemu in sorted({f"{vm.qemu_version}, {vm.accelerator}" for vm in run.vms}):
        yield f"- QEMU: {code(qemu)}"
    if host := run.host:
        yield f"- host: {code(f'{host.cpu}, {host.cores} cores, {host.memory_mib} MiB')}"
    ended = f", finished {code(run.finished)}" if run.finished else ""
    yield f"- started {code(run.started)}{ended}"


def _counts(run: Run) -> Iterator[str]:
    counts: dict[str, Counter[Verdict]] = {}
    for case in run.cases:
        counts.setdefault(case.program, Counter())[case.verdict] += 1
    if not counts:
        return
    yield ""
    yield "| program | " + " | ".join(Verdict) + " |"
    yield "|---|" + "--:|" * len(Verdict)
    for program, row in counts.items():
        cells = " | ".join(str(row[verdict] or "") for verdict in Verdict)
        # In a table's cell a bar ends it, also in code.
        yield f"| {code(program).replace('|', chr(92) + '|')} | {cells} |"


def _problem(run: Run, case: CaseRecord, folder: str) -> Iterator[str]:
    memory = f"[{case.memory}]" if case.memory else ""
    yield from ("", f"## {case.verdict} {code(f'{case.program}.{case.name}{memory}')}", "")
    yield from block([case.message or "(no message)", *case.diagnostics])
    if began := wall_time(run, case.started):
        vm = f" in {code(case.vm)}" if case.vm else ""
        yield from ("", f"It began at {began}{vm} and took {case.duration:.1f} s.")
    if case.retries:
        yield from ("", f"Tried again: {recurrence(retry.verdict for retry in case.retries)}.")
    for splat in case.splats:
        if splat.fingerprint:
            yield from ("", f"Bug {code(splat.fingerprint)}: {code(splat.bug)}")
    if case.console:
        yield from ("", "The end of its console:", "")
        yield from block(case.console[-_CONSOLE_LINES:])
    if case.evidence:
        paths = (f"{folder}/{path}" if folder else path for path in case.evidence)
        yield from ("", f"Evidence: {', '.join(map(code, paths))}")
    if case.rerun:
        yield from ("", "Run it again:", "")
        yield from block([case.rerun])


def code(text: str) -> str:
    """Return ``text`` as a code span, whatever is in it (CommonMark, 6.1)."""
    flat = clean(" ".join(text.split()))
    fence = "`" * (_longest_run(flat) + 1)
    # A blank at both ends is taken away again: a backtick there does not touch the fence.
    pad = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def block(lines: list[str] | tuple[str, ...]) -> Iterator[str]:
    """Yield ``lines`` as a fenced code block (CommonMark, 4.5)."""
    texts = [clean(line.replace("\n", " ")) for line in lines]
    fence = "`" * max(3, *(_longest_run(text) + 1 for text in texts))
    yield from (f"{fence}text", *texts, fence)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
