# SPDX-License-Identifier: GPL-2.0-only
"""Mutants are read as they are written, and what is wrong with one is said."""

from __future__ import annotations

import dataclasses

import pytest

from harness import architectures
from harness.contract import reader
from harness.errors import InputError
from harness.selftest.mutation import mutants
from harness.selftest.mutation.build import build_of
from harness.selftest.mutation.source import Tree, replaced

GOOD = """
breaks = "it is wrong"
rows = ["CON-04", "DLV-01"]
arch = "x86_64"

[[edit]]
file = "mm/a.c"
find = '''
	a;
'''
replace = '''
	b;
'''
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "one.toml").write_text(text)
        return mutants.load(tmp_path)

    return load


def test_one_is_read(load):
    [mutant] = load(GOOD)
    assert (mutant.name, mutant.breaks, mutant.arch) == ("one", "it is wrong", "x86_64")
    assert (mutant.area, mutant.rows) == ("CON", ("CON-04", "DLV-01"))
    assert mutant.edits == (mutants.Edit("mm/a.c", "\ta;\n", "\tb;\n"),)
    assert mutant.equivalent == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('breaks = "it is wrong"\n', "", "breaks"),
        ("arch", "arhc", "arch, arhc"),
        ('["CON-04", "DLV-01"]', "[]", "must name a row"),
        ('["CON-04", "DLV-01"]', '"CON-04"', "rows must be a list"),
        ("\tb;", "\ta;", "changes nothing"),
        ("find", "fnd", "find, fnd"),
        ("[[edit]]", "[[edit]", "not TOML"),
    ],
)
def test_what_is_wrong_is_said(load, old, new, said):
    with pytest.raises(InputError, match=r"one\.toml") as caught:
        load(GOOD.replace(old, new))
    assert said in str(caught.value)


def test_the_digest_is_of_what_is_built(mutant):
    one = mutant()
    assert one.digest == dataclasses.replace(one, name="other", breaks="", rows=("A",)).digest
    assert one.digest != dataclasses.replace(one, arch="i386").digest
    assert one.digest != mutant(edits=[mutants.Edit("mm/a.c", "x", "y")]).digest


def test_some_are_chosen_by_pattern(mutant):
    known = [mutant(name) for name in ("continue-a", "continue-b", "wake-a")]
    assert mutants.choose(known, []) == known
    assert mutants.choose(known, ["wake-*", "*-a"]) == [known[0], known[2]]
    with pytest.raises(InputError, match="no mutant is called 'continu'"):
        mutants.choose(known, ["wake-a", "continu"])


REAL = mutants.load()


def test_there_are_enough_of_each_kind():
    assert len(REAL) >= 40
    areas = {mutant.area for mutant in REAL}
    assert areas >= {"API", "REG", "DLV", "CON", "RES", "INT", "ACC", "CCY", "OBS", "B32"}
    assert sum(mutant.arch == "i386" for mutant in REAL) >= 2
    assert sum(mutant.area in {"CCY", "ACC"} for mutant in REAL) >= 3


def test_no_two_are_the_same():
    assert len({mutant.digest for mutant in REAL}) == len(REAL)
    assert len({mutant.breaks for mutant in REAL}) == len(REAL)


def test_their_rows_are_in_the_contract_and_their_kernels_can_be_built(tmp_path):
    known = set(reader.load().rows)
    for mutant in REAL:
        assert set(mutant.rows) <= known, mutant.name
        assert build_of(Tree(tmp_path, ""), architectures.load(mutant.arch)).fragment


def test_their_edits_fit_each_other():
    # Edits of one file are made one after the other: none may hide the text of a later one.
    for mutant in REAL:
        texts = {}
        for edit in mutant.edits:
            texts[edit.file] = texts.get(edit.file, "") + f"\0{edit.find}"
        for edit in mutant.edits:
            texts[edit.file] = replaced(texts[edit.file], edit)
