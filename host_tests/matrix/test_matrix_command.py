# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness matrix`` as a user has it, with kernels that cannot be had: no VM starts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def matrix(tmp_path):
    """Run the command on two kernels that are not there."""
    spec = f"{tmp_path}/no-kernel"
    cells = tmp_path / "cells.toml"
    cells.write_text(
        f'[[kernel]]\nspec = "{spec}-1"\narches = ["x86_64", "i386"]\nsets = ["nightly"]\n'
        f'[[kernel]]\nspec = "{spec}-2"\narches = ["x86_64"]\n'
    )

    def run(*arguments):
        argv = [sys.executable, "-m", "harness", "matrix", "--cells", str(cells)]
        argv += ["--results", str(tmp_path / "results"), *arguments]
        return subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
        )

    run.results = tmp_path / "results"
    run.spec = spec
    return run


def kept(matrix):
    found = json.loads((matrix.results / "latest-matrix" / "matrix.json").read_text())
    return [f"{cell['arch']} {cell['kernel'][-1]} {cell['verdict']}" for cell in found["cells"]]


def test_kernels_that_are_gone_are_misses_and_do_not_end_it(matrix):
    done = matrix()
    assert done.returncode == 125, done
    assert kept(matrix) == ["x86_64 1 MISS", "i386 1 MISS", "x86_64 2 MISS"]
    assert f"MISS: there is no '{matrix.spec}-2':" in " ".join(done.stdout.split())
    assert "0 of 3 cells green" in done.stdout
    assert "harness: matrix: 3 of 3: x86_64" in done.stderr
    assert (matrix.results / "latest-matrix" / "matrix.txt").read_text() in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_it_is_resumed_where_something_is_missing(matrix):
    first = matrix("--set", "nightly", "--arch", "i386")
    assert first.returncode == 125
    assert kept(matrix) == ["i386 1 MISS"]
    folder = (matrix.results / "latest-matrix").resolve()
    again = matrix("--resume")
    assert "harness: matrix: 1 of 1: i386" in again.stderr
    more = matrix("--resume", "--arch", "x86_64", "--kernel", f"{matrix.spec}-1")
    assert "harness: matrix: 1 of 1: x86_64" in more.stderr
    assert kept(matrix) == ["x86_64 1 MISS", "i386 1 MISS"]
    assert (matrix.results / "latest-matrix").resolve() == folder


def test_what_cannot_be_resumed(matrix):
    done = matrix("--resume")
    assert (done.returncode, done.stdout) == (200, "")
    assert done.stderr == f"harness: there is no matrix in {matrix.results} to resume\n"
    matrix("--arch", "i386")
    done = matrix("--resume", "--set", "nightly")
    assert done.returncode == 200
    assert "is 'all', not 'nightly'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "weekly"], "no set 'weekly': expected all, nightly"),
        (["--arch", "mips"], "no architecture 'mips': expected i386, x86_64"),
        (["--kernel", "debian:sid"], "no kernel 'debian:sid': expected "),
    ],
)
def test_what_the_matrix_does_not_have(matrix, arguments, says):
    done = matrix(*arguments)
    assert (done.returncode, done.stdout) == (200, "")
    assert says in done.stderr
    assert not matrix.results.exists()
