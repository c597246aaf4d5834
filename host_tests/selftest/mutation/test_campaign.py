# SPDX-License-Identifier: GPL-2.0-only
"""A campaign tries what is not known yet, believes no red base, and keeps each result."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.errors import HostError
from harness.kernels.make import BuildError
from harness.selftest.mutation import campaign, kept
from harness.selftest.mutation.campaign import Campaign
from harness.selftest.mutation.mutants import Edit
from harness.selftest.mutation.report import line
from harness.selftest.mutation.trial import Kind
from harness.verdicts.verdict import Verdict

PASS, FAIL, ERROR, MISS, SKIP = Verdict


class FakeBuild:
    """Makes the "image" of the source's text; an edit with "nonsense" does not compile."""

    fragment = "CONFIG_A=y\n"

    def __init__(self, tree, recipe):
        self.tree = tree
        self.recipe = recipe
        self.folder = tree.folder / recipe.arch

    def make(self):
        text = (self.tree.source / "mm/a.c").read_text()
        if "nonsense" in text:
            raise BuildError("make bzImage: error: nonsense")
        return text.replace("/* a */", "")


@dataclasses.dataclass
class FakeSuite:
    """Answers each run with the record that ``runs`` has for its name, in turn."""

    stop_after: int = 0
    results: Path = Path("results")
    runs: dict = dataclasses.field(default_factory=dict)
    asked: list = dataclasses.field(default_factory=list)

    def run(self, name, _arch, _kernel, *, only="", cases=()):
        self.asked.append((name, only or ",".join(cases)))
        return self.runs[name].pop(0)


@dataclasses.dataclass
class World:
    """A campaign's surroundings, and what came of it."""

    tree: object
    suite: FakeSuite
    survivors: bool = False

    def kinds(self, *mutants):
        ran = Campaign(self.tree, mutants, self.suite, self.survivors).run()
        return {mutant.name: result.outcome.kind for mutant, result in ran}


@pytest.fixture
def world(tree, tmp_path, monkeypatch, record):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(campaign, "build_of", FakeBuild)
    monkeypatch.setattr(kept, "suite_digest", lambda: "suite 1")
    made = World(tree, FakeSuite())
    made.suite.runs["base-x86_64"] = [record(PASS, PASS)]
    return made


def test_each_kind_is_told(world, mutant, record):
    world.suite.runs |= {"caught": [record(FAIL, FAIL, FAIL)], "survives": [record(PASS)]}
    assert world.kinds(
        mutant("caught"),
        mutant("survives"),
        mutant("stale", edits=[Edit("mm/a.c", "absent", "x")]),
        mutant("unbuilt", edits=[Edit("mm/a.c", "if (x)", "nonsense")]),
        mutant("same", edits=[Edit("mm/a.c", "/* a */", "")]),
    ) == {
        "caught": Kind.CAUGHT,
        "survives": Kind.SURVIVED,
        "stale": Kind.STALE,
        "unbuilt": Kind.NOT_BUILT,
        "same": Kind.SAME,
    }
    assert "/* a */" in (world.tree.source / "mm/a.c").read_text()


@pytest.mark.parametrize("bad", [FAIL, ERROR, MISS])
def test_a_base_that_is_not_green_ends_it(world, mutant, record, bad):
    world.suite.runs["base-x86_64"] = [record(PASS, bad)]
    with pytest.raises(HostError, match="not green"):
        world.kinds(mutant())


def test_what_is_known_is_not_tried_again(world, mutant, record):
    world.suite.runs["wrong-errno"] = [record(PASS)]
    assert world.kinds(mutant()) == world.kinds(mutant()) == {"wrong-errno": Kind.SURVIVED}
    assert [name for name, _ in world.suite.asked] == ["base-x86_64", "wrong-errno"]


def test_another_suite_or_edit_is_tried_again(world, mutant, record, monkeypatch):
    world.suite.runs["wrong-errno"] = [record(PASS), record(*[FAIL] * 3), record(PASS)]
    world.suite.runs["base-x86_64"] *= 3
    assert world.kinds(mutant()) == {"wrong-errno": Kind.SURVIVED}
    monkeypatch.setattr(kept, "suite_digest", lambda: "suite 2")
    assert world.kinds(mutant()) == {"wrong-errno": Kind.CAUGHT}
    other = mutant(edits=[Edit("mm/a.c", "if (x)", "if (y)")])
    assert world.kinds(other) == {"wrong-errno": Kind.SURVIVED}


def test_survivors_alone_are_tried_with_a_newer_suite(world, mutant, record, monkeypatch):
    other = mutant("other", edits=[Edit("mm/a.c", "if (x)", "if (y)")])
    world.suite.runs |= {"wrong-errno": [record(*[FAIL] * 3)], "other": [record(PASS)] * 2}
    world.suite.runs["base-x86_64"] *= 2
    world.kinds(mutant(), other)
    monkeypatch.setattr(kept, "suite_digest", lambda: "suite 2")
    world.survivors = True
    assert world.kinds(mutant(), other) == {"wrong-errno": Kind.CAUGHT, "other": Kind.SURVIVED}
    assert [name for name, _ in world.suite.asked].count("wrong-errno") == 1
    assert [name for name, _ in world.suite.asked].count("other") == 2


def test_what_is_known_is_of_this_kernel_and_any_suite(world, mutant, record, monkeypatch):
    world.suite.runs["wrong-errno"] = [record(PASS)]
    world.kinds(mutant())
    monkeypatch.setattr(kept, "suite_digest", lambda: "suite 2")
    edited = mutant(edits=[Edit("mm/a.c", "if (x)", "if (y)")])
    asked = len(world.suite.asked)
    known = Campaign(world.tree, [mutant(), mutant("new"), edited], world.suite, False).known()
    assert [result and result.outcome.kind for _, result in known] == [Kind.SURVIVED, None, None]
    assert len(world.suite.asked) == asked


def test_what_was_not_tested_is_tried_again(world, mutant, record):
    world.suite.runs["wrong-errno"] = [record(MISS), record(PASS)]
    assert world.kinds(mutant()) == {"wrong-errno": Kind.UNTESTED}
    assert world.kinds(mutant()) == {"wrong-errno": Kind.SURVIVED}


def test_few_cases_must_fail_a_second_time(world, mutant, record):
    other = mutant("other", edits=[Edit("mm/a.c", "if (x)", "if (y)")])
    world.suite.runs |= {
        "wrong-errno": [record(PASS, FAIL), record(FAIL)],
        "other": [record(PASS, FAIL), record(PASS)],
    }
    assert world.kinds(mutant(), other) == {"wrong-errno": Kind.CAUGHT, "other": Kind.ONCE}
    assert ("other", "guest_tests/continue.c::case_2[shmem]") in world.suite.asked


def test_an_early_end_tries_the_rows_first(world, mutant, record):
    world.suite.stop_after = 3
    world.suite.runs["wrong-errno"] = [record(*[FAIL] * 3)]
    assert world.kinds(mutant()) == {"wrong-errno": Kind.CAUGHT}
    assert world.suite.asked[-1] == ("wrong-errno", "CON-04 or DLV-01")
    result = kept.find("wrong-errno")
    assert line(result).startswith("caught by at least 3 cases (CON), ")


def test_an_early_end_tries_all_when_the_rows_notice_nothing(world, mutant, record):
    world.suite.stop_after = 3
    world.suite.runs["wrong-errno"] = [None, record(PASS)]
    assert world.kinds(mutant()) == {"wrong-errno": Kind.SURVIVED}
    assert [asked for _, asked in world.suite.asked] == ["", "CON-04 or DLV-01", ""]


def test_the_suites_digest_is_of_cases_and_contract(tmp_path):
    for name in ("a.c", "contract/a.toml", "mutants/a.toml", "sabotage/a.c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    digest = kept.suite_digest(tmp_path)
    for name, matters in (("mutants/a.toml", False), ("sabotage/a.c", False), ("a.c", True)):
        (tmp_path / name).write_text("2")
        assert (kept.suite_digest(tmp_path) != digest) == matters, name
