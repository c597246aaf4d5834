# SPDX-License-Identifier: GPL-2.0-only
"""What a run leaves, read by others: each reader counts what results.json has.

The readers are junitparser for junit.xml; for results.ktap tap.py, KUnit's own parser (from
Debian's linux-source, where it is there) and the harness's.
"""

import tempfile
from collections import Counter
from pathlib import Path

import junitparser
import kunit
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_data import ONE_OF_EACH, case, run
from tap.parser import Parser as TapParser

from harness.results.store import JUNIT, KTAP, RunStore, load
from harness.suite.ktap import Directive, parse
from harness.verdicts.verdict import Verdict

GREEN = (case(1), case(2), case(3, Verdict.SKIP, "no hugetlb pages"))
# What a guest, a kernel or a name could say to be taken for something else.
LOOK_ALIKES = (
    *("ok 1 x", "not ok 2 y # SKIP no", "1..7", "1..0 # SKIP all", "Bail out! of it"),
    *("KTAP version 1", "TAP version 13", "# KTAP version 1", "Subtest: s", "# Subtest: s"),
    *("a # SKIP b", "# SKIP", "#SKIP", "a#TODO", "TODO", "SKIP", "XFAIL x", "TIMEOUT # SKIP x"),
    *("a\nok 9 b", "a\r\nnot ok 9 b", "\x1b[31mred\x1b[0m", "\x00\x07\x85\u2028ok 1 c", "\ufeff"),
    *("\u202e\ud800ü\u3000\xa0 z", "<&\"']]>", "", " ", "\\", "\\#", "- -", "5"),
    "[    1.000000] Kernel panic - not syncing: VFS: Unable to mount root fs",
    "reboot: System halted",
    *("List of all partitions:", "[    1.000000] KTAP version 1", "    ok 1 x", "---", "..."),
    "x" * 70_000,
)
HOSTILE = (
    *(
        case(
            number, verdict, text, id=f"{verdict}::{number}", name=text, program=text,
            memory=text, diagnostics=(text, f"# {text}", f"    {text}"), rerun=text, console=(text,)
        )
        for number, text in enumerate(LOOK_ALIKES)
        for verdict in Verdict
    ),
    # Names that are the same; that become so when "#" goes; and that look like a numbered one.
    *(case(1, Verdict.FAIL, "x", id=f"same::{n}") for n in range(3)),
    *(case(name=name, id=f"hash::{name}") for name in ("a#b", "a_b", "a b", "a", "a #2", "a (2)")),
    *(case(name="a", id=f"hash::again-{n}") for n in range(2)),
)  # fmt: skip

RUNS = {
    "green": (GREEN, True),
    "red": (ONE_OF_EACH, True),
    "cut": (GREEN, False),
    "cut before its first case": ((), False),
    "empty": ((), True),
    "hostile": (HOSTILE, True),
    "hostile and cut": (HOSTILE, False),
}


def kept(folder, cases, complete):
    """Have RunStore write a run as it goes, and return its results.json as read back."""
    store = RunStore(folder, run(cases=(), finished=None, complete=False))
    for each in cases:
        store.add_case(each)
    store.finish(complete=complete)
    return load(folder)


@pytest.fixture(params=RUNS, scope="module")
def folder(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    kept(path, *RUNS[request.param])
    return path


def expected(folder):
    """Count the verdicts of results.json; a run that is not complete has one MISS more."""
    record = load(folder)
    return Counter(case.verdict for case in record.cases) + Counter(
        {Verdict.MISS: int(not record.complete)}
    )


def in_ktap(verdicts):
    """Return what a reader that knows ok, not ok and SKIP makes of ``verdicts``."""
    bad = sum(verdicts[verdict] for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.MISS))
    return Counter({"pass": verdicts[Verdict.PASS], "skip": verdicts[Verdict.SKIP], "fail": bad})


def test_junitparser_counts_the_same(folder):
    xml = junitparser.JUnitXml.fromfile(str(folder / JUNIT))
    verdicts = Counter()
    for suite in xml:
        for each in suite:
            (result,) = each.result or [None]
            verdicts[Verdict(result.type) if result and result.type else Verdict.PASS] += 1
    assert verdicts == expected(folder)
    (suite,) = xml
    assert suite.tests == verdicts.total()
    assert suite.failures == verdicts[Verdict.FAIL]
    assert suite.errors == verdicts[Verdict.ERROR] + verdicts[Verdict.MISS]
    assert suite.skipped == verdicts[Verdict.SKIP]


def test_tap_py_counts_the_same(folder):
    lines = list(TapParser().parse_file(str(folder / KTAP)))
    tests = [line for line in lines if line.category == "test"]
    assert Counter(
        "skip" if line.skip else "pass" if line.ok else "fail" for line in tests
    ) == in_ktap(expected(folder))
    (plan,) = (line for line in lines if line.category == "plan")
    assert [line.number for line in tests] == list(range(1, plan.expected_tests + 1))
    assert not any(line.todo for line in tests)
    assert {line.category for line in lines} <= {"test", "plan", "diagnostic", "bail", "unknown"}
    unknown = [line.text if hasattr(line, "text") else "" for line in lines
               if line.category == "unknown"]  # fmt: skip
    assert len(unknown) == 1, "KTAP version 1 alone"


def test_kunit_counts_the_same(folder):
    text = (folder / KTAP).read_text()
    assert kunit.counts(text) == in_ktap(expected(folder))
    assert kunit.read(text).counts.errors == (0 if expected(folder) else 1)
    # What kunit.py exits with 0 for.
    green = kunit.status(text) in {"SUCCESS", "SKIPPED"}
    assert green is (expected(folder).total() > 0 and not in_ktap(expected(folder))["fail"])


def test_our_own_reader_counts_the_same(folder):
    parser = parse((folder / KTAP).read_bytes())
    verdicts = Counter()
    for result in parser.results:
        match result.directive:
            case Directive.SKIP:
                verdicts[Verdict.SKIP] += 1
            case Directive.ERROR:
                verdicts[Verdict.MISS if result.reason.startswith("MISS") else Verdict.ERROR] += 1
            case _:
                verdicts[Verdict.PASS if result.ok else Verdict.FAIL] += 1
        assert result.subtests == ()
    assert verdicts == expected(folder)
    assert parser.errors == ([] if parser.results else ["the plan said 1..0: no test was run"])


def test_names_are_unique_and_have_no_hash(folder):
    names = [result.name for result in parse((folder / KTAP).read_bytes()).results]
    assert len(set(names)) == len(names)
    assert not any("#" in name for name in names)
    xml = junitparser.JUnitXml.fromfile(str(folder / JUNIT))
    pairs = [(each.classname, each.name) for suite in xml for each in suite]
    assert len(set(pairs)) == len(pairs)


texts = (
    st.text(max_size=30) | st.sampled_from(LOOK_ALIKES[:-1]) | st.text(alphabet="ok not#SKIP1.:\n")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(Verdict), texts, texts, texts), max_size=4), st.booleans()
)
def test_any_text_is_counted_the_same(tmp_path, rows, complete):
    cases = [
        case(n, verdict, message, name=name, diagnostics=(note,), rerun=note)
        for n, (verdict, message, name, note) in enumerate(rows)
    ]
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    kept(folder, cases, complete)
    test_junitparser_counts_the_same(folder)
    test_tap_py_counts_the_same(folder)
    test_our_own_reader_counts_the_same(folder)
    test_names_are_unique_and_have_no_hash(folder)
    if kunit.folder() is not None:
        test_kunit_counts_the_same(folder)
