# SPDX-License-Identifier: GPL-2.0-only
"""The options of the command line, those of all commands: importing a command takes time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from harness import architectures
from harness.errors import Exit
from harness.run.settings import DEFAULT_KERNEL, MACHINE, add_options, count

if TYPE_CHECKING:
    from collections.abc import Callable

_EPILOG = """\
examples:
  python -m harness run --arch x86_64                         Debian's current kernel
  python -m harness run --arch arm64 --kernel debian:sid -n 2
  python -m harness run --arch x86_64 --kernel ~/linux -k 'continue and not race'
  python -m harness rerun results/latest-x86_64 'hole_refused[shmem-shared]'
  python -m harness report results/latest-x86_64 --format md
  python -m harness contract CON --run results/latest-x86_64
  git bisect run .venv/bin/python -m harness run --arch x86_64 --kernel .

exit codes:
    0  nothing wrong
    1  a FAIL is on record: the kernel is wrong, crashed or hung
  125  it could not be tested (a MISS, an ERROR, not one case applied, trouble of the host or
       of the harness itself); git bisect run skips the commit
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP); git bisect run stops
  200  bad input or usage; git bisect run stops
"""

_LIMITS = ("accelerator", "timeout_scale")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors end with the code of bad input: argparse's own is 2."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.INPUT, f"{self.prog}: error: {message}\n")


def parser(alone: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, or of ``alone``, if that is one: it is made sooner."""
    arches = ", ".join(architectures.names())
    whole = _Parser(
        prog="python -m harness",
        description="Boot kernels in QEMU and verify userfaultfd minor faults in them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in [alone] if alone in _COMMANDS else _COMMANDS:
        words, add = _COMMANDS[name]
        add(commands.add_parser(name, help=words), arches)
    return whole


def _run(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _common(parser, arches)
    _results(parser, "results", "where the run's folder and latest-ARCH are made")
    parser.add_argument("-k", metavar="EXPR", help="only cases that match pytest's -k expression")
    parser.add_argument("-m", metavar="EXPR", help="only cases whose markers match")
    parser.add_argument(
        "-n",
        metavar="N",
        type=_jobs,
        default="auto",
        help="VMs at the same time; auto: as many as the CPUs and the memory allow (default)",
    )
    add_options(parser.add_argument, ("retries", "vmcore", "isolation"))
    parser.add_argument(
        "--lf", action="store_true", help="only the cases that went wrong last time"
    )
    parser.add_argument("-x", action="store_true", help="stop at the first case that is not well")
    parser.add_argument(
        "--maxfail", type=int, default=0, metavar="N", help="stop after N cases that are not well"
    )
    parser.add_argument(
        "cases", nargs="*", help="cases by id: guest_tests/continue.c::NAME[MEMORY]"
    )


def _rerun(parser: argparse.ArgumentParser, arches: str) -> None:  # noqa: ARG001
    parser.description = (
        "Run a run's cases again on its kernel with its settings, as its results.json has them: "
        "all, in the order they had; or those that are named, each in a fresh VM."
    )
    parser.add_argument("run", type=_path, metavar="RUN", help="folder: results/latest-x86_64")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="NAME[MEMORY], or its whole id")
    parser.add_argument(
        "--history",
        metavar="CASE",
        help="run CASE in one VM, after what had run in its VM before it, in the same order",
    )
    parser.add_argument("--results", type=_path, metavar="DIR", help="default: beside RUN")


def _report(parser: argparse.ArgumentParser, arches: str) -> None:  # noqa: ARG001
    parser.description = (
        "Show a run that has ended, was killed, or still goes on: cases.jsonl in its folder has "
        "every case as soon as it has its verdict."
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder: results/latest-x86_64")
    parser.add_argument(
        "--format",
        choices=("table", "junit", "ktap", "json", "md"),
        default="table",
        help="default: table; json is results.json's, md is Markdown",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write it to FILE (default: print it)"
    )


def _contract(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.description = (
        "Show the rows of the contract: what each states, where the kernel decides it, on which "
        "kernels what is expected and why, which cases verify it, and what runs said."
    )
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help="only these: CON-04, or all that begin so: CON"
    )
    parser.add_argument("--arch", help=f"what is expected on this one only: {arches}")
    parser.add_argument(
        "--kernel-version", metavar="V", help="what is expected of this one only: 6.12, 7.3-rc7"
    )
    parser.add_argument(
        "--run",
        type=Path,
        nargs="+",
        default=[],
        metavar="RUN",
        help="show what these runs said: results/latest-*; of a case's records the newest counts",
    )
    parser.add_argument(
        "--format", choices=("text", "html", "md", "json"), default="text", help="default: text"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write it to FILE (default: print it)"
    )


def _matrix(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.add_argument("--set", default="all", metavar="NAME", help="all (default) or nightly")
    parser.add_argument("--arch", default="", metavar="A,A", help=f"only these of {arches}")
    parser.add_argument("--kernel", default="", metavar="K,K", help="only these of its kernels")
    parser.add_argument(
        "--cells",
        type=_path,
        metavar="FILE",
        help="another list of kernels (default: harness/matrix/cells.toml)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the last matrix: run what was not run, was cut, or is a MISS; with "
        "--arch or --kernel run these again",
    )
    _results(parser, "results", "where the matrix's folder and latest-matrix are made")
    parser.add_argument("-k", metavar="EXPR", help="only cases that match pytest's -k expression")
    parser.add_argument("-n", metavar="N", type=_jobs, default="auto", help="as of run")
    add_options(parser.add_argument, (*_LIMITS, "append", "boot", "retries", "isolation"))


def _bisect(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.description = (
        "Bisect a kernel's history: build and test commits in a worktree of its own until the "
        "first one that shows the failure of the bad end is found. The same command goes on with "
        "a bisection that was interrupted."
    )
    parser.add_argument("--arch", required=True, help=f"guest architecture: {arches}")
    parser.add_argument(
        "--tree",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the kernel's git repository (default: the current folder); its worktree, index and "
        "HEAD are not touched",
    )
    parser.add_argument("--good", required=True, metavar="A", help="a commit that does not fail")
    parser.add_argument("--bad", required=True, metavar="B", help="a commit that fails")
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="ID",
        help="the case that fails, by id as run takes it; may be given again (default: all cases "
        "are run at the bad end, and the quickest that fails there is taken)",
    )
    parser.add_argument("-k", metavar="EXPR", help="at the bad end, run only cases that match")
    parser.add_argument(
        "--runs",
        type=_positive,
        metavar="N",
        help="runs without the failure that make a commit good (default: as many as its rate, "
        "measured at the bad end, asks for)",
    )
    parser.add_argument(
        "--build",
        metavar="COMMAND",
        help="what builds the kernel, run by the shell in the worktree, with ARCH and "
        "CROSS_COMPILE set (default: 'make -jN' of the image, and of the modules if there are any)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the kernel's configuration (default: .config of the tree); 'make olddefconfig' fits "
        "it to each commit",
    )
    _results(parser, "results", "where the bisection's folder is made")
    parser.add_argument("-n", metavar="N", type=_jobs, default="auto", help="as of run")
    add_options(parser.add_argument, (*_LIMITS, "append", "boot", "vmcore"))


def _bench(parser: argparse.ArgumentParser, arches: str) -> None:
    _common(parser, arches)
    parser.add_argument("--rounds", type=int, default=5, help="boots of each kind (default: 5)")
    parser.add_argument(
        "--parts",
        metavar="P,P",
        help="some of cold, warm, overhead, suite, memory, peers (default: all but peers)",
    )
    parser.add_argument("--json", type=_path, metavar="FILE", help="write the figures to FILE")


def _config(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.description = (
        "Print the configuration options that the suite asks of a kernel, and what each is for: "
        "without some no case can be run, without others cases are skipped. Exit code: 0, or 125 "
        "when --check finds one missing."
    )
    parser.add_argument("arch", metavar="ARCH", help=f"one of {arches}")
    parser.add_argument(
        "--check",
        metavar="K",
        help="print only what K lacks: a .config, or a kernel as --kernel of run has it",
    )
    parser.add_argument(
        "--fragment",
        action="store_true",
        help="print lines for scripts/kconfig/merge_config.sh instead, with what they depend on",
    )


def _mutation(parser: argparse.ArgumentParser, arches: str) -> None:  # noqa: ARG001
    add_options(parser.add_argument, _LIMITS)
    parser.add_argument("-n", metavar="N", type=_jobs, default="auto", help="VMs at the same time")
    _results(parser, "results/mutation", "where each kernel's runs go")
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
    parser.add_argument("--report", type=_path, metavar="FILE", help="write the table as Markdown")
    parser.add_argument("mutants", nargs="*", help="names or shell patterns (default: all)")


def _goldens(parser: argparse.ArgumentParser, arches: str) -> None:  # noqa: ARG001
    parser.description = (
        "Read each log of a folder and compare what is found with the log's own header: 'TITLE: "
        "...' as syzkaller has it, more such lines, an empty line, then the console. A log without "
        "a title has no crash in it."
    )
    parser.add_argument("logs", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--all", action="store_true", help="logs of kernels before 5.10, and of unknown ones, too"
    )
    parser.add_argument("--wrong", action="store_true", help="list what is not as its title says")


def _soak(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.description = (
        "Run a case again and again, in runs as users start them, and meet it with trouble at a "
        "random moment: crashes, hangs, stopped programs, a killed QEMU. Each must come to its "
        "verdict, no case may be lost or run twice, and nothing may be left behind."
    )
    parser.add_argument(
        "--arch", default="x86_64,arm64", metavar="A,A", help=f"some of {arches} (default: 64 bit)"
    )
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, metavar="K", help="one of Debian's")
    parser.add_argument(
        "--starts", type=count, default=200, metavar="N", help="cases that meet trouble (200)"
    )
    parser.add_argument(
        "--seed",
        type=count,
        metavar="N",
        help="draw the same again; what a campaign with it has done already stays "
        "(default: a new one)",
    )
    parser.add_argument("--kinds", default="", metavar="K,K", help="only these kinds of trouble")
    _results(parser, "results/soak", "where seed-N is made")
    add_options(parser.add_argument, _LIMITS)


def _path(text: str) -> Path:
    """Return the path ``text``, its ``~`` expanded: not every shell does it behind a "="."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def _jobs(text: str) -> str:
    """Check ``-n``; argparse reports what is raised."""
    if text != "auto" and not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of VMs, nor auto")
    return text


def _positive(text: str) -> int:
    if not (number := count(text)):
        raise argparse.ArgumentTypeError("'0' is not a number of runs")
    return number


def _shell(parser: argparse.ArgumentParser, arches: str) -> None:
    _common(parser, arches)
    parser.add_argument("--profile", default="contract", help="machine profile (default: contract)")


def _common(parser: argparse.ArgumentParser, arches: str) -> None:
    parser.add_argument("--arch", required=True, help=f"guest architecture: {arches}")
    add_options(parser.add_argument, MACHINE)


def _results(parser: argparse.ArgumentParser, default: str, what: str) -> None:
    parser.add_argument(
        "--results",
        type=_path,
        default=Path(default),
        metavar="DIR",
        help=f"{what} (default: {default})",
    )


# Each command's line of help, and what adds its options.
_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser, str], None]]] = {
    "run": ("boot a kernel, run the cases, keep the results", _run),
    "rerun": ("a run once more, or some of its cases", _rerun),
    "report": ("a run's record as a table, junit, ktap, ...", _report),
    "contract": ("what must hold on which kernel", _contract),
    "matrix": ("the suite on many kernels, one table for all", _matrix),
    "bisect": ("find the commit that broke a case", _bisect),
    "shell": ("a shell in a booted guest, over SSH", _shell),
    "bench": ("measure what a user waits for, with ratios", _bench),
    "kernel": ("say what is known of a kernel", _common),
    "config": ("the options that kernels need, or lack", _config),
    "mutation": ("try the suite on kernels with known bugs", _mutation),
    "goldens": ("score the reader of splats on known logs", _goldens),
    "soak": ("break many VMs, and see that nothing is lost", _soak),
}
