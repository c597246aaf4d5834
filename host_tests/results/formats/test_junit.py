# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML as Jenkins, GitLab and pytest's readers know it."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from results_data import case, run

from harness.results.formats.junit import junit
from harness.verdicts.verdict import Verdict


def suite_of(text):
    root = ET.fromstring(text.encode())
    assert root.tag == "testsuites"
    (suite,) = root
    return suite


def test_the_suite_has_the_attributes_its_readers_want():
    suite = suite_of(junit(run()))
    assert suite.attrib == {
        "name": "x86_64.6.1.0-50-amd64",
        "tests": "5",
        "failures": "1",
        "errors": "2",
        "skipped": "1",
        "time": "6.250",
        "timestamp": "2026-07-02T12:00:00",
        "id": "20260702T120000Z-x86_64-6.1.0-50-amd64",
    }


def test_counts_are_those_of_the_elements():
    for complete in (True, False):
        suite = suite_of(junit(run(complete=complete)))
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped",) * 2):
            assert int(suite.get(attribute)) == len(suite.findall(f"testcase/{tag}"))


def test_each_verdict_has_its_element():
    cases = suite_of(junit(run())).findall("testcase")
    outcomes = [
        [(child.tag, child.get("type"), child.get("message")) for child in each if child.attrib]
        for each in cases
    ]
    assert outcomes == [
        [],
        [("failure", "FAIL", "expected 1; got 0")],
        [("error", "ERROR", "the program died of SIGSEGV")],
        [("error", "MISS", "QEMU died: signal 9")],
        [("skipped", "SKIP", "no hugetlb pages")],
    ]
    assert cases[1].find("failure").text == (
        "memory: shmem\nW\nx\nrun it again: uffd-minor run -k case_2"
    )


def test_a_case_says_where_it_ran_and_how_long():
    first = suite_of(junit(run())).find("testcase")
    assert first.get("classname") == "x86_64.6.1.176.guest_tests.continue"
    assert first.get("name") == "case_1[shmem]"
    assert first.get("time") == "1.250"


def test_names_are_unique():
    same = [case(1, id=f"x::{n}") for n in range(3)]
    names = [each.get("name") for each in suite_of(junit(run(same))).findall("testcase")]
    assert names == ["case_1[shmem]", "case_1[shmem] #2", "case_1[shmem] #3"]


def test_no_memory_no_brackets():
    assert suite_of(junit(run([case(memory="")]))).find("testcase").get("name") == "case_1"


def test_the_console_and_the_attachments_are_its_output():
    output = suite_of(junit(run(), "results/x")).find("testcase/system-out").text
    assert output == "[   10.000000] case 1\n[[ATTACHMENT|results/x/vm0/console.log]]"
    output = suite_of(junit(run())).find("testcase/system-out").text
    assert output.endswith("[[ATTACHMENT|vm0/console.log]]")


def test_a_cut_run_has_an_error():
    suite = suite_of(junit(run([case(1)], complete=False)))
    assert suite.get("errors") == "1"
    assert suite.findall("testcase")[-1].find("error").get("message") == "the run was cut short"


def test_what_xml_forbids_is_removed():
    text = junit(run([case(1, Verdict.FAIL, 'a\x00\x1b\ufffe\ud800<&"b', console=("]]>\x08",))]))
    suite = suite_of(text)
    assert suite.find("testcase/failure").get("message") == 'a<&"b'
    assert suite.find("testcase/system-out").text.startswith("]]>\n")


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_any_text_is_well_formed(name, message, lines):
    one = case(1, Verdict.ERROR, message, name=name, console=tuple(lines), rerun=message)
    suite_of(junit(run([one], id=name, arch=message)))
