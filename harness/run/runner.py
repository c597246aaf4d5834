# SPDX-License-Identifier: GPL-2.0-only
"""Run cases in guests, one after the other, judge them, and have broken guests replaced."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from harness.architectures import GUEST_TESTS, kib
from harness.contract import reader
from harness.errors import HarnessError
from harness.guest import config_probe
from harness.guest.guest import FOLDER
from harness.guest.outcome import SshError
from harness.machine.boot import KERNELS, BootError
from harness.machine.starvation import Waiting
from harness.postmortem.collect import Collector, State, learn
from harness.results.record import CaseRecord, SplatRecord
from harness.run import last_look
from harness.run.guest_pool import GuestPool
from harness.run.plan import rerun_command
from harness.suite.ktap import Directive, Parser
from harness.suite.variant import Variant, compat_name, variant
from harness.verdicts import health, splats
from harness.verdicts.fingerprint import fingerprint, title_of
from harness.verdicts.judge import Judgement, Observation, judge, of_emulator
from harness.verdicts.symbols import Symbols, has_addresses
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.architectures import Quirk
    from harness.guest.guest import Guest
    from harness.guest.outcome import Outcome
    from harness.host.clock import Clock
    from harness.run.last_look import Seen
    from harness.run.plan import Plan
    from harness.suite.catalog import Case
    from harness.verdicts.splats import Splat

log = logging.getLogger("harness")

# How long the last console lines of a case may be under way.
_MARKER_SECONDS = 2.0
# What every case's VM leaves lines in.
_LOGS = ("serial.log", "qmp.jsonl", "ssh.jsonl")


@dataclass(frozen=True)
class Patience:
    """Seconds that a guest is given; all multiplied by the scale of the plan."""

    # Added to a case's own time limit before the host gives up on it: the program reports its
    # own time-out, with what its threads were doing, and waits for up to 10 s for what it killed.
    grace: float = 15.0
    # Then for SSH, and for the console, to answer.
    answer: float = 5.0


@dataclass(frozen=True)
class Job:
    """One case on one kind of memory."""

    # pytest's node id.
    id: str
    case: Case
    # As harness.suite.variant spells it; "" for a case that needs nothing in particular.
    memory: str

    @property
    def label(self) -> str:
        """Short name, for markers on the console: ``continue.hole[hugetlb-shared]``."""
        memory = f"[{self.memory}]" if self.memory else ""
        return f"{self.case.program.name}.{self.case.name}{memory}"


class Runner:
    """Runs jobs for one worker; use it as a context manager, VMs end with it."""

    def __init__(self, plan: Plan, folder: Path, clock: Clock, worker: str) -> None:
        self._plan = plan
        self._clock = clock
        self._collector = Collector(
            folder, plan.scale, vmcore=plan.settings.vmcore, vmlinux=plan.kernel.vmlinux
        )
        self.fleet = GuestPool(plan, folder, clock, worker, self._collector.of_boot)
        self._watchers = last_look.watchers(plan.kernel.config)
        if self._watchers:
            self.fleet.last_look = self._last_look
        # What has run in the guest of each profile.
        self._ran: dict[str, list[Job]] = {}
        # Records beside those of cases, since they were last taken: what was seen at a VM's end.
        self._ends: list[CaseRecord] = []
        self._symbols: Symbols | None = None
        self._quirks = plan.choice.accelerator.quirks or ()
        self.contract = reader.load()
        # What is known of it: where that is not all, a guest is asked.
        self._config = plan.kernel.config
        self._config_asked = False
        self.patience = Patience()
        # Called when everything is ready for a case, just before it: the soak makes trouble then.
        self.before_case: Callable[[Guest, Job], object] | None = None

    def __enter__(self) -> Self:
        # A detector that is broken must not look like a clean log.
        splats.self_check()
        return self

    def __exit__(self, *_: object) -> None:
        self.fleet.drop_all()

    def run(self, job: Job) -> CaseRecord:
        """Run ``job`` and return its record; trouble of any kind is a verdict in it."""
        began = self._clock.now()
        kernel, profile = self._plan.kernel, self.profile(job)
        try:
            self._learn_config(profile)
        except HarnessError as error:
            return self._of_no_guest(job, began, error)
        expectation = self.contract.for_case(
            job.case, kernel.arch, kernel.version, self._config, job.memory
        )
        if expectation.skip is not None:
            return self._record(job, began, Judgement(Verdict.SKIP, expectation.skip))
        if expectation.miss is not None:
            return self._record(job, began, Judgement(Verdict.MISS, expectation.miss))
        if lacking := self._lacks(variant(job.memory)):
            return self._record(job, began, Judgement(Verdict.SKIP, lacking))
        try:
            guest = self._guest_for(job.case, profile)
        except HarnessError as error:
            return self._of_no_guest(job, began, error)
        record = self._run_in(guest, job, profile, expectation.arguments())
        return replace(record, findings=expectation.findings)

    def _learn_config(self, profile: str) -> None:
        """Ask a guest of ``profile``, once, what the kernel's configuration would say."""
        if not self._config.whole and not self._config_asked:
            guest, probes = self.fleet.get(profile), self.contract.probes
            program, scale = f"{FOLDER}/api", self._plan.scale
            self._config = config_probe.ask(guest, program, probes, self._config, scale)
            self._config_asked = True

    def _of_no_guest(self, job: Job, began: float, error: HarnessError) -> CaseRecord:
        """Return the record of a case whose guest could not be had."""
        if not isinstance(error, BootError):
            return self._record(job, began, Judgement(Verdict.MISS, str(error)), phase="boot")
        judgement = _of_boot(error, self._quirks)
        return self._record(
            job, began, judgement, phase="boot", console=error.console, evidence=error.evidence
        )

    def profile(self, job: Job) -> str:
        """Return the name of the machine profile that ``job`` runs on."""
        return self._plan.recipe.profile_with(job.case.profile, variant(job.memory).pages)

    def _lacks(self, wanted: Variant) -> str | None:
        """Return why this kernel cannot have ``wanted``; None when it can, as far as is known."""
        sizes, compat = self._plan.page_sizes, self._plan.recipe.compat
        if wanted.pages and wanted.pages not in sizes:
            return f"this kernel has huge pages of {', '.join(sizes)}, not of {wanted.pages}"
        needs = compat.needs if compat and wanted.task == "compat" else None
        if needs and self._config.has(needs) is False:
            return f"the kernel runs no 32-bit programs: it has no {needs}"
        return None

    def _isolated(self, case: Case) -> bool:
        """Return True if ``case`` has a guest of its own."""
        return case.dirty or self._plan.settings.isolation == "case"

    def _guest_for(self, case: Case, profile: str) -> Guest:
        if case.dirty:
            self.fleet.drop(profile)
        return self.fleet.get(profile)

    def _run_in(self, guest: Guest, job: Job, profile: str, expected: list[str]) -> CaseRecord:
        began = self._clock.now()
        self._ran.setdefault(guest.vm.log.vm, []).append(job)
        scale = self._plan.scale * guest.slowness
        seconds = job.case.timeout * scale
        runs_on, program = variant(job.memory), job.case.program.name
        if runs_on.task == "compat":
            program = compat_name(program)
        argv = [f"{FOLDER}/{program}", "run", job.case.name, "--id", job.label]
        argv += ["--timeout", str(math.ceil(seconds))]
        if runs_on.kind:
            # A size that the memory names comes before this one.
            usual = kib(self._plan.page_sizes[0])
            argv += ["--memory", runs_on.memory, "--page-size", str(usual)]
        argv += expected
        if self.before_case is not None:
            self.before_case(guest, job)
        parser = Parser()
        waiting = Waiting(guest.vm.pid)
        mark = self.fleet.unread[profile]
        guest.vm.console.forget_splats(mark)
        outcome: Outcome | None = None
        trouble = ""
        try:
            grace = self.patience.grace * scale
            outcome = guest.agent.run(argv, timeout=seconds + grace, on_output=parser.feed)
        except SshError as error:
            trouble = str(error)
        parser.close()
        starved = waiting.share()
        state = learn(guest, program, outcome, self.patience.answer * scale)
        if state.end is None and outcome is not None:
            _await_marker(guest, job.label, mark)
        complaints = _complaints(outcome, job.case)
        console, self.fleet.unread[profile] = guest.vm.console.take(mark)
        found, more = guest.vm.console.splats(mark)
        judgement = judge(
            Observation(
                results=parser.results,
                ktap_errors=tuple(parser.errors),
                bail_out=parser.bail_out,
                exit_status=outcome.exit_status if outcome else None,
                signal=outcome.signal if outcome else None,
                timed_out=outcome.timed_out if outcome else False,
                stderr=outcome.stderr.decode("utf-8", "replace") if outcome else trouble,
                console=console,
                splats=found,
                more_splats=more,
                end=state.end,
                guest_answers=state.ssh,
                console_answers=state.console,
                stopped=state.stopped,
                health=complaints,
                starved=starved,
                quirks=self._quirks,
            )
        )
        evidence: tuple[str, ...] = ()
        hangs = _hangs(outcome, parser)
        unsound = hangs or outcome is None or outcome.flooded or bool(complaints)
        if state.end is not None or unsound or judgement.splats:
            evidence = self._collect(guest, state, job, judgement, hangs=hangs)
            log.info("%s: replaced after %s", guest.vm.log.vm, job.label)
            self.fleet.drop(profile, lost=True)
        elif self._isolated(job.case):
            self.fleet.drop(profile)
        diagnostics = tuple(line for result in parser.results for line in result.diagnostics)
        return self._record(
            job,
            began,
            judgement,
            vm=guest.vm.log.vm,
            console=console,
            diagnostics=diagnostics,
            evidence=evidence,
        )

    def _collect(
        self, guest: Guest, state: State, job: Job, judgement: Judgement, *, hangs: bool
    ) -> tuple[str, ...]:
        """Keep what shows why; the guest is lost then."""
        return self._collector.collect(
            guest, state, job.label, hangs=hangs, kernels_fault=judgement.verdict is Verdict.FAIL
        )

    def _last_look(self, guest: Guest, profile: str) -> dict[str, str]:
        """Ask the kernel's watchers before ``guest`` ends; keep what they saw as records."""
        began = self._clock.now()
        console = self.fleet.boot_console(guest)
        scale = self._plan.scale * guest.slowness
        words, seen = last_look.look(guest, self._watchers, scale, console)
        ran = self._ran.pop(guest.vm.log.vm, [])
        self._ends += [self._end_record(each, guest, profile, ran, began) for each in seen]
        return words

    def _end_record(
        self, seen: Seen, guest: Guest, profile: str, ran: Sequence[Job], began: float
    ) -> CaseRecord:
        jobs = [job for job in ran if not seen.programs or job.case.program.name in seen.programs]
        found = tuple(map(_splat_record, seen.splats))
        # The same of several VMs comes once: what was so at boot, and one bug's leak.
        what = f"boot-{profile}" if seen.boot else guest.vm.log.vm
        what = found[0].fingerprint if found and not seen.boot else what
        return CaseRecord(
            id=f"{GUEST_TESTS.name}/end-of-vm::{seen.watcher}[{what}]",
            name=seen.watcher,
            program="end-of-vm",
            memory=what,
            rows=(),
            verdict=seen.verdict,
            message=seen.message,
            started=round(began, 3),
            duration=round(self._clock.now() - began, 3),
            vm=guest.vm.log.vm,
            phase="end",
            diagnostics=tuple(f"before it ran {job.label}" for job in jobs),
            splats=found,
            evidence=_LOGS,
            rerun=rerun_command(self._plan.settings, jobs[-1].id, self._plan.kernel.spec)
            if jobs
            else "",
        )

    def take_ends(self) -> list[CaseRecord]:
        """Return the records of what was seen when VMs ended, since the last call."""
        ends, self._ends = self._ends, []
        return ends

    def _named(self, found: Sequence[Splat], console: Sequence[str]) -> Sequence[Splat]:
        """Return splats with names for the addresses of a kernel that prints no names."""
        kernel = self._plan.kernel
        if not has_addresses(found):
            return found
        if self._symbols is None:
            self._symbols = Symbols.load(kernel.system_map)
        moved = kernel.config.has("CONFIG_RANDOMIZE_BASE") is not False
        # A panic says how far off the kernel is, in lines that may be among these alone.
        said = (*console, *(line for splat in found for line in splat.lines))
        return [self._symbols.resolve(splat, said, moved=moved) for splat in found]

    def _record(
        self,
        job: Job,
        began: float,
        judgement: Judgement,
        *,
        vm: str = "",
        phase: str = "case",
        console: tuple[str, ...] = (),
        diagnostics: tuple[str, ...] = (),
        evidence: tuple[str, ...] = (),
    ) -> CaseRecord:
        return CaseRecord(
            id=job.id,
            name=job.case.name,
            program=job.case.program.name,
            memory=job.memory,
            rows=job.case.rows,
            verdict=judgement.verdict,
            message=judgement.message,
            started=round(began, 3),
            duration=round(self._clock.now() - began, 3),
            vm=vm,
            phase=phase,
            console=console,
            diagnostics=diagnostics,
            splats=tuple(map(_splat_record, self._named(judgement.splats, console))),
            evidence=(*evidence, *(_LOGS if vm or phase == "boot" else ())),
            rerun=rerun_command(self._plan.settings, job.id, self._plan.kernel.spec),
        )


def _of_boot(error: BootError, quirks: Sequence[Quirk]) -> Judgement:
    """Judge a boot that failed: the kernel is blamed only for what its console shows."""
    found = error.splats
    if emulators := of_emulator(found, quirks):
        return Judgement(*emulators, found)
    return Judgement(Verdict.FAIL if error.trouble in KERNELS else Verdict.MISS, error.what, found)


def _splat_record(splat: Splat) -> SplatRecord:
    return SplatRecord(splat.kind, splat.title, splat.lines, title_of(splat), fingerprint(splat))


def _complaints(outcome: Outcome | None, case: Case) -> tuple[str, ...]:
    """Return what is wrong with the kernel's counters after a program that ended."""
    if outcome is None or (outcome.exit_status is None and outcome.signal is None):
        return ()
    return health.complaints(outcome.health, own_pool=case.dirty)


def _hangs(outcome: Outcome | None, parser: Parser) -> bool:
    """Return True if something did not go on: the host's patience ended, or the program's own."""
    if any(result.directive is Directive.TIMEOUT for result in parser.results):
        return True
    return outcome is not None and (outcome.timed_out or outcome.lost)


def _await_marker(guest: Guest, label: str, mark: int) -> None:
    """Wait for the program's last word on the console, which takes its own time to come."""
    guest.vm.console.wait_for(
        lambda line: f"uffd-harness: end {label}" in line, since=mark, timeout=_MARKER_SECONDS
    )
