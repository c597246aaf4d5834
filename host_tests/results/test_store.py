# SPDX-License-Identifier: GPL-2.0-only
"""A run on disk is whole after every step, whatever happens in the next."""

import errno
import json
import os
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
from harness.results.store import JUNIT, KTAP, RESULTS, RunStore, load, utc_now
from harness.verdicts.verdict import Verdict

FILES = {RESULTS, JUNIT, KTAP}


def header(**more):
    return run(cases=(), vms=(), finished=None, complete=False, **more)


def test_the_files_are_there_from_the_start(tmp_path):
    RunStore(tmp_path, header())
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert load(tmp_path) == header()
    assert load(tmp_path).complete is False


def test_every_step_is_on_disk(tmp_path):
    store = RunStore(tmp_path, header())
    store.add_vm(VM)
    assert load(tmp_path).vms == (VM,)
    for count, each in enumerate(ONE_OF_EACH, 1):
        store.add_case(each)
        assert load(tmp_path / RESULTS).cases == ONE_OF_EACH[:count]
        suite = ET.parse(tmp_path / JUNIT).getroot()[0]
        assert len(suite.findall("testcase")) == count + 1  # and "the run was cut short"
        assert f"1..{count + 1}\n" in (tmp_path / KTAP).read_text()  # likewise
    store.update(durations={"boot": 3.0})
    store.finish()
    done = load(tmp_path)
    assert done == store.run
    assert done.complete
    assert done.durations == {"boot": 3.0}
    assert done.finished is not None
    assert abs(len(done.finished) - len(utc_now())) == 0


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
    done = load(tmp_path)
    assert [each.name for each in done.cases] == ["case_3", "case_1", "case_2", "case_9", "case_8"]
    assert [vm.name for vm in done.vms] == ["a", "c"]
    names = [each.get("name") for each in ET.parse(tmp_path / JUNIT).getroot().iter("testcase")]
    assert [name.partition("[")[0] for name in names[:3]] == ["case_3", "case_1", "case_2"]
    assert "ok 1 continue.case_3" in (tmp_path / KTAP).read_text()


def test_what_is_written_bit_by_bit_is_what_would_be_written_at_once(tmp_path):
    """Texts of cases and VMs are kept; none may be left behind when its record changes."""
    store = RunStore(tmp_path, header())
    for number in range(40):
        changed = ONE_OF_EACH[number % 5]
        store.add_case(replace(changed, id=f"x::{number % 7}", message=f"line\n{number} <&>"))
        # Two cases of one name: the second is told from the first by a number.
        store.add_case(replace(changed, name="twice", id=f"x::{'ab'[number % 2]}"))
        store.add_vm(replace(VM, name=f"vm{number % 3}", started=number, ended=None))
        whole = json.dumps(to_json(store.run), indent=1) + "\n"
        assert (tmp_path / RESULTS).read_text() == whole
        assert (tmp_path / JUNIT).read_text() == junit(store.run, str(tmp_path))
    store.finish()
    assert (tmp_path / RESULTS).read_text() == json.dumps(to_json(store.run), indent=1) + "\n"
    assert (tmp_path / JUNIT).read_text() == junit(store.run, str(tmp_path))


def test_a_case_does_not_cost_the_writing_of_all_before_it(tmp_path):
    """Each is on disk at once, and the hundredth does not wait for ninety-nine others."""

    def seconds(function, *arguments):
        began = time.process_time()
        function(*arguments)
        return time.process_time() - began

    def write_all(run):
        json.dumps(to_json(run), indent=1)
        junit(run)

    store = RunStore(tmp_path, header())
    took = [
        seconds(store.add_case, case(number, console=("x" * 100,) * 20)) for number in range(300)
    ]
    whole = min(seconds(write_all, store.run) for _ in range(5))
    assert min(took[-20:]) < whole / 2, "7 ms and 50 ms on an idle machine"


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


@pytest.mark.parametrize("failing", sorted(FILES))
def test_a_full_disk_keeps_all_older_files(tmp_path, monkeypatch, failing):
    store = RunStore(tmp_path, header())
    store.add_case(case(1))
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    write_text = Path.write_text

    def full(self, text, **more):
        if failing in self.name:
            write_text(self, text[: len(text) // 2], **more)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return write_text(self, text, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(HostError, match="No space left"):
            store.add_case(case(2))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    store.add_case(case(3))
    assert [each.name for each in load(tmp_path).cases] == ["case_1", "case_2", "case_3"]


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
        ('{"schema": 2}', "has the schema '2': this harness reads schema 1"),
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
    with pytest.raises(InputError, match="larger than 10 bytes"):
        load(tmp_path)


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
