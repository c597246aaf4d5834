# SPDX-License-Identifier: GPL-2.0-only
"""What every part of the bench works with."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from harness import architectures
from harness.errors import HostError
from harness.selftest.bench.bench import Bench
from harness.suite import programs


def bench(folder, built):
    return Bench(SimpleNamespace(programs=built), 1, folder)


def test_the_trivial_case_is_one_that_needs_no_memory(tmp_path):
    found = bench(tmp_path, programs.build(architectures.load("x86_64"))).trivial_case()
    assert (found.name, found.memory, found.dirty) == ("handshake", (), False)
    assert bench(tmp_path, ()).trivial_id == f"guest_tests/{found.file}::{found.name}"


def test_without_it_nothing_can_be_measured(tmp_path):
    with pytest.raises(HostError, match=r"guest_tests/api.c has no case handshake"):
        bench(tmp_path, ()).trivial_case()


def test_progress_is_told_apart(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "harness.selftest.bench"):
        bench(tmp_path, ()).say("warm %d/%d", 1, 2)
    assert caplog.messages == ["bench: warm 1/2"]
