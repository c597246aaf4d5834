# SPDX-License-Identifier: GPL-2.0-only
"""The table of a matrix."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from results_data import KERNEL, case, run
from test_matrix_record import cell

from harness.matrix import record, report
from harness.matrix.record import Matrix
from harness.results.folder import make_folder
from harness.results.store import RunStore
from harness.verdicts.verdict import Verdict


@pytest.fixture
def matrix(tmp_path):
    """Make a matrix of one cell for each arch, kernel and list of cases."""

    def make(*made, **more):
        cells = []
        for arch, kernel, cases in made:
            folder = make_folder(tmp_path, arch, "6.1", datetime.now(UTC))
            store = RunStore(folder, run((), arch=arch, kernel=KERNEL))
            for one in cases:
                store.add_case(one)
            empty = cell(arch=arch, kernel=kernel, why="")
            cells.append(record.learned(empty, store.run, folder.name, ""))
        return Matrix("all", "2026-07-02T12:00:00Z", cells=tuple(cells), **more)

    return make


def lines(matrix, tmp_path):
    return report.table(matrix, tmp_path).splitlines()


def test_a_line_for_each_cell(matrix, tmp_path):
    made = matrix(
        ("x86_64", "debian:sid", [case(1), case(2), case(3, Verdict.SKIP, "why not")]),
        ("arm64", "debian:sid", [case(1)]),
        ("x86_64", "vmlinuz", [case(1, Verdict.FAIL, "is wrong")]),
    )
    head, *rows = lines(made, tmp_path)[:4]
    assert head.split() == ["version", "PASS", "FAIL", "ERROR", "MISS", "SKIP", "min:s"]
    assert [row.split() for row in rows] == [
        ["x86_64", "debian:sid", "6.1.176-1", "2", ".", ".", ".", "1", "1:30"],
        ["vmlinuz", "6.1.176", ".", "1", ".", ".", ".", "1:30"],
        ["arm64", "debian:sid", "6.1.176-1", "1", ".", ".", ".", ".", "1:30"],
    ]
    assert all(len(row) <= report.WIDTH for row in lines(made, tmp_path))


def test_how_slow_a_kernel_was_is_told_where_one_was(matrix, tmp_path):
    made = matrix(("x86_64", "debug:kasan", [case(1)]), ("x86_64", "debian:sid", [case(1)]))
    slow = replace(made.cells[0], slowness=3.4)
    head, *rows = lines(replace(made, cells=(slow, made.cells[1])), tmp_path)[:3]
    assert head.endswith(" min:s limits")
    assert rows[0].split()[-2:] == ["1:30", "x3.4"]
    assert rows[1].split()[-2:] == ["1:30", "x1.0"]


def test_a_cell_without_a_run_says_why(tmp_path):
    lost = cell(kernel="debian:old", why="no suite 'old'")
    made = Matrix("all", "2026-07-02T12:00:00Z", cells=(lost,), waiting=("arm64 debian:sid",))
    text = lines(made, tmp_path)
    assert text[1].split() == ["x86_64", "debian:old", "-", ".", ".", ".", ".", ".", "1:30"]
    assert text[2] == "        MISS: no suite 'old'"
    assert text[3].split() == ["arm64", "debian:sid", "not", "run"]
    assert "0 of 2 cells green" in "\n".join(text)


def test_what_is_wrong_is_said_in_full(matrix, tmp_path):
    cases = [case(n, Verdict.FAIL, f"is wrong {n}") for n in range(report.MAX_PROBLEMS + 2)]
    text = "\n".join(lines(matrix(("x86_64", "debian:sid", cases)), tmp_path))
    assert "FAIL  x86_64 debian:sid: continue.case_0[shmem]\n      is wrong 0\n" in text
    assert "      run again: uffd-minor run -k case_0\n" in text
    assert f"is wrong {report.MAX_PROBLEMS - 1}" in text
    assert f"is wrong {report.MAX_PROBLEMS}" not in text
    assert "and 2 more: " in text


def test_skips_are_grouped_by_reason_with_their_places(matrix, tmp_path):
    skipped = [case(1, Verdict.SKIP, "too old"), case(2, Verdict.SKIP, "too old"), case(3)]
    made = matrix(
        ("x86_64", "debian:a", skipped),
        ("x86_64", "debian:b", skipped),
        ("i386", "debian:a", [case(1, Verdict.SKIP, "no such thing")]),
    )
    text = lines(made, tmp_path)
    at = text.index("skipped, cases:")
    assert text[at + 1 : at + 3] == [
        "    4  too old [x86_64 a, b]",
        "    1  no such thing [i386 a]",
    ]


def test_known_issues_are_named_where_the_kernel_was_seen_to_have_them(matrix, tmp_path):
    made = matrix(
        ("x86_64", "debian:a", [case(1, findings=("oops",)), case(2)]),
        ("arm64", "debian:a", [case(1, Verdict.FAIL, "is mended", findings=("oops",))]),
    )
    text = lines(made, tmp_path)
    at = text.index("known issues, as docs/findings.md has them:")
    assert text[at + 1] == "  oops [x86_64 a]"


def test_a_run_whose_records_are_gone_leaves_its_line(matrix, tmp_path):
    made = matrix(("x86_64", "debian:sid", [case(1, Verdict.FAIL, "is wrong")]))
    for name in ("cases.jsonl", "results.json"):
        (tmp_path / made.cells[0].folder / name).unlink()
    text = "\n".join(lines(made, tmp_path))
    assert "debian:sid" in text
    assert "is wrong" not in text
