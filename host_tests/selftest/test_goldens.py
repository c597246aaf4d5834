# SPDX-License-Identifier: GPL-2.0-only
"""The score of the reader on logs with known titles."""

from __future__ import annotations

import pytest

from harness.cli import main
from harness.errors import Exit, InputError
from harness.selftest import goldens
from harness.verdicts.splats import Kind

STAMP = "[    1.000000][    T1] "
WARN = "WARNING: CPU: 0 PID: 1 at a.c:1 foo_read+0x1/0x2"
OOPS = "BUG: kernel NULL pointer dereference, address: 0000000000000010"
VERSION = "CPU: 0 PID: 1 Comm: x Not tainted 6.12.0 #1"


def log(folder, name, header, *texts):
    lines = "".join(f"{STAMP}{text}\n" for text in texts)
    (folder / name).write_text(f"{header}\n{lines}")


@pytest.fixture
def folder(tmp_path):
    log(tmp_path, "right", "TITLE: WARNING in foo_read\nTYPE: WARNING\n", WARN, VERSION)
    log(
        tmp_path,
        "kind",
        "# why\nTITLE: WARNING in foo_read\n",
        OOPS,
        VERSION,
        "RIP: 0010:foo_read+0x1/0x2",
    )
    log(
        tmp_path,
        "name",
        "TITLE: WARNING in bar_open\n",
        WARN,
        VERSION,
        "Call Trace:",
        " bar_open+0x1/0x2",
    )
    log(tmp_path, "missed", "TITLE: KASAN: use-after-free in foo_read\n", "all is well", VERSION)
    log(tmp_path, "corrupted", "TITLE: WARNING in foo\nCORRUPTED: Y\n", WARN, VERSION)
    log(tmp_path, "elsewhere", "TITLE: WARNING in not_printed\n", WARN, VERSION)
    log(tmp_path, "old", "TITLE: WARNING in foo_read\n", VERSION.replace("6.12", "4.19"))
    log(tmp_path, "unknown", "TITLE: WARNING in foo_read\n", "all is well")
    log(tmp_path, "suppressed", "TITLE: WARNING in foo_read\nSUPPRESSED: Y\n", VERSION)
    log(tmp_path, "clean", "", "all is well")
    log(tmp_path, "false-alarm", "", WARN)
    log(tmp_path, "program", "TITLE: SYZFAIL: out of luck\n", "all is well")
    with (tmp_path / "clean").open("a") as more:
        more.write(f"REPORT:\n{STAMP}{WARN}\n")
    return tmp_path


def test_scores(folder):
    logs = goldens.load(folder, every=False)
    names = "right kind name missed corrupted elsewhere clean false-alarm program"
    assert {one.name for one in logs} == set(names.split())
    scores = goldens.score(logs)
    warn = scores["WARN"]
    assert (warn.logs, warn.detected, warn.kind_right) == (5, 5, 4)
    # A function counts if the title names one that the log has, too.
    assert (warn.named, warn.name_right) == (3, 2)
    assert [line.split(":")[0] for line in warn.wrong] == ["kind", "name"]
    assert (scores["KASAN"].logs, scores["KASAN"].detected) == (1, 0)
    clean = scores[goldens.NO_CRASH]
    assert (clean.logs, clean.detected) == (3, 1)
    assert clean.wrong[0].startswith("false-alarm: no crash: WARN in foo_read")
    text = goldens.table(scores)
    assert "detected 83.3%, kind right 66.7%, name as theirs 66.7%" in text


def test_old_and_unknown_kernels_count_if_asked_for(folder):
    names = {one.name for one in goldens.load(folder, every=True)}
    assert {"old", "unknown"} < names
    assert "suppressed" not in names


def test_shared_fingerprints(tmp_path):
    for name, function in (("1", "foo_read"), ("2", "foo_read"), ("3", "bar_open")):
        text = WARN.replace("foo_read", function)
        log(tmp_path, name, f"TITLE: WARNING in {function}\n", text, VERSION)
    assert goldens.shared(goldens.load(tmp_path, every=False)) == (2, 1)
    # Another title for what is the same to us.
    log(tmp_path, "4", "TITLE: WARNING: odd in foo_read\n", WARN, VERSION)
    assert goldens.shared(goldens.load(tmp_path, every=False)) == (3, 2)


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("possible deadlock in f", Kind.LOCKDEP),
        ("INFO: rcu detected stall in f", Kind.RCU_STALL),
        ("kernel BUG in f", Kind.BUG),
        ("BUG: unable to handle kernel paging request in f", Kind.OOPS),
        ("WARNING: ODEBUG bug in f", Kind.WARN),
        ("memory leak in f", Kind.KMEMLEAK),
    ],
)
def test_kinds_of_titles(title, kind):
    assert kind in goldens.Golden("x", title, corrupted=False, version=None, console=b"").kinds


def test_the_command(folder, capsys):
    assert main(["goldens", str(folder), "--wrong"]) == 0
    out = capsys.readouterr().out
    assert "all with a crash" in out
    assert "a console takes logs without a crash at " in out
    assert "missed: KASAN: use-after-free in foo_read: nothing" in out


def test_a_folder_without_logs(tmp_path, capsys):
    with pytest.raises(InputError, match="has no log"):
        goldens.load(tmp_path, every=False)
    assert main(["goldens", str(tmp_path / "nothing")]) == Exit.INPUT
    assert "is no folder" in capsys.readouterr().err
