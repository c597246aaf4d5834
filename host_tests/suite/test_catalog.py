# SPDX-License-Identifier: GPL-2.0-only
"""The list of cases, read from real ELF files of every architecture."""

import dataclasses
import platform
import subprocess

import pytest

from harness import architectures
from harness.errors import HostError, InputError
from harness.selftest import sabotages
from harness.suite import catalog, programs

ARCHES = architectures.names()


def built(arch):
    try:
        return programs.build(architectures.load(arch))
    except HostError as error:
        pytest.skip(str(error))


def declared(arch):
    """Return what is declared, without the path of the binary."""
    return {
        (program.name, case.name): dataclasses.replace(case, program=None)
        for program in built(arch)
        for case in catalog.cases(program)
    }


@pytest.mark.parametrize("arch", ARCHES)
def test_every_architecture_has_the_same_cases(arch):
    assert declared(arch) == declared("x86_64")


def test_fields_of_one_case():
    case = declared("arm64")["continue", "dontwake"]
    assert case == catalog.Case(
        program=None,
        name="dontwake",
        desc="CONTINUE with DONTWAKE maps the page and lets the waiter sleep until WAKE",
        rows=("CON-14",),
        memory=("hugetlb-shared", "hugetlb-private", "shmem-shared", "shmem-private"),
        needs=(),
        profile="contract",
        timeout=10.0,
        dirty=False,
        file="continue.c",
        line=case.line,
    )


def test_fields_that_are_not_the_default():
    case = declared("armhf")["migration_live", "live_migration"]
    assert case.profile == "race"
    assert case.timeout == 20.0
    assert case.rows == ("E2E-03", "E2E-04", "E2E-05", "E2E-06", "E2E-07", "E2E-08")
    assert declared("armhf")["accounting", "mapcount_follows"].needs == (
        "CONFIG_PROC_PAGE_MONITOR",
    )


def test_declarations_are_where_they_say():
    for case in declared("x86_64").values():
        # The compiler gives the line on which the macro's call ends, or the one it begins on.
        text = (architectures.GUEST_TESTS / case.file).read_text().splitlines()
        around = "\n".join(text[max(0, case.line - 10) : case.line])
        assert f"CASE({case.name}," in around, (case.file, case.line)


def test_all_programs_at_once():
    programs = built("x86_64")
    assert catalog.load(programs) == {path: catalog.cases(path) for path in programs}
    assert list(catalog.load(programs)) == programs


def test_order_is_that_of_the_source():
    for program in built("x86_64"):
        lines = [case.line for case in catalog.cases(program)]
        assert lines == sorted(lines)
        assert lines


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs an x86_64 program")
def test_program_lists_what_the_catalog_does():
    for program in built("x86_64"):
        said = subprocess.run([program, "list"], capture_output=True, text=True, check=True)
        names = [line.split()[0] for line in said.stdout.splitlines() if line[0] != " "]
        assert names == [case.name for case in catalog.cases(program)]


def test_descriptions_are_one_line_for_people():
    for case in declared("x86_64").values():
        assert 20 <= len(case.desc) <= 120, case.name
        assert case.rows, case.name


# ---- files that are not what they should be ----------------------------------------------


def elf(tmp_path, data, section=catalog.SECTION):
    """Compile an object file whose section holds the bytes ``data``."""
    values = ",".join(str(byte) for byte in data)
    source = tmp_path / "x.c"
    source.write_text(
        f'__attribute__((used, section("{section}"))) static const unsigned char x[]={{{values}}};'
    )
    output = tmp_path / "x.o"
    subprocess.run(["cc", "-c", "-o", output, source], check=True)
    return output


GOOD = b"case=a\0at=x.c:7\0desc=something\0rows=API-01\0\0"


def test_minimal_declaration(tmp_path):
    (case,) = catalog.cases(elf(tmp_path, GOOD))
    assert (case.name, case.memory, case.profile, case.timeout) == ("a", (), "contract", 10.0)
    assert (case.file, case.line, case.dirty) == ("x.c", 7, False)


def test_padding_between_declarations_is_nothing(tmp_path):
    second = GOOD.replace(b"case=a", b"case=b").replace(b":7", b":3")
    found = catalog.cases(elf(tmp_path, b"\0\0" + GOOD + b"\0" * 31 + second))
    assert [case.name for case in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (GOOD + GOOD, "case declared twice: a"),
        (GOOD + b"color=red\0", "malformed at 'color=red'"),
        (GOOD + b"desc=again\0", "malformed at 'desc=again'"),
        (GOOD + b"word\0", "malformed at 'word'"),
        (b"desc=x\0" + GOOD, "malformed at 'desc=x'"),
        (GOOD + b"\xff=1\0", "not text"),
        (b"case=a\0at=x.c:7\0rows=API-01\0", "case 'a' does not say desc"),
        (b"case=a\0desc=d\0at=x.c:7\0", "does not say rows"),
        (b"case=a\0desc=d\0rows=API-01\0", "does not say at"),
        (GOOD + b"timeout=soon\0", "could not convert"),
        (GOOD + b"timeout=0\0", "timeout 0: expected seconds"),
        (GOOD + b"profile=fast\0", "unknown profile 'fast'"),
        (GOOD + b"memory=anon floppy\0", "unknown memory 'floppy'"),
        (GOOD + b"memory=anon-64K\0", "unknown memory 'anon-64K': expected .* also with 64K"),
        (GOOD + b"memory=anon shmem-shared anon\0", "one of it is there twice"),
        (b"case=a\0at=x.c\0desc=d\0rows=API-01\0", "case 'a': invalid literal"),
    ],
)
def test_malformed_declarations_are_named(tmp_path, data, says):
    with pytest.raises(InputError, match=says):
        catalog.cases(elf(tmp_path, data))


def test_program_without_cases_is_named(tmp_path):
    with pytest.raises(InputError, match="no section uffd_cases"):
        catalog.cases(elf(tmp_path, GOOD, section="other"))


def test_file_that_is_no_elf_is_named(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(InputError, match="not an ELF file"):
        catalog.cases(script)
    with pytest.raises(InputError, match="cannot read"):
        catalog.cases(tmp_path / "nothing")


# ---- sabotage ----------------------------------------------------------------------------


def test_every_case_is_seen_to_fail_on_each_memory():
    caught = {
        entry
        for kernels in sabotages.expected().values()
        for entries in kernels.values()
        for entry in entries
    }
    runs = {
        f"{program}/{catalog.name_of(case, memory)}"
        for (program, _), case in declared("x86_64").items()
        for memory in sabotages.tried_on(case.memory)
    }
    assert runs - caught == set()


def test_sabotages_are_tried_on_the_usual_pages_where_there_is_a_choice():
    assert sabotages.tried_on(()) == ("",)
    assert sabotages.tried_on(("hugetlb-shared", "hugetlb-shared-64K")) == ("hugetlb-shared",)
    assert sabotages.tried_on(("hugetlb-shared-1G",)) == ("hugetlb-shared-1G",)


def test_every_sabotage_is_noticed():
    assert set(sabotages.expected()) == set(programs.sabotages())


def test_sabotage_names_cases_that_exist():
    cases = declared("x86_64")
    for kernels in sabotages.expected().values():
        for entries in kernels.values():
            for entry in entries:
                name, _, memory = entry.partition("[")
                case = cases[tuple(name.split("/"))]
                assert (memory.rstrip("]") or None) in (case.memory or (None,)), entry
