# SPDX-License-Identifier: GPL-2.0-only
"""What the Makefile's variables become on the command line, whatever is in them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness import options
from harness.run.settings import from_options

ROOT = Path(__file__).resolve().parents[1]
SHOW = f"{shlex.quote(sys.executable)} -c 'import json, sys; print(json.dumps(sys.argv[1:]))'"
ODD = """don't "quote" $HOME `id` \\ ; | & * (x) #y"""


def commands(target, **variables):
    """Return the argument lists of the commands of the harness that ``target`` runs."""
    said = subprocess.run(
        ["make", "--no-print-directory", "-n", target, f"PYTHON={SHOW}",
         *(f"{name}={value}" for name, value in variables.items())],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    mine = "\n".join(line for line in said.splitlines() if "harness.host.deps" not in line)
    shown = subprocess.run(["sh", "-c", mine], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in shown.stdout.splitlines() if line.startswith("[")]


def parsed(target, **variables):
    [argv] = commands(target, **variables)
    assert argv[:2] == ["-m", "harness"]
    return options.parser().parse_args(argv[2:])


def test_what_nobody_sets_is_as_by_default():
    chosen = parsed("test-arm64")
    assert from_options(chosen) == from_options(
        options.parser().parse_args(["run", "--arch", "arm64"])
    )
    assert (chosen.n, chosen.k, str(chosen.results)) == ("auto", None, "results")


@pytest.mark.parametrize("odd", [ODD, "-x", "-- a", "a b"])
def test_whatever_is_in_a_value_arrives(odd):
    # In make's own language, as a user types it, a dollar is two.
    run = parsed("test-x86_64", KERNEL=odd, TESTS=odd, RESULTS=odd, APPEND=odd)
    assert (run.kernel, run.k, str(run.results), run.append) == (odd,) * 4
    shell = parsed("shell-x86_64", KERNEL=odd, APPEND=odd)
    assert (shell.kernel, shell.append) == (odd, odd)
    matrix = parsed("matrix", RESULTS=odd, TESTS=odd, APPEND=odd)
    assert (str(matrix.results), matrix.k, matrix.append) == (odd,) * 3
    assert str(parsed("soak", RESULTS=odd).results) == f"{odd}/soak"


def test_an_empty_kernel_is_no_other_kernel():
    assert parsed("test-x86_64", KERNEL="").kernel == ""


def test_the_rest_of_a_run():
    chosen = parsed(
        "test-x86_64", JOBS="2", ISOLATION="case", RETRIES="0", VMCORE="no", ACCEL="tcg",
        TIMEOUT_SCALE="3",
    )  # fmt: skip
    settings = from_options(chosen)
    assert (settings.accelerator, settings.timeout_scale, settings.retries) == ("tcg", 3.0, 0)
    assert (settings.isolation, settings.vmcore, chosen.n) == ("case", False, "2")


def test_mutants_are_patterns():
    chosen = parsed("mutation", MUTANTS="continue-* it's", STOP_AFTER="3", RESULTS="r s")
    assert chosen.mutants == ["continue-*", "it's"]
    assert (chosen.stop_after, str(chosen.results)) == (3, "r s/mutation")
