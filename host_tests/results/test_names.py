# SPDX-License-Identifier: GPL-2.0-only
"""Names in a report are each another."""

from hypothesis import given
from hypothesis import strategies as st
from results_data import case

from harness.results.names import case_name, numbered


def test_a_name_that_comes_again_has_its_number():
    assert list(numbered(["a", "b", "a", "a"], " #{}")) == ["a", "b", "a #2", "a #3"]


def test_a_number_that_a_name_has_already_is_passed_over():
    assert list(numbered(["a", "a", "a #2", "a"], " #{}")) == ["a", "a #3", "a #2", "a #4"]


def test_a_case_s_name_has_its_memory():
    assert case_name(case()) == "case_1[shmem]"
    assert case_name(case(memory="")) == "case_1"


@given(st.lists(st.sampled_from(["a", "a #2", "a #3", "a #2 #2", "b", ""])))
def test_all_are_different_and_the_first_of_each_stays(names):
    found = list(numbered(names, " #{}"))
    assert len(set(found)) == len(names)
    assert [found[names.index(name)] for name in names] == names


def test_a_thousand_of_one_name():
    assert list(numbered(["a"] * 1000, " ({})"))[-1] == "a (1000)"
