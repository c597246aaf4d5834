# SPDX-License-Identifier: GPL-2.0-only
"""What the output of the script in a guest is taken for; a real one is in vm/test_runner.py."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contract import reader
from harness.errors import HarnessError
from harness.guest import config_probe
from harness.guest.config_probe import Probe
from harness.kernels.config import UNKNOWN, Config

PROBES = {
    "CONFIG_FILE": Probe(file="/a b"),
    "CONFIG_LINE": Probe(file="/f", has="^x$"),
    "CONFIG_FUNCTION": Probe(symbols=("one", "other")),
    "CONFIG_BIT": Probe(feature=3, absent="unknown"),
    "CONFIG_DRIVER": Probe(file="/sys/block/ram0", absent="module"),
}
NONE = "modules\nsymbol ffff t vfs_read\nfeatures 0x7\ndone\n"


def read(output, config=UNKNOWN):
    found = config_probe.read(output, PROBES, config)
    return {name.removeprefix("CONFIG_"): found.value(name) for name in PROBES}, found


def test_everything_is_there():
    output = "file CONFIG_FILE\nfile CONFIG_LINE\nfile CONFIG_DRIVER\n" + NONE.replace("7", "8")
    values, found = read(output.replace("vfs_read", "other.constprop.0"))
    assert values == {"FILE": "y", "LINE": "y", "FUNCTION": "y", "BIT": "y", "DRIVER": "y"}
    assert not found.whole


def test_nothing_is_there():
    values, found = read(NONE)
    # Only userfaultfd could say that the bit is not there: that is no evidence.
    assert values == {"FILE": "n", "LINE": "n", "FUNCTION": "n", "BIT": None, "DRIVER": None}
    assert "a module that was left behind" in found.lost["CONFIG_DRIVER"]


def test_a_kernel_that_loads_no_modules_left_none_behind():
    values, found = read(NONE.removeprefix("modules\n"))
    assert values["DRIVER"] == "n"
    assert found.lost == {}


def test_a_driver_of_which_the_module_is_there():
    values, found = read(NONE, Config({"CONFIG_DRIVER": "m"}, whole=False))
    assert values["DRIVER"] == "m"
    assert found.lost == {}


def test_what_cannot_be_read_says_nothing():
    values, _ = read("unread CONFIG_LINE\nfeatures\ndone\n")
    assert values["LINE"] is None
    # /proc/kallsyms is empty, or not there
    assert values["FUNCTION"] is None


@pytest.mark.parametrize("output", ["", "file CONFIG_FILE\n", "done\nfile CONFIG_FILE"])
def test_a_script_that_was_cut_off(output):
    with pytest.raises(HarnessError, match="could not be asked"):
        read(output)


@given(st.text())
def test_any_output(output):
    """A guest is hostile."""
    try:
        read(output + "\ndone")
    except HarnessError:
        pytest.fail("it has its last line")


def test_the_script_is_one_that_a_shell_runs(tmp_path):
    (tmp_path / "f").write_text("y\nx\n")
    probes = {
        "CONFIG_A": Probe(file=f"{tmp_path}/f"),
        "CONFIG_B": Probe(file=f"{tmp_path}/f", has="^x$"),
        "CONFIG_C": Probe(file=f"{tmp_path}/f", has="^z$"),
        "CONFIG_D": Probe(file=f"{tmp_path}/it's not there", has="x"),
        "CONFIG_E": Probe(file=f"{tmp_path}/it's not there"),
    }
    done = subprocess.run(
        ["/bin/sh", "-c", config_probe.script(probes, "echo 0x1f")],
        capture_output=True,
        text=True,
        check=True,
    )
    found = config_probe.read(done.stdout, probes, UNKNOWN)
    assert dict(found) == {"CONFIG_A": "y", "CONFIG_B": "y", "CONFIG_C": "n", "CONFIG_E": "n"}
    assert "features 0x1f" in done.stdout


@pytest.mark.parametrize(
    ("name", "probe", "says"),
    [
        ("X", Probe(file="/f"), "expected a table called CONFIG_X"),
        ("CONFIG_X", Probe(), "one of file, symbols and feature"),
        ("CONFIG_X", Probe(file="/f", feature=1), "one of file, symbols and feature"),
        ("CONFIG_X", Probe(symbols=("a",), has="x"), "'has' without a file"),
        ("CONFIG_X", Probe(file="/f", absent="no"), "absent 'no': expected one of n, unknown, mo"),
        ("CONFIG_X", Probe(feature=0), None),
    ],
)
def test_probes_that_are_wrong(name, probe, says):
    found = config_probe.check(name, probe)
    assert found is None if says is None else says in (found or "")


def test_userfaultfd_is_never_a_witness_against_itself():
    for name, probe in reader.load().probes.items():
        assert probe.feature is None or probe.absent == "unknown", name
