# SPDX-License-Identifier: GPL-2.0-only
"""The command line: ``python -m harness run``, ``rerun``, ``matrix``, ``soak`` and others."""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness import recipes
from harness.clock import since_process_start
from harness.errors import INTERRUPTED, HarnessError
from harness.machine.accel import WANTED
from harness.plan import DEFAULT_KERNEL, DEFAULT_RETRIES, ISOLATIONS, Settings, prepare
from harness.process import end_on_sigterm
from harness.soak.options import soak_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EPILOG = """\
examples:
  python -m harness run --arch x86_64                         Debian's current kernel
  python -m harness run --arch arm64 --kernel debian:sid -n 2
  python -m harness run --arch x86_64 --kernel ~/linux -k 'continue and not race'
  python -m harness rerun results/latest-x86_64 'hole_refused[shmem-shared]'
  git bisect run .venv/bin/python -m harness run --arch x86_64 --kernel .

exit codes of run:
    0  nothing wrong
    1  a FAIL: the kernel is wrong, crashed or hung
    2  bad input or usage
    3  only ERRORs: a test program broke
  125  it could not be tested (MISS, or not one case applied); git bisect skips the commit
  130  interrupted
"""

_KERNEL_HELP = (
    "debian:SUITE[:FLAVOUR][=VERSION] (debian:trixie, debian:sid:cloud-amd64, "
    "debian:bookworm=6.1.176-1), a kernel image, a kernel build tree, a linux-image .deb, or a "
    f"tuxmake artifact folder (default: {DEFAULT_KERNEL})"
)


def _parser() -> argparse.ArgumentParser:
    arches = ", ".join(recipes.architectures())
    parser = argparse.ArgumentParser(
        prog="python -m harness",
        description="Boot kernels in QEMU and verify userfaultfd minor faults in them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="boot a kernel, run the cases, keep the results",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _common(run, arches)
    run.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where the run's folder and latest-ARCH are made (default: results)",
    )
    run.add_argument("-k", metavar="EXPR", help="only cases that match pytest's -k expression")
    run.add_argument("-m", metavar="EXPR", help="only cases whose markers match")
    run.add_argument(
        "-n",
        metavar="N",
        type=_jobs,
        default="auto",
        help="VMs at the same time; auto: as many as the CPUs and the memory allow (default)",
    )
    run.add_argument(
        "--isolation",
        choices=ISOLATIONS,
        help="vm: cases share a VM; case: each has a fresh one (default: vm; with --lf: case)",
    )
    run.add_argument(
        "--retries",
        metavar="N",
        type=_count,
        default=DEFAULT_RETRIES,
        help="how often a failure is run again in fresh VMs, to tell whether it always fails "
        f"(default: {DEFAULT_RETRIES}; its verdict stands in any case)",
    )
    run.add_argument(
        "--no-vmcore",
        action="store_true",
        help="do not dump the memory of a guest that crashed or hangs (20 to 120 MiB each)",
    )
    run.add_argument("--lf", action="store_true", help="only the cases that went wrong last time")
    run.add_argument("-x", action="store_true", help="stop at the first case that is not well")
    run.add_argument(
        "--maxfail", type=int, default=0, metavar="N", help="stop after N cases that are not well"
    )
    run.add_argument("cases", nargs="*", help="cases by id: guest_tests/continue.c::NAME[MEMORY]")
    _rerun(commands.add_parser("rerun", help="a run once more, or some of its cases"))
    _matrix(
        commands.add_parser("matrix", help="the suite on many kernels, one table for all"), arches
    )
    sh = commands.add_parser("shell", help="a shell in a booted guest, over SSH")
    _common(sh, arches)
    sh.add_argument("--profile", default="contract", help="machine profile (default: contract)")
    measure = commands.add_parser("bench", help="measure what a user waits for, with ratios")
    _common(measure, arches)
    measure.add_argument("--rounds", type=int, default=5, help="boots of each kind (default: 5)")
    measure.add_argument(
        "--parts",
        metavar="P,P",
        help="some of cold, warm, overhead, suite, memory, peers (default: all but peers)",
    )
    measure.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    _common(commands.add_parser("kernel", help="say what is known of a kernel"), arches)
    _mutation(commands.add_parser("mutation", help="try the suite on kernels with known bugs"))
    soak = commands.add_parser("soak", help="break many VMs, and see that nothing is lost")
    soak_options(soak, arches, _count)
    _limits(soak)
    return parser


def _rerun(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run a run's cases again on its kernel with its settings, as its results.json has them: "
        "all, in the order they had; or those that are named, each in a fresh VM."
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder: results/latest-x86_64")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="NAME[MEMORY], or its whole id")
    parser.add_argument(
        "--history",
        metavar="CASE",
        help="run CASE in one VM, after what had run in its VM before it, in the same order",
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="default: beside RUN")


def _matrix(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.add_argument("--set", default="all", metavar="NAME", help="all (default) or nightly")
    parser.add_argument("--arch", default="", metavar="A,A", help=f"only these of {arches}")
    parser.add_argument("--kernel", default="", metavar="K,K", help="only these of its kernels")
    parser.add_argument(
        "--cells",
        type=Path,
        metavar="FILE",
        help="another list of kernels (default: harness/matrix/cells.toml)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the last matrix: run what was not run, was cut, or is a MISS; with "
        "--arch or --kernel run these again",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where the matrix's folder and latest-matrix are made (default: results)",
    )
    parser.add_argument("-k", metavar="EXPR", help="only cases that match pytest's -k expression")
    parser.add_argument("-n", metavar="N", type=_jobs, default="auto", help="as of run")
    parser.add_argument("--isolation", choices=ISOLATIONS, help="as of run")
    parser.add_argument(
        "--retries", metavar="N", type=_count, default=DEFAULT_RETRIES, help="as of run"
    )
    _limits(parser)


def _mutation(parser: argparse.ArgumentParser) -> None:
    _limits(parser)
    parser.add_argument("-n", metavar="N", type=_jobs, default="auto", help="VMs at the same time")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results/mutation"),
        metavar="DIR",
        help="where each kernel's runs go (default: results/mutation)",
    )
    parser.add_argument(
        "--stop-after",
        type=int,
        default=0,
        metavar="N",
        help="end a kernel's run after N cases that are not well (default: never)",
    )
    parser.add_argument(
        "--survivors",
        action="store_true",
        help="what an older suite caught counts as caught; try the others again",
    )
    parser.add_argument(
        "--known", action="store_true", help="try none: print and report what earlier runs found"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table as Markdown")
    parser.add_argument("mutants", nargs="*", help="names or shell patterns (default: all)")


def _jobs(text: str) -> str:
    """Check ``-n``; argparse reports what is raised."""
    if text != "auto" and not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of VMs, nor auto")
    return text


def _count(text: str) -> int:
    """Return the number that ``text`` says; argparse reports what is raised."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number")
    return int(text)


def _common(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.add_argument("--arch", required=True, help=f"guest architecture: {arches}")
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, metavar="K", help=_KERNEL_HELP)
    _limits(parser)


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--accel", choices=WANTED, default="auto", help="default: auto")
    parser.add_argument(
        "--timeout-scale",
        type=float,
        default=1.0,
        metavar="X",
        help="factor on every time limit (default: 1)",
    )


@contextlib.contextmanager
def _progress() -> Iterator[None]:
    """Show the harness's log on stderr."""
    log = logging.getLogger("harness")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("harness: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _settings(options: argparse.Namespace) -> Settings:
    isolation = getattr(options, "isolation", None)
    if isolation is None:
        isolation = "case" if getattr(options, "lf", False) else "vm"
    return Settings(
        options.arch,
        options.kernel,
        options.accel,
        options.timeout_scale,
        isolation,
        getattr(options, "retries", 0),
        vmcore=not getattr(options, "no_vmcore", False),
    )


def _do(options: argparse.Namespace) -> int:
    """Carry out the command; each is imported by itself: no two need the same."""
    command = importlib.import_module(f"harness.commands.{options.command}")
    replay = None
    if options.command == "rerun":
        replay = command.Replay(options)
        options = _parser().parse_args(replay.words())
        command = importlib.import_module(f"harness.commands.{options.command}")
    if options.command == "run":
        # Before pytest, which would wrap what is wrong with the input in words of its own.
        with _progress():
            plan = prepare(_settings(options))
            if replay is not None:
                replay.check(plan)
        plan.durations["startup"] = since_process_start()
        return int(command.main(options, plan))
    gc.enable()
    with _progress():
        if options.command in {"kernel", "matrix", "mutation", "soak"}:
            return int(command.main(options))
        return int(command.main(options, prepare(_settings(options))))


def main(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` (without the program's name); return the exit code."""
    options = _parser().parse_args(argv)
    end_on_sigterm()
    try:
        return _do(options)
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return INTERRUPTED
