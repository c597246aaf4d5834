# SPDX-License-Identifier: GPL-2.0-only
"""What one pytest session knows about guests: the plan, the records, the worker's runner."""

from __future__ import annotations

import functools
import gc
import logging
import os
import pickle
import shutil
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from harness import architectures
from harness.contract import reader
from harness.errors import HostError, InputError
from harness.host import environment, output
from harness.host.clock import Clock, since_process_start
from harness.host.codec import from_json, to_json
from harness.host.git import Git
from harness.host.machine import this_host
from harness.host.process import die_with_parent, end_on_signals, leave_hangup_to_parent
from harness.kernels.provenance import QUESTIONS, source_of_git
from harness.plugin import schedule
from harness.plugin.records import Records
from harness.results.folder import latest, link_latest, make_folder
from harness.results.record import CaseRecord, KernelRecord, Run, SettingsRecord, iso
from harness.results.store import RESULTS, RunStore, utc_now
from harness.run.plan import Plan, prepare, rerun_command
from harness.run.settings import from_options
from harness.suite import catalog
from harness.suite.variant import variants
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.errors import HarnessError
    from harness.plugin.schedule import Jobs
    from harness.results.record import VmRecord
    from harness.run.runner import Job, Runner
    from harness.suite.catalog import Case

log = logging.getLogger("harness")

# Stages of a run that follow each other from the start of the process, in Run.durations:
# until the plan is made, until all cases are collected, until workers have them too.
_FROM_START = ("startup", "collection", "workers")

STATE: pytest.StashKey[GuestSession] = pytest.StashKey()


@dataclass(frozen=True)
class _Handover:
    """What a worker is given; pickled, between processes of the same harness."""

    plan: Plan
    folder: Path
    clock: Clock
    controller: int
    # Seconds each case took the last time, by its id: all workers put them in the same order.
    times: dict[str, float]


def is_worker(config: pytest.Config) -> bool:
    """Return True if this process is one of xdist's workers."""
    return hasattr(config, "workerinput")


def is_guest_id(nodeid: str) -> bool:
    """Return True if a node id is that of a guest case: ``guest_tests/continue.c::hole``."""
    return nodeid.partition("::")[0].endswith(".c")


def wants_guests(config: pytest.Config) -> bool:
    """Return True if the session's arguments take in guest_tests."""
    guests = architectures.GUEST_TESTS
    for argument in config.args:
        path = (config.invocation_params.dir / argument.partition("::")[0]).resolve()
        if path == guests or guests in path.parents or path in guests.parents:
            return True
    return False


class GuestSession:
    """The guests' part of one pytest session, on the controller or in a worker."""

    # For the one hook that is given nothing to find it by (pytest_runtest_logreport).
    current: ClassVar[GuestSession | None] = None

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        option = config.option
        self.settings = from_options(option)
        self.recipe = architectures.load(option.arch)
        self.clock = Clock()
        self.plan: Plan | None = None
        # The controller's.
        self.records: Records | None = None
        # -x or --maxfail ended it before all of its cases had run.
        self.stopped_early = False
        # Ctrl-C, SIGTERM or SIGHUP ended it.
        self.interrupted = False
        # It ended the retries alone.
        self._retries_cut = False
        # What broke pytest or the plugin itself.
        self.internal_error: BaseException | None = None
        # Why the run could not start.
        self.failure: HarnessError | None = None
        # How many VMs to run, where the controller decides it; see harness.plugin.workers.
        self.jobs: Jobs | None = None
        # Seconds each case took in the last run, by its id.
        self.times: dict[str, float] = {}
        self._folder: Path | None = None
        self._runner: Runner | None = None
        self._programs: dict[str, Path] = {}
        self._cases: dict[Path, list[Case]] = {}
        if is_worker(config):
            self._take_over(config.workerinput["guest"])  # type: ignore[attr-defined]
        else:
            GuestSession.current = self
            # Where it is plain pytest that was started.
            output.never_fail()
            environment.settle_paths()
            # A terminated run ends as an interrupted one: VMs closed, records kept.
            end_on_signals()

    def _take_over(self, pickled: bytes) -> None:
        handover: _Handover = pickle.loads(pickled)  # (from our own controller)
        # QEMU dies with the worker; the worker with the controller, even a killed one.
        die_with_parent(handover.controller)
        leave_hangup_to_parent()
        self.plan, self._folder, self.clock = handover.plan, handover.folder, handover.clock
        self.times = handover.times

    def for_worker(self) -> bytes:
        """Return what ``_take_over`` takes."""
        assert self.plan is not None
        assert self._folder is not None
        times = self.times
        return pickle.dumps(_Handover(self.plan, self._folder, self.clock, os.getpid(), times))

    def prepare(self) -> None:
        """Make the run's folder, and the plan unless it was given; raises HarnessError."""
        if self._config.option.collectonly:
            return
        # While the rest goes on.
        harness = Git(
            architectures.ROOT, {"version": ("describe", "--always", "--dirty", "--tags")}
        )
        if self.plan is None:
            self.plan = prepare(self.settings)
            self.plan.durations["startup"] = since_process_start()
        kernel, origin = self.plan.kernel, self.plan.provenance
        results = self._config.invocation_params.dir / self._config.option.results
        order = [
            f"{path.name}.c::{catalog.name_of(case, memory)}"
            for path in self.plan.programs
            for case in self.cases(path)
            for memory in self.variants(case)
        ]
        before = latest(results, kernel.arch)
        self.times = schedule.last_times(before / RESULTS) if before else {}
        self._folder = make_folder(results, kernel.arch, kernel.release, datetime.now(UTC))
        try:
            store = RunStore(self._folder, self._run(self.plan, self._folder), order)
        except HostError:
            # Nothing is known that it could hold.
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        link_latest(self._folder, kernel.arch)
        self.records = Records(store)
        self.records.ask(harness, _version)
        if origin.tree:
            self.records.ask(Git(Path(origin.tree), QUESTIONS), self._source)

    def _source(self, answers: Mapping[str, str]) -> Mapping[str, object]:
        """Return the field of the run that what git says of the kernel's tree changes."""
        assert self.records is not None
        kernel = self.records.run.kernel
        source = source_of_git(answers, kernel.release)
        return {"kernel": replace(kernel, source=source)} if source else {}

    def _run(self, plan: Plan, folder: Path) -> Run:
        """Return the record of the run, before its first case."""
        kernel, settings = plan.kernel, self.settings
        return Run(
            id=folder.name,
            started=utc_now(),
            command=tuple(sys.argv),
            arch=kernel.arch,
            kernel=KernelRecord(
                origin=kernel.origin,
                release=kernel.release,
                version=str(kernel.version),
                sha256=kernel.sha256,
                config_known=kernel.config.whole,
                image=str(kernel.image),
                spec=kernel.spec,
                source=plan.provenance.source,
                build=plan.provenance.build,
            ),
            image_sha256=plan.image.sha256,
            settings=SettingsRecord(
                accelerator=settings.accelerator,
                timeout_scale=settings.timeout_scale,
                isolation=settings.isolation,
                retries=settings.retries,
                boot=settings.boot,
                append=settings.append,
            ),
            durations=plan.durations,
            clock_zero=iso(datetime.fromtimestamp(self.clock.began_wall, UTC)),
            host=this_host(),
        )

    def header(self) -> list[str]:
        """Return lines for pytest's header."""
        if self.plan is None:
            return []
        kernel, choice = self.plan.kernel, self.plan.choice
        return [
            f"kernel: {kernel.arch} {kernel.release} ({kernel.origin})",
            *([f"kernel command line: {append}"] if (append := self.settings.append) else []),
            f"accelerator: {choice.name}, {choice.why}",
            f"results: {self._folder}",
        ]

    def cases(self, program: Path) -> list[Case]:
        """Return the cases of a built program; raises InputError."""
        if not self._cases and self.plan is not None:
            self._cases = catalog.load(self.plan.programs)
        if program not in self._cases:
            self._cases[program] = catalog.cases(program)
        return self._cases[program]

    @functools.cached_property
    def _compat_rows(self) -> frozenset[str]:
        return reader.compat_rows()

    def variants(self, case: Case) -> tuple[str, ...]:
        """Return what ``case`` is run on and as, on kernels of the run's architecture."""
        compat = self._compat_rows.issuperset(case.rows)
        return variants(case.memory, self.recipe, compat=compat)

    def collected(self, stage: str = "collection") -> None:
        """Record that all is known that is going to be run, at the end of ``stage``."""
        if not gc.isenabled():
            # harness.__main__ says why.  What there is now stays, and is not looked at again.
            gc.freeze()
            gc.enable()
        if self.plan is None or self.records is None:
            return
        durations = self.plan.durations
        before = sum(durations.get(name, 0.0) for name in _FROM_START if name != stage)
        durations[stage] = round(since_process_start() - before, 3)
        self.records.set_durations(durations)

    def program(self, stem: str) -> Path:
        """Return the built program of guest_tests/``stem``.c, building it if need be."""
        if not self._programs:
            built = self.plan.programs if self.plan else ()
            self._programs = {path.stem: path for path in built or _build(self.settings.arch)}
        if stem not in self._programs:
            raise InputError(f"guest_tests/{stem}.c was not built: it is not among the programs")
        return self._programs[stem]

    def runner(self) -> Runner:
        """Return this process's runner; its VMs are booted as they are needed."""
        if self._runner is None:
            # Here, because no case needs it before its VM: it takes as long as all the rest.
            from harness.run.runner import Runner  # noqa: PLC0415

            assert self.plan is not None
            assert self._folder is not None
            # Not the variable alone: a run may have been started by another's worker.
            name = os.environ["PYTEST_XDIST_WORKER"] if is_worker(self._config) else "vm"
            self._runner = Runner(self.plan, self._folder, self.clock, name)
            self._runner.__enter__()
        return self._runner

    def take_vms(self) -> dict[str, list[Any]]:
        """Return what Records.add_vms takes: of VMs that are new or changed."""
        if self._runner is None:
            return {}
        return _as_json(self._runner.fleet.take_records(), self._runner.take_ends())

    def close_runner(self) -> dict[str, list[Any]]:
        """End this process's VMs; return what take_vms does."""
        if self._runner is None:
            return {}
        if self.interrupted:
            # Who interrupts a run does not wait for its kernel's watchers.
            self._runner.fleet.last_look = None
        self._runner.__exit__(None, None, None)
        records = self.take_vms()
        self._runner = None
        return records

    def keep(self, report: pytest.TestReport) -> None:
        """Record what ``report`` says of a guest case."""
        if self.records is None:
            return
        guest = getattr(report, "guest", None)
        if guest is not None:
            self.records.add_vms(guest)
            self.records.add_case(from_json(CaseRecord, guest["case"]))
        elif report.failed:
            # The harness itself broke, or a worker died: not a word about the kernel.
            self.records.add_case(self._lost(report))

    def _lost(self, report: pytest.TestReport) -> CaseRecord:
        program, _, name = report.nodeid.partition("::")
        name, _, memory = name.rstrip("]").partition("[")
        return CaseRecord(
            id=report.nodeid,
            name=name,
            program=Path(program).stem,
            memory=memory,
            rows=(),
            verdict=Verdict.MISS,
            message=f"the harness broke during {report.when}: {report.longreprtext[-1500:]}",
            started=round(self.clock.now(), 3),
            duration=round(report.duration, 3),
            vm="",
            phase="case",
            rerun=rerun_command(self.settings, report.nodeid, self._spec()),
        )

    def _spec(self) -> str:
        return self.plan.kernel.spec if self.plan else self.settings.kernel

    def retry(self, exitstatus: int) -> None:
        """Run the session's failures again; an interrupt ends that, and loses nothing."""
        records, plan = self.records, self.plan
        # With workers, -x ends a session as an interrupt would.
        over = exitstatus in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}
        if records is None or plan is None or self.interrupted or not over:
            return
        from harness.run import retries  # noqa: PLC0415 (as in runner())

        failed = [case for case in records.run.cases if retries.is_tried_again(case)]
        try:
            pairs = [(self._job(case), case) for case in failed]
            for record, vms, ends in retries.retry(plan, records.folder, self.clock, pairs):
                records.add_case(record)
                records.add_vms(_as_json(vms, ends))
        except KeyboardInterrupt:
            # Every case has its verdict.
            self._retries_cut = self.interrupted = True

    def _job(self, record: CaseRecord) -> Job:
        """Return the job that ``record`` came of."""
        from harness.run.runner import Job  # noqa: PLC0415 (as in runner())

        cases = self.cases(self.program(record.program))
        case = next(case for case in cases if case.name == record.name)
        return Job(record.id, case, record.memory)

    def finish(self, exitstatus: int) -> None:
        """Complete the records."""
        if self.records is not None:
            whole = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
            cut = self.interrupted and not self._retries_cut
            self.records.finish(complete=whole and not self.stopped_early and not cut)


def _version(answers: Mapping[str, str]) -> Mapping[str, object]:
    return {"harness_version": answers["version"]} if answers.get("version") else {}


def _as_json(vms: Sequence[VmRecord], ends: Sequence[CaseRecord]) -> dict[str, list[Any]]:
    """Return what Records.add_vms takes: VMs, and what was seen as they ended."""
    return {"vms": [to_json(vm) for vm in vms], "ends": [to_json(end) for end in ends]}


def _build(arch: str) -> list[Path]:
    from harness.suite import programs  # noqa: PLC0415 (only to list the cases without a run)

    return programs.build(architectures.load(arch))
