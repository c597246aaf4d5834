# SPDX-License-Identifier: GPL-2.0-only
"""JSON values are checked against the dataclasses they are read into."""

import copy
import json

import pytest
from results_data import run

from harness.errors import InputError
from harness.host.codec import from_json, to_json
from harness.results.record import Run


def test_a_run_comes_back_as_it_was():
    assert from_json(Run, json.loads(json.dumps(to_json(run())))) == run()


def test_defaults_may_be_missing():
    value = to_json(run(cases=(), vms=(), durations={}))
    for name in ("cases", "vms", "durations", "finished", "complete", "harness_version"):
        del value[name]
    assert from_json(Run, value).cases == ()


def changed(path, new):
    value = copy.deepcopy(to_json(run()))
    at = value
    for step in path[:-1]:
        at = at[step]
    if new is None:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return value


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (["arch"], None, "results: the field 'arch' is missing"),
        (["arch"], 5, "results.arch: expected str, found int"),
        (["colour"], "x", "results: unknown field 'colour'"),
        (["schema"], True, "results.schema: expected int, found bool"),
        (["complete"], 1, "results.complete: expected bool, found int"),
        (["finished"], 1, "results.finished: expected str, found int"),
        (["kernel"], [], "results.kernel: expected dict, found list"),
        (["kernel", "config_known"], "yes", "results.kernel.config_known: expected bool"),
        (["cases"], {}, "results.cases: expected list, found dict"),
        (["cases", 1, "verdict"], "GOOD", "'GOOD' is none of PASS, FAIL, ERROR, MISS, SKIP"),
        (["cases", 1, "verdict"], 3, "results.cases[1].verdict: expected str, found int"),
        (["cases", 1, "duration"], "1", "results.cases[1].duration: expected float, found str"),
        (["cases", 1, "duration"], True, "results.cases[1].duration: expected float, found bool"),
        (["cases", 1, "duration"], float("nan"), "nan is not a finite number"),
        (["cases", 1, "duration"], 10**400, "is too large"),
        (["cases", 1, "console", 0], {}, "results.cases[1].console[0]: expected str, found dict"),
        (["cases", 1, "splats", 0, "kind"], None, "splats[0]: the field 'kind' is missing"),
        (["vms", 0, "boot_stages", "ssh"], "x", "results.vms[0].boot_stages.ssh: expected float"),
        (["vms", 0, "end"], "BORED", "'BORED' is none of PANIC"),
    ],
)
def test_errors_name_the_place(path, new, message):
    with pytest.raises(InputError) as caught:
        from_json(Run, changed(path, new))
    assert message in str(caught.value)


def test_a_whole_number_is_a_float_too():
    assert from_json(Run, changed(["cases", 0, "duration"], 2)).cases[0].duration == 2.0
