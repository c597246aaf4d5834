# SPDX-License-Identifier: GPL-2.0-only
"""A run as JUnit XML, for Jenkins, GitLab and the like.

There is no specification; this follows what pytest's ``--junitxml`` writes and Jenkins's
junit plugin reads: ``failure`` is a verdict on the kernel, ``error`` is everything broken
around it, attachments are ``[[ATTACHMENT|path]]`` lines of system-out.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from harness.results.names import case_name, numbered
from harness.results.record import CaseRecord, Run  # noqa: TC001
from harness.verdicts.flakiness import recurrence
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What XML 1.0 section 2.2 does not allow, even as a reference.  (The other way round, all that
# it allows, takes re 10 ms longer to compile.)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# verdict -> element; PASS has none.
_ELEMENTS = {
    Verdict.FAIL: "failure",
    Verdict.ERROR: "error",
    Verdict.MISS: "error",
    Verdict.SKIP: "skipped",
}


def junit(
    run: Run, folder: str = "", known: dict[str, tuple[CaseRecord, str]] | None = None
) -> str:
    """Return ``run`` as a JUnit document; times are in seconds.

    ``folder`` is the run's folder, put before the paths of attachments: GitLab wants them
    relative to the project, Jenkins absolute, so give it as the user named it.  ``known``
    keeps the text of each case, by its id, from one call for a run to the next.

    A run that is not complete has one more case, an error, so that a run that was cut is
    not taken for a good one.
    """
    suites = ET.Element("testsuites")
    counted = Counter(_ELEMENTS.get(case.verdict, "passed") for case in run.cases)
    if not run.complete:
        counted["error"] += 1
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=_xml(f"{run.arch}.{run.kernel.release}"),
        tests=str(counted.total()),
        failures=str(counted["failure"]),
        errors=str(counted["error"]),
        skipped=str(counted["skipped"]),
        time=f"{sum(case.duration for case in run.cases):.3f}",
        # Jenkins's schema has no zone in it.
        timestamp=_xml(run.started.removesuffix("Z")),
        id=_xml(run.id),
    )
    _properties(suite, run)
    # The cases stand in for this one, as text: most of them were written before.
    ET.SubElement(suite, "testcase")
    ET.indent(suites, " ")
    # tostring() would declare the locale's encoding; the file is UTF-8.
    head, tail = ET.tostring(suites, encoding="unicode").split("  <testcase />\n")
    cases = "".join(_texts(run, folder, {} if known is None else known))
    if not run.complete:
        cut = ET.Element("testcase", classname=_class(run, "run"), name="complete")
        cut.set("time", "0.000")
        ET.SubElement(cut, "error", message="the run was cut short", type="MISS")
        cases += _text(cut)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{cases}{tail}\n'


def _texts(run: Run, folder: str, known: dict[str, tuple[CaseRecord, str]]) -> Iterator[str]:
    # Class and name together must be unique; what no XML has in it stands between them.
    pairs = [
        f"{_class(run, f'guest_tests.{case.program}')}\0{_xml(case_name(case))}"
        for case in run.cases
    ]
    for case, pair, unique in zip(run.cases, pairs, numbered(pairs, " #{}"), strict=True):
        classname, _, name = unique.partition("\0")
        if unique != pair:
            yield _text(_case(case, classname, name, folder))
            continue
        if case.id not in known or known[case.id][0] is not case:
            known[case.id] = case, _text(_case(case, classname, name, folder))
        yield known[case.id][1]


def _text(case: ET.Element) -> str:
    """Return a testcase as it stands in the document: a level deeper than its suite."""
    ET.indent(case, " ", level=2)
    return f"  {ET.tostring(case, encoding='unicode')}\n"


def _properties(suite: ET.Element, run: Run) -> None:
    vm = run.vms[0] if run.vms else None
    facts = {
        "kernel.origin": run.kernel.origin,
        "kernel.version": run.kernel.version,
        "kernel.sha256": run.kernel.sha256,
        "image.sha256": run.image_sha256,
        "qemu.version": vm.qemu_version if vm else "",
        "accelerator": vm.accelerator if vm else "",
        "complete": str(run.complete).lower(),
    }
    properties = ET.SubElement(suite, "properties")
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=_xml(value))


def _case(case: CaseRecord, classname: str, name: str, folder: str) -> ET.Element:
    element = ET.Element("testcase", classname=classname, name=name)
    element.set("time", f"{case.duration:.3f}")
    if tag := _ELEMENTS.get(case.verdict):
        outcome = ET.SubElement(element, tag, message=_xml(case.message), type=case.verdict.value)
        outcome.text = _xml("\n".join(_details(case)))
    prefix = f"{folder}/" if folder else ""
    attachments = [f"[[ATTACHMENT|{prefix}{path}]]" for path in case.evidence]
    if output := [*case.console, *attachments]:
        ET.SubElement(element, "system-out").text = _xml("\n".join(output))
    return element


def _details(case: CaseRecord) -> Iterable[str]:
    yield from case.diagnostics
    for splat in case.splats:
        yield from splat.lines
    if case.retries:
        yield f"tried again: {recurrence(retry.verdict for retry in case.retries)}"
    if case.rerun:
        yield f"run it again: {case.rerun}"


def _class(run: Run, name: str) -> str:
    return _xml(f"{run.arch}.{run.kernel.version}.{name}")


def _xml(text: str) -> str:
    return _NOT_XML.sub("", text)
