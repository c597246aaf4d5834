# SPDX-License-Identifier: GPL-2.0-only
"""cases.jsonl: what it comes to, and what is none."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.results.journal import Journal, replay

RUN = {"run": {"id": "x", "complete": False}}


def lines(*events):
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def case(name, place=None, **more):
    return {"case": {"id": name, **more}, "place": place}


def vm(name, started):
    return {"vm": {"name": name, "started": started}}


def test_a_run_and_its_changes():
    done = replay(lines(RUN, {"change": {"complete": True}}, {"change": {"finished": "t"}}), "f")
    assert done == {"id": "x", "complete": True, "finished": "t", "vms": [], "cases": []}


def test_cases_by_place_then_as_they_came():
    data = lines(RUN, case("new"), case("b", 1), case("other"), case("a", 0), case("new", v=1))
    assert replay(data, "f")["cases"] == [
        {"id": "a"}, {"id": "b"}, {"id": "new", "v": 1}, {"id": "other"},
    ]  # fmt: skip


def test_vms_by_their_start():
    data = lines(RUN, vm("b", 2), vm("a", 1.5), vm("b", 2.0))
    assert [each["name"] for each in replay(data, "f")["vms"]] == ["a", "b"]


def test_a_line_read_twice_changes_nothing():
    """A run that was interrupted while it wrote may write a line again."""
    once = [RUN, {"change": {"complete": True}}, vm("a", 1), case("c", 3), case("d")]
    twice = [event for event in once[1:] for _ in "xx"]
    assert replay(lines(RUN, *twice), "f") == replay(lines(*once), "f")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f is empty"),
        (b"{", "f is empty"),
        (lines(case("a")), "f, line 1: expected the run in line 1"),
        (lines(RUN, RUN), "f, line 2: expected the run in line 1, and only there"),
        (lines(RUN) + b"{\n" + lines(case("a")), "f, line 2 is not JSON"),
        (lines(RUN) + b"\n", "f, line 2 is not JSON"),
        (lines(RUN) + b"\xff\n", "f, line 2 is not JSON"),
        (lines(RUN) + b"[" * 100_000 + b"\n", "f, line 2 is not JSON"),
        (lines(RUN, 5), "f, line 2: expected an object, found int"),
        (lines(RUN, {"colour": "red"}), "f, line 2: expected a run, a change, a VM or a case"),
        (lines(RUN, {"change": 5}), "f, line 2: expected a run, a change"),
        (lines(RUN, {"case": {}, "place": 1}), "f, line 2: expected a run, a change"),
        (lines(RUN, {"case": {"id": 5}, "place": 1}), "f, line 2: expected a run, a change"),
        (lines(RUN, {"case": {"id": "a"}, "place": "1"}), "f, line 2: expected a run"),
        (lines(RUN, {"vm": {"name": "a", "started": None}}), "f, line 2: expected a run"),
    ],
)
def test_what_is_no_record(data, message):
    with pytest.raises(InputError) as caught:
        replay(data, "f")
    assert message in str(caught.value)


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_any_bytes_are_a_record_or_refused(pieces):
    data = lines(RUN) + b"\n".join(pieces)
    with contextlib.suppress(InputError):
        assert set(replay(data, "f")) >= {"id", "vms", "cases"}


def test_a_line_has_no_line_s_end(tmp_path):
    journal = Journal(tmp_path / "x.jsonl")
    journal.append(RUN)
    journal.append({"change": {"id": "a\nb\u2028\ud800"}})
    data = (tmp_path / "x.jsonl").read_bytes()
    assert data.count(b"\n") == 2
    assert replay(data, "f")["id"] == "a\nb\u2028\ud800"
