# SPDX-License-Identifier: GPL-2.0-only
"""The same bug in two runs has the same fingerprint, another bug has another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.verdicts.fingerprint import fingerprint, frames_of, function_of, title_of
from harness.verdicts.splats import Kind, Splat, find

DATA = Path(__file__).with_name("data") / "splats"


def first(name):
    return find((DATA / f"{name}.log").read_text().splitlines())[0]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("x86_64-oops-null-pointer-then-panic", "oops in mfill_atomic_install_pte"),
        ("x86_64-oops-page-fault-caller-id", "oops in hugetlb_mfill_atomic_pte"),
        ("arm64-oops-null-pointer", "oops in mfill_atomic_install_pte"),
        ("arm-oops-null-pointer", "oops in handle_userfault"),
        ("i386-oops-null-pointer", "oops in handle_userfault"),
        ("x86_64-gpf", "general protection fault in __list_del_entry_valid"),
        ("x86_64-kasan-use-after-free", "KASAN in userfaultfd_release"),
        ("x86_64-kernel-bug-at", "BUG in hugetlb_fault"),
        ("x86_64-6.19-warn-new-format", "WARN in mfill_atomic_install_pte"),
        ("x86_64-bad-page-state", "BUG: Bad page state in process continue  pfn:N"),
        ("x86_64-hung-task", "INFO: task continue:N blocked for more than N seconds."),
        ("real-x86_64-6.1-panic-sysrq", "panic in __handle_sysrq"),
        ("real-arm64-6.1-panic-no-root", "panic in mount_block_root"),
    ],
)
def test_titles(name, title):
    assert title_of(first(name)) == title


def test_frames_are_without_reporters_and_guesses():
    assert frames_of(first("real-x86_64-6.1-panic-sysrq"))[:4] == [
        "__handle_sysrq", "write_sysrq_trigger", "proc_reg_write", "vfs_write"
    ]  # fmt: skip


def test_a_trace_of_arm():
    lines = (
        "[    1.000000] Backtrace: ",
        "[    1.000000]  dump_stack from panic+0x10/0x20",
        "[    1.000000]  mfill from userfaultfd_ioctl+0x1/0x2",
    )
    assert frames_of(Splat(Kind.BUG, "BUG: x", lines, 0)) == ["mfill"]


def another_run(lines):
    """Change what differs between two runs: time, addresses, offsets, process, CPU."""

    def change(line):
        line = re.sub(r"\[ *\d+\.\d{6}\]", "[  777.123456]", line)
        line = re.sub(r"\b(CPU: |CPU#|PID: )\d+", r"\g<1>77", line)
        line = re.sub(r"\b[0-9a-f]{16}\b", "ff1234567890abcd", line)
        return re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+", "+0x777/0x888", line)

    return [change(line) for line in lines]


@pytest.mark.parametrize("path", sorted(DATA.glob("*.log")), ids=lambda path: path.stem)
def test_another_run_of_the_same_bug(path):
    lines = path.read_text().splitlines()
    ours, theirs = find(lines), find(another_run(lines))
    assert ours
    assert list(map(fingerprint, ours)) == list(map(fingerprint, theirs))
    assert list(map(title_of, ours)) == list(map(title_of, theirs))


def test_another_function_or_another_caller_is_another_bug():
    known = first("x86_64-oops-null-pointer-then-panic")

    def changed(old, new):
        lines = tuple(line.replace(old, new) for line in known.lines)
        assert lines != known.lines
        return fingerprint(Splat(known.kind, known.title, lines, 0))

    assert changed("mfill_atomic_install_pte+", "other+") != fingerprint(known)
    assert changed("mcopy_atomic+", "other+") != fingerprint(known)
    assert changed("mcopy_atomic+", "mcopy_atomic.isra.0+") == fingerprint(known)


def test_another_kind_in_the_same_function_is_another_bug():
    line = "[    1.000000] WARNING: CPU: 0 PID: 9 at mm/x.c:1 f+0x0/0x1"
    [warn] = find([line])
    assert fingerprint(warn) != fingerprint(Splat(Kind.BUG, warn.title, warn.lines, 0))


@given(st.sampled_from(Kind), st.text(max_size=80), st.lists(st.text(max_size=80), max_size=5))
def test_any_text(kind, title, lines):
    splat = Splat(kind, title, tuple(lines), 0)
    assert re.fullmatch(r"[0-9a-f]{12}", fingerprint(splat))
    assert isinstance(function_of(splat), str)
