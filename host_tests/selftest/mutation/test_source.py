# SPDX-License-Identifier: GPL-2.0-only
"""Edits are made in a source and always undone; the source itself comes from Debian."""

from __future__ import annotations

import io
import subprocess
import tarfile
from types import SimpleNamespace

import pytest

from harness.errors import InputError
from harness.selftest.mutation import source
from harness.selftest.mutation.mutants import Edit
from harness.selftest.mutation.source import StaleError, Tree


def text(tree):
    return (tree.source / "mm/a.c").read_text()


def test_an_edit_is_there_for_the_block(tree, mutant):
    before = text(tree)
    with tree.edited(mutant().edits):
        assert text(tree) == "/* a */\nreturn 1;\n"
    assert text(tree) == before


def test_edits_of_one_file_follow_each_other(tree):
    edits = [Edit("mm/a.c", "if (x)", "if (y)"), Edit("mm/a.c", "(y)\n", "(z)\n")]
    before = text(tree)
    with tree.edited(edits):
        assert "if (z)\n" in text(tree)
    assert text(tree) == before


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("mm/a.c", "absent", "x"), "0 times"),
        (Edit("mm/a.c", "/", "x"), "2 times"),
        (Edit("mm/b.c", "a", "x"), "cannot be read in linux-source-6.12 6.12.1-1"),
    ],
)
def test_one_that_does_not_fit_changes_nothing(tree, mutant, edit, said):
    before = text(tree)
    with pytest.raises(StaleError, match=said), tree.edited([*mutant().edits, edit]):
        pytest.fail("it is not in the source")
    assert text(tree) == before
    with tree.edited(mutant().edits):
        assert text(tree) != before


def test_what_interrupts_the_block_does_not_leave_the_edit(tree, mutant):
    before = text(tree)
    with pytest.raises(KeyboardInterrupt), tree.edited(mutant().edits):
        raise KeyboardInterrupt
    assert text(tree) == before


def test_an_edit_that_a_killed_run_left_is_undone(tree, mutant):
    before = text(tree)
    killed = tree.edited(mutant().edits)
    killed.__enter__()
    assert text(tree) != before
    Tree(tree.folder, tree.origin).restore()
    assert text(tree) == before
    # What came of it is younger than what was built of the edit: make builds it again.
    stamp = (tree.source / "mm/a.c").stat().st_mtime_ns
    tree.restore()
    assert (tree.source / "mm/a.c").stat().st_mtime_ns == stamp


class FakeSuite:
    """A suite with a package of the source."""

    def __init__(self, deb):
        self.deb = deb
        self.fetched = 0

    def __call__(self, *_):
        return self

    def find(self, name, _version=None):
        return SimpleNamespace(name=name, version="6.12.1-1")

    def fetch(self, _):
        self.fetched += 1
        return self.deb


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A .deb as Debian's: a tar.xz of the source in /usr/src."""
    root = tmp_path / "root"
    (root / "usr/src").mkdir(parents=True)
    (root / "DEBIAN").mkdir()
    control = "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: m <m@m>\nDescription: d\n"
    (root / "DEBIAN/control").write_text(control)
    with tarfile.open(root / "usr/src/linux-source-6.12.tar.xz", "w:xz") as archive:
        member = tarfile.TarInfo("linux-source-6.12/mm/a.c")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"a;\n"))
    deb = tmp_path / "p.deb"
    command = ["dpkg-deb", "--root-owner-group", "-b", str(root), str(deb)]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    suite = FakeSuite(deb)
    monkeypatch.setattr("harness.kernels.source.Suite", suite)
    return suite


def test_the_source_is_unpacked_once(package):
    tree = source.fetch()
    assert tree.origin == "linux-source-6.12 6.12.1-1"
    assert text(tree) == "a;\n"
    assert source.fetch() == tree
    assert package.fetched == 1
    assert [path.name for path in tree.source.iterdir()] == ["mm"]


def test_a_suite_without_the_package(package, monkeypatch):
    monkeypatch.setattr(package, "find", lambda *_: None)
    with pytest.raises(InputError, match=r"trixie has no linux-source-6\.12"):
        source.fetch()
