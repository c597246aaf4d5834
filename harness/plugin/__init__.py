# SPDX-License-Identifier: GPL-2.0-only
"""pytest plugin: guest cases are pytest items, their verdicts pytest reports.

``pytest guest_tests --arch arm64 -k continue -n 2`` is all it takes; -k, -m, -x, --lf, -n and
--junitxml do what they always do.  With xdist the controller prepares everything once
(kernel, programs, image, accelerator) and keeps the records; each worker boots its own VMs.

``--vms N`` is what ``python -m harness run`` uses instead of -n: the controller collects
first, and starts workers only when there is work for more than one VM.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import architectures
from harness.errors import HarnessError, InputError
from harness.plugin import workers
from harness.plugin.items import GuestCase, GuestProgram
from harness.plugin.progress import show_progress
from harness.plugin.selection import keep_exact
from harness.plugin.session import STATE, GuestSession, is_guest_id, is_worker, wants_guests
from harness.results.formats.table import table
from harness.run.settings import add_options

if TYPE_CHECKING:
    from collections.abc import Generator

    from harness.verdicts.verdict import Verdict

# pytest's category (where it is counted and shown), short and long word of each verdict.
_STATUS: dict[str, tuple[str, str, str]] = {
    "PASS": ("passed", ".", "PASS"),
    "FAIL": ("failed", "F", "FAIL"),
    "ERROR": ("error", "E", "ERROR"),
    "MISS": ("error", "M", "MISS"),
    "SKIP": ("skipped", "s", "SKIP"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run; ``python -m harness run`` has the same ones."""
    group = parser.getgroup("guest", "guest cases (uffd-minor-harness)")
    add_options(group.addoption)
    group.addoption(
        "--results", type=Path, default=Path("results"), help="where the run's folder is made"
    )
    group.addoption(
        "--vms",
        type=workers.number,
        metavar="N",
        help="VMs at the same time, or auto; not for other tests, and not with -n",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers that guest cases carry; set up a worker's share of a run."""
    for line in (
        "contract: a guest case that runs on the 'contract' machine profile (one CPU)",
        "race: a guest case that runs on the 'race' machine profile (two CPUs)",
        "giant: a guest case that runs on the 'giant' machine profile (huge pages of 1 GiB)",
        "numa: a guest case that runs on the 'numa' machine profile (two nodes)",
        "dirty: a guest case that leaves its guest unfit for others",
    ):
        config.addinivalue_line("markers", line)
    if wants_guests(config):
        if config.option.arch is None:
            config.option.arch = architectures.for_host().arch
        show_progress(config)
        try:
            config.stash[STATE] = GuestSession(config)
        except InputError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Prepare the run on the controller, before xdist starts workers."""
    state = session.config.stash.get(STATE, None)
    if state is None or is_worker(session.config):
        return
    try:
        state.prepare()
    except HarnessError as error:
        state.failure = error
        pytest.exit(f"harness: {error}", returncode=error.exit_code)


def pytest_keyboard_interrupt(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Tell an interrupt from pytest's own reasons to stop, which have the same exit status."""
    if (state := GuestSession.current) is not None:
        # Those of pytest and pytest-xdist for an end of their own (-x) are derived from it.
        state.interrupted = type(excinfo.value) is KeyboardInterrupt


def pytest_internalerror(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Note what broke pytest, or this plugin."""
    if (state := GuestSession.current) is not None:
        state.internal_error = excinfo.value


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 (xdist's WorkerController)
    """Give a worker what the controller prepared."""
    if state := node.config.stash.get(STATE, None):
        node.workerinput["guest"] = state.for_worker()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take what ids name; have all workers put it into one order, unless the user named one."""
    state = config.stash.get(STATE, None)
    if state:
        keep_exact(config, items)
    if state and is_worker(config) and not workers.order_is_given(config):
        workers.reorder(items, state.times)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Decide how many VMs there will be, where that is ours to decide."""
    state = session.config.stash.get(STATE, None)
    if state is None or state.plan is None or is_worker(session.config):
        return
    state.collected()
    if session.config.option.vms is not None:
        state.jobs = workers.wanted(
            state.plan, session.config.option.vms, session.items, state.times
        )


def pytest_report_collectionfinish(config: pytest.Config) -> str | None:
    """Return how many VMs there will be, and why."""
    state = config.stash.get(STATE, None)
    return str(state.jobs) if state and state.jobs else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the cases on workers if there is to be more than one VM."""
    state = session.config.stash.get(STATE, None)
    if state is None or state.jobs is None or state.jobs.count == 1 or session.testsfailed:
        return None
    return workers.run(session, state.jobs.count)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return what ``-n auto`` means where VMs are what takes the time."""
    return workers.auto(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401
    """Choose the scheduler; harness.plugin.schedule says why this one."""
    return workers.scheduler(config, log) if STATE in config.stash else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:  # noqa: ANN401
    """Record when workers have collected; where the controller does not, that is collection."""
    if state := node.config.stash.get(STATE, None):
        state.collected("workers" if state.jobs else "collection")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Return what is going to be tested, and how."""
    state = config.stash.get(STATE, None)
    jobs = config.stash.get(workers.AUTO, None)
    return [*(state.header() if state else ()), *([str(jobs)] if jobs else ())]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Pass over what is in guest_tests/ beside the programs: it takes time to look into."""
    beside = collection_path.parent == architectures.GUEST_TESTS and collection_path.suffix != ".c"
    return True if beside else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GuestProgram | None:
    """Collect guest_tests/*.c: each is a program with cases."""
    if file_path.suffix != ".c" or file_path.parent != architectures.GUEST_TESTS:
        return None
    if parent.config.stash.get(STATE, None) is None:
        return None
    program: GuestProgram = GuestProgram.from_parent(parent, path=file_path)
    return program


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the record to the report; xdist carries it to the controller."""
    report = yield
    if isinstance(item, GuestCase) and call.when == "call":
        report.guest = item.take_record()  # type: ignore[attr-defined]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the record of a case as soon as it is known."""
    if (state := GuestSession.current) is not None and is_guest_id(report.nodeid):
        state.keep(report)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Show the verdict instead of passed and failed."""
    guest = getattr(report, "guest", None)
    if guest is None or report.when != "call":
        return None
    verdict: Verdict = guest["case"]["verdict"]
    return _STATUS[verdict]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ANN401, ARG001
    """Take what a worker had to say at its end."""
    state = node.config.stash.get(STATE, None)
    output = getattr(node, "workeroutput", None)
    if state and state.records and output:
        state.records.add_vms(output.get("guest_vms", {}))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End the VMs; on the controller, complete the records."""
    if state := session.config.stash.get(STATE, None):
        vms = state.close_runner()
        if is_worker(session.config):
            session.config.workeroutput["guest_vms"] = vms  # type: ignore[attr-defined]
        else:
            if state.records:
                state.records.add_vms(vms)
                run = len(state.records.run.cases)
                state.stopped_early = bool(session.shouldfail) and run < len(session.items)
            state.retry(exitstatus)
            state.finish(exitstatus)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of the run."""
    state = terminalreporter.config.stash.get(STATE, None)
    if state is None or state.records is None:
        return
    records = state.records
    terminalreporter.section("verdicts")
    width = terminalreporter._tw.fullwidth
    terminalreporter.write_line(table(records.run, str(records.folder), width))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Make sure that nothing outlives the session, however it ended."""
    if state := config.stash.get(STATE, None):
        state.close_runner()
        GuestSession.current = None
