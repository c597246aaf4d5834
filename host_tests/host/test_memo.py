# SPDX-License-Identifier: GPL-2.0-only
"""What is remembered holds while nothing changed, and not a moment longer."""

from __future__ import annotations

import json
import os
import time

import pytest

from harness.host import memo
from harness.host.memo import Work, remembered, stamp


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    # The harness's own files may be new: a developer's always are.
    monkeypatch.setattr(memo, "_code", lambda: ("this code", 0))
    return tmp_path / "cache" / "remembered"


@pytest.fixture
def old(tmp_path):
    """A file that has not changed for long, as far as ``stamp`` can see."""
    return tmp_path / "input"


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    """Files of these tests are made now: let what changed 1 ms ago count as old."""
    monkeypatch.setattr(memo, "_RACY_NS", -10_000_000_000)


class Worker:
    """Counts how often the work was done."""

    def __init__(self, *files, value="value", until=None):
        self.work = Work(value, files, until)
        self.times = 0

    def __call__(self):
        self.times += 1
        return self.work

    def ask(self, what="what", facts=None):
        return cached_on_disk(what, facts, self)


def test_work_is_done_once(old):
    old.write_text("text")
    worker = Worker(old, value={"a": [1, "b", None]})
    assert [worker.ask() for _ in range(3)] == [{"a": [1, "b", None]}] * 3
    assert worker.times == 1


def rewrite(path):
    """Other contents of the same size, with the old date."""
    before = path.stat()
    path.write_text("TEXT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    """Another file of the same size and date."""
    other = path.with_name("other")
    other.write_text("TEXT")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)


@pytest.mark.parametrize(
    "change",
    [
        rewrite,
        replace,
        lambda path: path.write_text("longer text"),
        lambda path: path.unlink(),
        lambda path: path.touch(),
    ],
    ids=["rewritten", "replaced", "longer", "gone", "touched"],
)
def test_a_change_is_seen(old, change):
    old.write_text("text")
    worker = Worker(old)
    worker.ask()
    time.sleep(0.02)  # a step of the kernel's clock for files
    change(old)
    worker.ask()
    assert worker.times == 2
    worker.ask()
    assert worker.times == 2


def test_a_file_that_appears_is_seen(old):
    worker = Worker(old)
    worker.ask()
    worker.ask()
    assert worker.times == 1
    old.touch()
    worker.ask()
    assert worker.times == 2


def test_a_folder_counts_by_its_entries(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    worker = Worker(folder)
    worker.ask()
    time.sleep(0.02)
    (folder / "new").touch()
    worker.ask()
    assert worker.times == 2


def test_other_facts_are_other_work():
    worker = Worker()
    for facts in ("a", "b", ["a"], {"a": None}):
        worker.ask(facts=facts)
    worker.ask(what="other", facts="a")
    assert worker.times == 5
    worker.ask(facts="b")
    assert worker.times == 5


def test_other_code_may_come_to_another_value(monkeypatch):
    worker = Worker()
    worker.ask()
    monkeypatch.setattr(memo, "_code", lambda: ("other code", 0))
    worker.ask()
    assert worker.times == 2


def test_it_holds_until_its_time():
    worker = Worker(until=time.time() + 0.2)
    worker.ask()
    worker.ask()
    assert worker.times == 1
    time.sleep(0.3)
    worker.ask()
    assert worker.times == 2


def test_what_has_just_changed_is_not_remembered(old, monkeypatch):
    """It may change again within one step of the file system's clock."""
    monkeypatch.setattr(memo, "_RACY_NS", 2_000_000_000)
    old.write_text("text")
    worker = Worker(old)
    worker.ask()
    worker.ask()
    assert worker.times == 2


def test_what_changes_during_the_work_is_not_remembered(old, monkeypatch):
    monkeypatch.setattr(memo, "_RACY_NS", 0)
    old.write_text("text")
    time.sleep(0.05)

    def work():
        time.sleep(0.05)
        old.write_text("TEXT")
        return Work("of the old text", [old])

    cached_on_disk("what", None, work)
    worker = Worker(old)
    assert worker.ask() == "value"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"code": "this code"}', "\0"])
def test_a_damaged_record_is_made_anew(cache, text):
    worker = Worker()
    worker.ask()
    [kept] = cache.iterdir()
    kept.write_text(text)
    assert worker.ask() == "value"
    assert worker.times == 2
    assert json.loads(kept.read_text())["value"] == "value"


def test_what_goes_wrong_is_not_remembered(cache):
    def work():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cached_on_disk("what", None, work)
    assert not list(cache.iterdir())


def test_stamps(old):
    assert stamp(old) is None
    old.write_text("text")
    assert stamp(old) == stamp(str(old))
    inode, size, modified, changed = stamp(old)
    found = old.stat()
    assert (inode, size) == (found.st_ino, 4)
    assert (modified, changed) == (found.st_mtime_ns, found.st_ctime_ns)


def test_the_codes_own_stamp(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(memo, "_PACKAGE", tmp_path)
    (tmp_path / "below").mkdir()
    module = tmp_path / "below" / "module.py"
    module.touch()
    memo._code.cache_clear()
    try:
        before = memo._code()
        assert before[1] == max(module.stat().st_mtime_ns, module.stat().st_ctime_ns)
        time.sleep(0.02)
        module.write_text("x = 1")
        memo._code.cache_clear()
        assert memo._code()[0] != before[0]
    finally:
        memo._code.cache_clear()
