# SPDX-License-Identifier: GPL-2.0-only
"""Turn what was seen of one case into its verdict.

The first row that applies decides; ``timing`` are splats that a slow host can cause
(splats.TIMING).

====  ==================================================  =======  ============================
row   what was seen                                       verdict  why
====  ==================================================  =======  ============================
 0    the first splat is one of the emulator's quirks     MISS     the kernel did as it should
 1    the VM ended with PANIC                             FAIL     the kernel gave up
 2    a splat, but not timing ones alone in rows 5 to 7   FAIL     whatever the program said
      and 9
 3    the VM ended with RESET                             FAIL     a triple fault
 4    the VM ended with POWEROFF                          FAIL     no case asks for it
 5    the VM ended with QEMU_DIED                         MISS     the host's trouble
 6    the VM ended with LOST                              MISS     nothing is known
 7    the VM ended with KILLED_BY_HOST, no time-out       MISS     it was not let finish
 8    no end, the OOM killer struck, something answers    ERROR    a case that takes too much
 9    time-out, the program's own too, and QEMU was       MISS     the host was too busy
      without a CPU for STARVED of the time
10    time-out, the guest answers, the program is         ERROR    somebody sent it SIGSTOP
      stopped
11    time-out, the guest answers a new command           FAIL     programs time themselves:
                                                                   this one is stuck in the
                                                                   kernel
12    time-out or lost connection, only the console       MISS     the kernel lives; SSH is the
      answers                                                      harness's own
13    time-out or lost connection, nothing answers        FAIL     the guest hangs
14    time-out, whether it answers is not known           MISS     kernel or host, who knows
15    a new taint, fewer free huge pages, more memory     FAIL     whatever the program said
      in use than before
16    "Bail out!"                                         ERROR    the program gave up
17    one result, it or a subtest "not ok", well-formed   FAIL     however it exited then
18    neither exit status nor signal                      MISS     the connection broke
19    a signal ended the program                          ERROR    it crashed
20    KTAP errors                                         ERROR    plan, order, version line:
                                                                   our programs keep to ktap.rst
21    not exactly one result                              ERROR    one case, one result
22    a directive that is not SKIP or TIMEOUT             ERROR    no case prints it
23    SKIP, exit status 4, with a reason                  SKIP
24    SKIP, "not ok" or another status or no reason       ERROR    it contradicts itself
25    ok, exit status 0                                   PASS
26    ok, another exit status                             ERROR    it contradicts itself
====  ==================================================  =======  ============================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.machine.exits import ExitKind, VmExit
from harness.machine.starvation import STARVED
from harness.suite.ktap import Directive, Result
from harness.text import clean
from harness.verdicts.splats import TIMING, Kind, Splat, find
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.architectures import Quirk

MAX_MESSAGE = 1000  # characters
_LAST_DIAGNOSTICS = 3  # lines of a failed result that become its message
_SKIP_STATUS = 4  # KSFT_SKIP (tools/testing/selftests/kselftest.h)

# mm/oom_kill.c __oom_kill_process(), of the whole system: a memory cgroup's is a case's own.
_OOM = re.compile(r"\] (Out of memory: Killed process \d+ \([^)]*\))")

_NOT_THE_KERNEL = {
    ExitKind.QEMU_DIED: "QEMU died",
    ExitKind.LOST: "the VM was lost",
    ExitKind.KILLED_BY_HOST: "the harness ended the VM",
}


@dataclass(frozen=True)
class Observation:
    """Everything that was seen of one case."""

    # Top-level results and errors of its output (harness.suite.ktap).  What other programs may do
    # and be read all the same, such as print no plan, is an error of the harness's own.
    results: tuple[Result, ...] = ()
    ktap_errors: tuple[str, ...] = ()
    # What follows "Bail out!"; None when it was not said.
    bail_out: str | None = None
    # Of the program over SSH; a signal's name without SIG; None when not known.
    exit_status: int | None = None
    signal: str | None = None
    # The host's own deadline passed before the program ended.
    timed_out: bool = False
    stderr: str = ""
    # The console lines that belong to the case, as many as are kept.
    console: tuple[str, ...] = ()
    # How the VM ended during the case; None while it runs.
    end: VmExit | None = None
    # After a time-out or a lost connection: whether a new SSH command works, and whether the
    # agent on the console says a word; None when it was not tried.
    guest_answers: bool | None = None
    console_answers: bool | None = None
    # What is wrong with the kernel's counters (harness.verdicts.health).
    health: tuple[str, ...] = ()
    # The part of the time that QEMU waited for a CPU of the host, 0 to 1.
    starved: float = 0.0
    # A signal has stopped the program, and the kernel does not hold it.
    stopped: bool = False
    # What QEMU's accelerator is known to do to kernels that are well (harness.architectures).
    quirks: tuple[Quirk, ...] = ()
    # The splats found in the case's console as it came, and how many more there were than are kept;
    # None where nobody looked: they are looked for in ``console``.
    splats: tuple[Splat, ...] | None = None
    more_splats: int = 0


@dataclass(frozen=True)
class Judgement:
    """A verdict, and why."""

    verdict: Verdict
    # For people, one line, at most MAX_MESSAGE characters; empty for PASS.
    message: str
    # All of the case's console.
    splats: tuple[Splat, ...] = ()


def judge(seen: Observation) -> Judgement:
    """Return the verdict of the table above; it never raises."""
    splats = tuple(find(seen.console)) if seen.splats is None else seen.splats
    verdict, message = (
        of_emulator(splats, seen.quirks)
        or _of_end_and_splats(seen, splats)
        or _of_memory(seen)
        or _of_host(seen)
        or _of_stop(seen)
        or _of_silence(seen)
        or _of_health(seen)
        or _of_words(seen)
        or _of_exit(seen)
        or _of_shape(seen)
        or _of_result(seen)
    )
    return Judgement(verdict, _one_line(message), splats)


def of_emulator(splats: Sequence[Splat], quirks: Sequence[Quirk]) -> tuple[Verdict, str] | None:
    """Row 0: what came first is known of the emulator; whatever follows came of that."""
    lines = "\n".join(splats[0].lines) if splats else ""
    for quirk in quirks:
        if re.search(quirk.splat, lines):
            return Verdict.MISS, f"the emulator's doing: {splats[0].title}: {quirk.why}"
    return None


def _of_end_and_splats(seen: Observation, splats: Sequence[Splat]) -> tuple[Verdict, str] | None:
    """Rows 1 to 7: the kernel, the VM or the host ended it."""
    end = seen.end
    if end is not None and end.kind is ExitKind.PANIC:
        return Verdict.FAIL, _panic(end, splats)
    blameless = end is not None and end.kind in _NOT_THE_KERNEL
    if end is not None and end.kind is ExitKind.KILLED_BY_HOST and seen.timed_out:
        # Ending the VM was the consequence: what led to it is judged.
        end, blameless = None, False
    excused = blameless or (end is None and _of_host(seen) is not None)
    if splats and not (excused and all(splat.kind in TIMING for splat in splats)):
        others = len(splats) - 1 + seen.more_splats
        more = f" (and {others} more)" if others else ""
        return Verdict.FAIL, f"{splats[0].title}{more}"
    if end is None:
        return None
    if end.kind is ExitKind.RESET:
        return Verdict.FAIL, f"the guest reset without a word (a triple fault?): {end.detail}"
    if end.kind is ExitKind.POWEROFF:
        return Verdict.FAIL, f"the guest shut down in the middle of the case: {end.detail}"
    return Verdict.MISS, f"{_NOT_THE_KERNEL[end.kind]}: {end.detail}"


def _panic(end: VmExit, splats: Sequence[Splat]) -> str:
    """Return the panic's title after what led to it."""
    title = next((s.title for s in splats if s.kind is Kind.PANIC), f"panic: {end.detail}")
    cause = splats[0] if splats else None
    if cause is None or cause.kind is Kind.PANIC:
        return title
    return f"{cause.title}; then {title}"


def _of_memory(seen: Observation) -> tuple[Verdict, str] | None:
    """Row 8: the guest ran out of memory."""
    if not _unfinished(seen) or not (seen.guest_answers or seen.console_answers):
        return None
    killed = next((m[1] for line in seen.console if (m := _OOM.search(line))), None)
    return None if killed is None else (Verdict.ERROR, f"the guest ran out of memory: {killed}")


def _of_host(seen: Observation) -> tuple[Verdict, str] | None:
    """Row 9: too slow for a reason of the host's."""
    if seen.starved < STARVED or not (seen.timed_out or _told_timeout(seen)):
        return None
    return Verdict.MISS, (
        f"the host is too busy: QEMU waited for a CPU for {seen.starved:.0%} of the time, and the "
        "program was not done in time"
    )


def _told_timeout(seen: Observation) -> bool:
    return any(result.directive is Directive.TIMEOUT for result in seen.results)


def _of_stop(seen: Observation) -> tuple[Verdict, str] | None:
    """Row 10: somebody's SIGSTOP."""
    if not (seen.timed_out and seen.guest_answers and seen.stopped):
        return None
    return Verdict.ERROR, (
        "the program was stopped by a signal: it is in state T, which nothing in the kernel keeps "
        "it in, and the guest answers"
    )


def _of_silence(seen: Observation) -> tuple[Verdict, str] | None:
    """Rows 11 to 14: the host's deadline passed, or the connection broke."""
    if not _unfinished(seen):
        return None
    said = "reported its result but did not exit" if seen.results else "did not report a result"
    last = next((line for line in reversed(seen.console) if line.strip()), None)
    words = f"the console's last line: {last}" if last else "the console is silent"
    if seen.console_answers and not seen.guest_answers:
        return Verdict.MISS, (
            f"the guest's SSH does not answer, but its console does: the program {said}; {words}"
        )
    if seen.guest_answers is False and seen.console_answers is False:
        return Verdict.FAIL, (
            f"the guest hangs: the program {said}, no new command runs, and the console does not "
            f"answer; {words}"
        )
    if not seen.timed_out:
        return None
    if seen.guest_answers:
        return Verdict.FAIL, (
            f"the program {said} and ignores its own timer, but the guest answers: "
            f"it is stuck in the kernel; {words}"
        )
    return Verdict.MISS, (
        f"the program {said} in time, and whether the guest still answers is not known; {words}"
    )


def _unfinished(seen: Observation) -> bool:
    """Return True if it is not known how the program ended."""
    return seen.timed_out or (seen.exit_status is None and seen.signal is None)


def _of_health(seen: Observation) -> tuple[Verdict, str] | None:
    """Row 15: the case left the kernel other than it was."""
    if not seen.health:
        return None
    result = seen.results[0] if len(seen.results) == 1 else None
    failed = f"{_failure(result)}; " if result is not None and _is_failure(result) else ""
    return Verdict.FAIL, f"{failed}after the case: {'; '.join(seen.health)}"


def _of_words(seen: Observation) -> tuple[Verdict, str] | None:
    """Rows 16 and 17: the program said what was wrong."""
    if seen.bail_out is not None:
        return Verdict.ERROR, f"the program gave up: {seen.bail_out or 'without a reason'}"
    if len(seen.results) == 1 and not seen.ktap_errors and _is_failure(seen.results[0]):
        return Verdict.FAIL, _failure(seen.results[0])
    return None


def _of_exit(seen: Observation) -> tuple[Verdict, str] | None:
    """Rows 18 and 19: the program did not exit."""
    if seen.signal is not None:
        name = seen.signal.removeprefix("SIG")
        return Verdict.ERROR, f"the program died of SIG{name}{_last_words(seen.stderr)}"
    if seen.exit_status is None:
        return Verdict.MISS, f"how the program ended is not known{_last_words(seen.stderr)}"
    return None


def _of_shape(seen: Observation) -> tuple[Verdict, str] | None:
    """Rows 20 and 21: what the program printed is not one result."""
    wrong = "; ".join(seen.ktap_errors[:3])
    if not wrong and len(seen.results) != 1:
        wrong = f"{len(seen.results)} results where one was expected"
    if not wrong:
        return None
    return Verdict.ERROR, f"{wrong}; exit status {seen.exit_status}{_last_words(seen.stderr)}"


def _of_result(seen: Observation) -> tuple[Verdict, str]:
    """Rows 22 to 26: one result, that is not a failure, of a program that exited."""
    result, status = seen.results[0], seen.exit_status
    if result.directive is Directive.SKIP:
        if not result.ok or status != _SKIP_STATUS:
            said = "ok" if result.ok else "not ok"
            return Verdict.ERROR, f"said '{said} # SKIP {result.reason}' with exit status {status}"
        if not result.reason:
            return Verdict.ERROR, "skip without a reason"
        return Verdict.SKIP, result.reason
    if result.directive is not None:
        return Verdict.ERROR, f"unexpected directive {result.directive} {result.reason}"
    if status != 0:
        return Verdict.ERROR, f"said ok, but exit status {status}{_last_words(seen.stderr)}"
    return Verdict.PASS, ""


def _is_failure(result: Result) -> bool:
    """Return True if the result failed, or any subtest did, whatever its parent says."""
    if any(subtest.failed for subtest in result.subtests):
        return True
    return result.failed and result.directive in {None, Directive.TIMEOUT}


def _failure(result: Result) -> str:
    """Return why a result failed: its directive or comment, its subtests, its last diagnostics."""
    words = [f"{result.directive or ''} {result.reason}".strip()]
    if failed := [subtest for subtest in result.subtests if subtest.failed]:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        words.append(f"subtest '{failed[0].name}' failed{more}")
    words += [line.strip() for line in result.diagnostics if line.strip()][-_LAST_DIAGNOSTICS:]
    return "; ".join(word for word in words if word) or "not ok, without a diagnostic"


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return f"; it said: {lines[-1]}" if lines else ""


def _one_line(text: str) -> str:
    flat = " ".join(clean(text.replace("\n", " ").replace("\r", " ")).split())
    return flat if len(flat) <= MAX_MESSAGE else flat[: MAX_MESSAGE - 3] + "..."
