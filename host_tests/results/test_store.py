# SPDX-License-Identifier: GPL-2.0-only
"""A run on disk is whole after every step, whatever happens in the next."""

import errno
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_data import ONE_OF_EACH, VM, case, run

from harness.errors import HostError, InputError
from harness.host.codec import to_json
from harness.results import store as module
from harness.results.formats.junit import junit
from harness.results.formats.ktap import ktap_report
from harness.results.formats.table import table
from harness.results.journal import CASES
from harness.results.store import JUNIT, KTAP, RESULTS, RunStore, load, utc_now
from harness.verdicts.verdict import Verdict

RENDERED = {RESULTS, JUNIT, KTAP}
FILES = RENDERED | {CASES}


@pytest.fixture
def clock(monkeypatch):
    """The store's clock, which stands still; add to its only element."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def header(**more):
    return run(cases=(), vms=(), finished=None, complete=False, **more)


def rendered(folder):
    """The number of cases in each of the files that are rendered."""
    return {
        RESULTS: len(json.loads((folder / RESULTS).read_text())["cases"]),
        JUNIT: len(ET.parse(folder / JUNIT).getroot()[0].findall("testcase")),
        KTAP: int((folder / KTAP).read_text().splitlines()[1].removeprefix("1..")),
    }


def test_the_files_are_there_from_the_start(tmp_path):
    RunStore(tmp_path, header())
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert load(tmp_path) == header()
    assert load(tmp_path).complete is False


def test_what_a_run_has_already_is_recorded_as_well(tmp_path):
    store = RunStore(tmp_path, run())
    assert store.run == load(tmp_path / CASES) == load(tmp_path / RESULTS) == run()


def test_every_step_is_on_disk(tmp_path):
    store = RunStore(tmp_path, header())
    store.add_vm(VM)
    assert load(tmp_path).vms == (VM,)
    for count, each in enumerate(ONE_OF_EACH, 1):
        store.add_case(each)
        assert load(tmp_path).cases == ONE_OF_EACH[:count]
        assert load(tmp_path) == load(tmp_path / CASES) == store.run
    store.update(durations={"boot": 3.0})
    assert load(tmp_path).durations == {"boot": 3.0}
    store.finish()
    done = load(tmp_path)
    assert done == load(tmp_path / RESULTS) == load(tmp_path / CASES) == store.run
    assert done.complete
    assert done.durations == {"boot": 3.0}
    assert done.finished is not None
    assert abs(len(done.finished) - len(utc_now())) == 0


def test_formats_are_rendered_at_most_once_a_second_and_at_the_end(tmp_path, clock):
    store = RunStore(tmp_path, header())
    for number in range(5):
        clock[0] += 0.19
        store.add_case(case(number))
        assert load(tmp_path) == store.run, "the record itself does not wait"
    # "the run was cut short" is one of both.
    assert rendered(tmp_path) == {RESULTS: 0, JUNIT: 1, KTAP: 1}
    clock[0] += 0.06
    store.add_case(case(5))
    assert rendered(tmp_path) == {RESULTS: 6, JUNIT: 7, KTAP: 7}
    store.add_case(case(6))
    assert rendered(tmp_path) == {RESULTS: 6, JUNIT: 7, KTAP: 7}
    store.finish()
    assert rendered(tmp_path) == {RESULTS: 7, JUNIT: 7, KTAP: 7}


def test_a_rendering_that_takes_long_comes_less_often(tmp_path, clock, monkeypatch):
    def slow(run):
        clock[0] += 0.05
        return ktap_report(run)

    monkeypatch.setattr(module, "ktap_report", slow)
    store = RunStore(tmp_path, header())
    clock[0] += 4.9
    store.add_case(case(1))
    assert rendered(tmp_path)[KTAP] == 1
    clock[0] += 0.2
    store.add_case(case(2))
    assert rendered(tmp_path)[KTAP] == 3


def test_an_interrupted_run_is_finished_but_not_complete(tmp_path):
    RunStore(tmp_path, header()).finish(complete=False)
    assert load(tmp_path).finished is not None
    assert not load(tmp_path).complete


def test_recording_again_replaces(tmp_path):
    store = RunStore(tmp_path, header())
    store.add_vm(VM)
    store.add_case(case(1, Verdict.MISS))
    store.add_case(case(2))
    store.add_case(case(1, Verdict.PASS))
    store.add_vm(VM)
    assert [each.verdict for each in load(tmp_path).cases] == [Verdict.PASS, Verdict.PASS]
    assert [each.name for each in load(tmp_path).cases] == ["case_1", "case_2"]
    assert len(load(tmp_path).vms) == 1


def test_cases_are_kept_in_the_order_that_was_declared(tmp_path):
    order = [f"test_continue.py::test_{number}" for number in (3, 1, 2)]
    store = RunStore(tmp_path, header(), order)
    for number in (9, 2, 1, 8, 3, 1):
        store.add_case(case(number))
    for name, vms in (("case_3", "c"), ("case_1", "a")):
        store.add_vm(replace(VM, name=vms, started=float(name[-1])))
    for done in (load(tmp_path), store.run):
        names = [each.name for each in done.cases]
        assert names == ["case_3", "case_1", "case_2", "case_9", "case_8"]
        assert [vm.name for vm in done.vms] == ["a", "c"]
    store.finish()
    names = [each.get("name") for each in ET.parse(tmp_path / JUNIT).getroot().iter("testcase")]
    assert [name.partition("[")[0] for name in names[:3]] == ["case_3", "case_1", "case_2"]
    assert "ok 1 continue.case_3" in (tmp_path / KTAP).read_text()


def test_what_is_read_back_is_what_was_recorded(tmp_path):
    """From either record, however often and in whatever order things became known."""
    store = RunStore(tmp_path, header(), order=["0", "x::a", "3"])
    for number in range(40):
        changed = ONE_OF_EACH[number % 5]
        store.add_case(replace(changed, id=f"x::{number % 7}", message=f"line {number} <&>"))
        # Two cases of one name: junit.xml tells the second from the first by a number.
        store.add_case(replace(changed, name="twice", id=f"x::{'ab'[number % 2]}"))
        store.add_vm(replace(VM, name=f"vm{number % 3}", started=number, ended=None))
        assert load(tmp_path / CASES) == store.run
    store.finish()
    assert load(tmp_path / CASES) == load(tmp_path / RESULTS) == store.run
    assert (tmp_path / JUNIT).read_text() == junit(store.run, str(tmp_path))


def test_a_case_costs_a_line_and_not_the_writing_of_all_before_it(tmp_path):
    """Each is on disk at once; 0.1 to 0.2 ms on an idle machine, with all renderings 0.4 ms."""
    store = RunStore(tmp_path, header())
    began = time.process_time()
    for number in range(900):
        store.add_case(case(number, console=("x" * 100,) * 20))
    each = (time.process_time() - began) / 900
    assert each < 0.001
    assert len(load(tmp_path / CASES).cases) == 900


_APPEND = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from results_data import case, run
from harness.results.store import RunStore
store = RunStore(Path(sys.argv[2]), run(cases=(), vms=(), finished=None, complete=False))
for number in range(10**9):
    store.add_case(case(number, console=("x" * 200,) * 20))
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_is_killed_keeps_all_cases_that_it_had(tmp_path, seed):
    words = [sys.executable, "-c", _APPEND, str(Path(__file__).parent), str(tmp_path)]
    wanted = random.Random(seed).randrange(1, 300)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(wanted)]
        child.kill()
        said += child.stdout.readlines()
    known = max(int(line) for line in said if line.endswith("\n"))
    found = load(tmp_path)
    assert len(found.cases) in {known + 1, known + 2}
    assert (found.finished, found.complete) == (None, False)
    junit(found)


def test_a_record_that_is_cut_anywhere_is_read_up_to_there(tmp_path):
    store = RunStore(tmp_path, header())
    for number in range(3):
        store.add_case(case(number, Verdict.FAIL, "expected 1; got 0"))
    store.finish()
    data = (tmp_path / CASES).read_bytes()
    (tmp_path / RESULTS).unlink()
    ends = [at + 1 for at, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(ends[1], len(data) + 1):
        (tmp_path / CASES).write_bytes(data[:cut])
        found = load(tmp_path)
        # A line whose end alone is missing is whole.
        assert len(found.cases) == min(sum(cut >= end - 1 for end in ends[1:]), 3)
        assert found.complete is (cut >= ends[-1] - 1)
        for text in (junit(found), ktap_report(found), table(found)):
            assert "case_0" in text


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_record_that_had_not_begun_is_refused(tmp_path, cut):
    RunStore(tmp_path, header())
    data = (tmp_path / CASES).read_bytes()
    (tmp_path / CASES).write_bytes(data[:cut])
    (tmp_path / RESULTS).unlink()
    with pytest.raises(InputError, match="is empty: the run was cut before it had begun"):
        load(tmp_path)


def test_the_record_of_a_killed_run_has_more_than_what_was_rendered(tmp_path):
    store = RunStore(tmp_path, header())
    store.add_case(case(1))
    assert len(load(tmp_path / RESULTS).cases) == 0
    assert len(load(tmp_path).cases) == 1
    # A copy whose files have the times of copying.
    os.utime(tmp_path / CASES, (1, 1))
    assert len(load(tmp_path).cases) == 1


def test_a_folder_of_an_older_harness_has_results_json_alone(tmp_path):
    value = to_json(run()) | {"schema": 1}
    del value["host"], value["clock_zero"]
    (tmp_path / RESULTS).write_text(json.dumps(value))
    assert load(tmp_path) == run()


def test_what_the_guest_said_is_tidied(tmp_path):
    store = RunStore(tmp_path, header())
    store.add_case(case(message="\x1b[31mred\x00", console=("x" * 100,) * 5000))
    assert load(tmp_path).cases[0].message == "red"
    assert any("lines cut here" in line for line in load(tmp_path).cases[0].console)


def test_lone_surrogates_can_be_written(tmp_path):
    store = RunStore(tmp_path, header())
    store.add_case(case(1, Verdict.FAIL, "\ud800", id="\ud800", name="\ud800", rerun="\udcff"))
    assert load(tmp_path) == store.run


def test_others_may_read_the_files(tmp_path):
    RunStore(tmp_path, header())
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in FILES} == {0o644}


@pytest.mark.parametrize("failing", sorted(RENDERED))
def test_a_full_disk_keeps_all_older_files(tmp_path, monkeypatch, clock, failing):
    store = RunStore(tmp_path, header())
    clock[0] += 10
    store.add_case(case(1))
    before = {name: (tmp_path / name).read_bytes() for name in RENDERED}
    write_text = Path.write_text

    def full(self, text, **more):
        if failing in self.name:
            write_text(self, text[: len(text) // 2], **more)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return write_text(self, text, **more)

    clock[0] += 10
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(HostError, match="No space left"):
            store.add_case(case(2))
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert {name: (tmp_path / name).read_bytes() for name in RENDERED} == before
    clock[0] += 10
    store.add_case(case(3))
    for file in (tmp_path, tmp_path / RESULTS):
        assert [each.name for each in load(file).cases] == ["case_1", "case_2", "case_3"]


@pytest.mark.parametrize("fits", [0, 1, 100])
def test_a_line_that_does_not_fit_is_written_with_the_next(tmp_path, monkeypatch, fits):
    """As on a full disk: write(2) takes a part, then nothing."""
    store = RunStore(tmp_path, header())
    store.add_case(case(1))
    before = (tmp_path / CASES).read_bytes()
    write, room = os.write, [fits]

    def full(handle, data):
        if room[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(handle, bytes(data[: room[0]]))
        room[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for number in (2, 3):
            with pytest.raises(HostError, match="No space left"):
                store.add_case(case(number))
    assert (tmp_path / CASES).read_bytes() == before
    assert [each.name for each in store.run.cases] == ["case_1", "case_2", "case_3"]
    store.add_case(case(4))
    assert load(tmp_path / CASES) == store.run
    assert len(store.run.cases) == 4


def test_another_run_s_folder_is_not_written_over(tmp_path):
    RunStore(tmp_path, header()).add_case(case(1))
    with pytest.raises(HostError, match="File exists"):
        RunStore(tmp_path, header())
    assert len(load(tmp_path).cases) == 1


def test_a_folder_that_is_gone_is_a_host_error(tmp_path):
    with pytest.raises(HostError, match="cannot write"):
        RunStore(tmp_path / "gone", header())


def test_an_unknown_field_is_refused(tmp_path):
    with pytest.raises(TypeError):
        RunStore(tmp_path, header()).update(colour="red")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "has the schema 'None'"),
        ('{"schema": 3}', "has the schema '3': this harness reads schema 1 and 2"),
        ('{"schema": true}', "has the schema 'True'"),
        ('{"schema": 1}', "the field 'id' is missing"),
        ("1" * 5000, "is not JSON"),
    ],
)
def test_load_refuses(tmp_path, text, message):
    (tmp_path / RESULTS).write_text(text)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_load_refuses_what_is_not_there_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot read"):
        load(tmp_path / "none.json")
    RunStore(tmp_path, header())
    monkeypatch.setattr(module, "MAX_FILE", 10)
    for name in (RESULTS, CASES):
        with pytest.raises(InputError, match="larger than 10 bytes"):
            load(tmp_path / name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def paths(value, at=()):
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items if isinstance(value, (dict, list)) else ():
        if isinstance(inner, (dict, list)):
            yield from paths(inner, (*at, key))
        else:
            yield (*at, key)


GOOD = module.to_json(run())
PATHS = [path for path in paths(GOOD) if path]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), json_values)
def test_any_value_in_any_place_is_loaded_or_refused(tmp_path, path, new):
    value = json.loads(json.dumps(GOOD))
    at = value
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    (tmp_path / RESULTS).write_text(json.dumps(value))
    try:
        loaded = load(tmp_path)
    except InputError:
        return
    assert json.loads(json.dumps(module.to_json(loaded))) is not None
    # What was loaded can be reported.
    module.junit(loaded)
    module.ktap_report(loaded)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path, data):
    (tmp_path / RESULTS).write_bytes(data)
    with pytest.raises(InputError):
        load(tmp_path)
