# SPDX-License-Identifier: GPL-2.0-only
"""Building the guest programs with real compilers, and what their library does with a case."""

import itertools
import logging
import os
import platform
import re
import shutil
import subprocess
import time

import pytest
from elftools.elf.elffile import ELFFile

from harness import recipes
from harness.compiler import BuildError
from harness.errors import HostError, InputError
from harness.guest import programs

MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64", "i386": "EM_386", "armhf": "EM_ARM"}

native = pytest.mark.skipif(platform.machine() != "x86_64", reason="runs x86_64 programs")

PROGRAM = """\
#include "lib/uffd_test.h"
CASE(something, DESC("a case that does nothing to speak of") ROWS("API-01"))
{
	EXPECT(true, "nothing");
}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that only these tests use; they share the library's objects."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tree(tmp_path, cache, monkeypatch):
    """A copy of the library with one small program."""
    folder = tmp_path / "guest_tests"
    shutil.copytree(recipes.GUEST_TESTS / "lib", folder / "lib")
    (folder / "small.c").write_text(PROGRAM)
    monkeypatch.setattr(programs, "GUEST_TESTS", folder)
    # Three times as quick, and these programs are run for a moment.
    unoptimised = tuple(flag for flag in programs._COMPILE if flag != "-O2")
    monkeypatch.setattr(programs, "_COMPILE", unoptimised)
    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    return folder


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A compiler that writes down each time it compiles."""
    log = tmp_path / "compiled"
    log.touch()
    wrapper = tmp_path / "cc wrapper"
    wrapper.write_text(
        f'#!/bin/sh\nshift\ncase "$*" in *--version) ;; *) echo "$*" >> {log} ;; esac\nexec "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("CC_x86_64", f"'{wrapper}' --with-an-argument x86_64-linux-gnu-gcc")
    return log


def build(arch="x86_64", **kwargs):
    try:
        return programs.build(recipes.load(arch), **kwargs)
    except HostError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("arch", sorted(MACHINES))
def test_programs_are_static_stripped_and_for_their_architecture(arch):
    binaries = build(arch)
    assert [binary.name for binary in binaries] == programs.names()
    for binary in binaries:
        with binary.open("rb") as file:
            elf = ELFFile(file)
            assert elf["e_machine"] == MACHINES[arch]
            assert not any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments())
            assert elf.get_section_by_name(".symtab") is None
        assert binary.stat().st_size < 2 * 1024 * 1024
        assert os.access(binary, os.X_OK)


def test_binaries_do_not_know_where_they_were_built():
    for binary in build():
        assert str(recipes.ROOT).encode() not in binary.read_bytes()


@pytest.mark.usefixtures("tree")
def test_nothing_is_built_twice(compiler):
    first = build()
    once = compiler.read_text().splitlines()
    assert sum("small.c" in line for line in once) == 1
    assert sum("lib/runner.c" in line for line in once) == 1
    assert build() == first
    assert compiler.read_text().splitlines() == once


def test_only_what_changed_is_built(tree, compiler):
    (tree / "other.c").write_text(PROGRAM)
    small = build()[1]
    (tree / "small.c").write_text(PROGRAM.replace("something", "else_"))
    again = build()
    assert again[1].read_bytes() != small.read_bytes()
    compiled = compiler.read_text().splitlines()
    counts = [
        sum(file in line for line in compiled) for file in ("small.c", "other.c", "lib/ktap.c")
    ]
    assert counts == [2, 1, 1]


@pytest.mark.parametrize("changed", ["lib/uffd_test.h", "lib/region.c"])
@pytest.mark.usefixtures("compiler")
def test_a_change_of_the_library_rebuilds(tree, changed):
    before = build()
    with (tree / changed).open("a") as file:
        file.write("/* changed */\n")
    assert build() != before


@pytest.mark.usefixtures("tree", "compiler")
def test_another_compiler_rebuilds(monkeypatch):
    before = build()
    monkeypatch.delenv("CC_x86_64")
    assert build() != before


@pytest.mark.usefixtures("tree")
def test_binary_that_was_deleted_is_built_again():
    (binary,) = build()
    shutil.rmtree(binary.parent)
    assert build() == [binary]
    assert binary.is_file()


@pytest.mark.usefixtures("compiler")  # one of its own: nothing of it is in the cache
def test_progress_is_logged(tree, caplog):
    (tree / "other.c").write_text(PROGRAM)
    with caplog.at_level(logging.INFO, logger="harness"):
        build()
    said = [record.getMessage() for record in caplog.records]
    # They, and the library, which they share.
    files = 2 + len(list((tree / "lib").glob("*.c")))
    assert said == [
        f"building guest programs for x86_64 ({number} of {files})"
        for number in range(1, files + 1)
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("\tno_such_function();", "no_such_function"),
        ("\tint unused;", "unused"),  # a warning is an error
    ],
)
def test_compile_error_is_the_compilers_own(tree, cache, body, says):
    before = set(cache.rglob("*"))
    (tree / "small.c").write_text(PROGRAM.replace("\tEXPECT", f"{body}\n\tEXPECT"))
    with pytest.raises(BuildError) as caught:
        programs.build(recipes.load("x86_64"))
    message = str(caught.value)
    assert message.startswith("guest_tests/small.c does not compile for x86_64:\n")
    assert re.search(r"^small\.c:4:", message, re.MULTILINE)
    assert says in message
    left = {path for path in set(cache.rglob("*")) - before if path.suffix != ".lock"}
    assert not [path for path in left if "small" in path.name]


def test_programs_for_32_bit_tasks_have_names_of_their_own():
    recipe = recipes.load("i386")
    (own,) = programs.build(recipe, only=["api"])
    (compat,) = programs.build(recipe, only=["api"], compat=True)
    assert (own.name, compat.name) == ("api", "api.compat")
    assert own.parent != compat.parent


@pytest.mark.parametrize("arch", ["i386", "armhf"])
def test_programs_for_32_bit_tasks_fit_kernels_with_large_pages(arch):
    try:
        (compat,) = programs.build(recipes.load(arch), only=["api"], compat=True)
    except HostError as error:
        pytest.skip(str(error))
    with compat.open("rb") as file:
        loaded = [s for s in ELFFile(file).iter_segments() if s["p_type"] == "PT_LOAD"]
    # The last byte of one and the first of the next are on different pages of 64 KiB.
    for one, following in itertools.pairwise(loaded):
        assert (one["p_vaddr"] + one["p_memsz"] - 1) >> 16 < following["p_vaddr"] >> 16


@native
def test_one_binary_is_the_program_that_it_is_called(tree):
    (tree / "other.c").write_text(PROGRAM.replace('"nothing"', '"other"').replace("true", "false"))
    other, small = build()
    assert other.resolve() == small.resolve()
    # Both have a case of that name.
    assert run(small, "something").returncode == 0
    assert run(other, "something").returncode == 1
    listed = subprocess.run([small, "list"], capture_output=True, text=True, check=True).stdout
    assert listed.count("something") == 1
    compat = small.with_name("small.compat")
    compat.symlink_to(small.resolve())
    assert run(compat, "something").returncode == 0
    unknown = small.with_name("sma")
    unknown.symlink_to(small.resolve())
    assert "no case 'something'" in run(unknown, "something").stderr


def test_unknown_sabotage_is_named():
    with pytest.raises(InputError, match=r"unknown sabotage 'x': expected one of .*message-lost"):
        programs.build(recipes.load("x86_64"), sabotage="x")


def test_sabotage_stands_in_front_of_the_system_call(tree):
    (tree / "sabotage").mkdir()
    (tree / "sabotage" / "no-ioctl.c").write_text(
        "int __wrap_ioctl(int fd, unsigned long request, void *arg);\n"
        "int __wrap_ioctl(int fd, unsigned long request, void *arg)\n"
        "{ (void)fd; (void)request; (void)arg; return 4711; }\n"
    )
    (tree / "small.c").write_text(
        PROGRAM.replace("true", "ioctl(-1, 0, 0) == -1"),
    )
    (plain,), (sabotaged,) = build(), build(sabotage="no-ioctl")
    assert run(plain, "something").returncode == 0
    assert run(sabotaged, "something").returncode == 1


@pytest.fixture
def bare_tree(tmp_path, cache, monkeypatch):
    """No library, and a program of a few lines: quick to link with every sabotage."""
    folder = tmp_path / "guest_tests"
    shutil.copytree(recipes.GUEST_TESTS / "sabotage", folder / "sabotage")
    (folder / "lib").mkdir()
    for header in (recipes.GUEST_TESTS / "lib").glob("uapi*.h"):
        shutil.copy(header, folder / "lib")
    # It refers to every function that a sabotage stands in front of, or calls.
    called = re.compile(r"__(?:wrap|real)_(\w+)\(")
    texts = [path.read_text() for path in (folder / "sabotage").glob("*.[ch]")]
    names = sorted({name for text in texts for name in called.findall(text)})
    (folder / "bare.c").write_text(
        "".join(f"extern char {name}[];\n" for name in names)
        + "int main(void) { return (int)(0L"
        + "".join(f" + (long){name}" for name in names)
        + "); }\n"
    )
    monkeypatch.setattr(programs, "GUEST_TESTS", folder)
    # Without a sabotage it is built once for all of them.
    monkeypatch.setenv("HARNESS_CACHE", str(cache))


@pytest.mark.usefixtures("bare_tree")
@pytest.mark.parametrize("sabotage", programs.sabotages())
def test_sabotage_compiles(sabotage):
    (plain,), (sabotaged,) = build(), build(sabotage=sabotage)
    assert plain.read_bytes() != sabotaged.read_bytes()


# ---- the library, with cases made to go wrong ----------------------------------------------


def run(binary, case, *args):
    return subprocess.run(
        [binary, "run", case, *args], capture_output=True, text=True, check=False, timeout=60
    )


def run_body(tree, body, *args, declaration="", above=""):
    source = PROGRAM.replace('\tEXPECT(true, "nothing");', body)
    source = source.replace('ROWS("API-01")', f'ROWS("API-01") {declaration}')
    (tree / "small.c").write_text(source.replace("CASE(", f"{above}\nCASE("))
    (binary,) = build()
    return run(binary, "something", *args)


HEAD = "KTAP version 1\n1..1\n"
SHMEM = 'MEMORY("shmem-shared")'


@native
def test_pass(tree):
    said = run_body(tree, '\tEXPECT(true, "nothing");')
    assert (said.returncode, said.stdout) == (0, HEAD + "ok 1 something\n")


@native
def test_expectation_that_does_not_hold_is_a_fail(tree):
    said = run_body(tree, '\tEXPECT_EQ(1 + 1, 3, "the sum of %d", 1);')
    assert said.returncode == 1
    assert said.stdout == (
        f"{HEAD}# small.c:5: the sum of 1: expected 3 (0x3), got 2 (0x2) (1 + 1)\n"
        "not ok 1 something\n"
    )


@native
def test_outcome_is_told_by_names(tree):
    body = '\tstruct outcome o = { EFAULT, -EFAULT, "mapped" };\n\tEXPECT_ERR(o, EEXIST, "it");'
    said = run_body(tree, body)
    assert "it: expected -1/EEXIST with mapped=-EEXIST, got -1/EFAULT with mapped=-EFAULT" in (
        said.stdout
    )
    said = run_body(tree, body.replace("EXPECT_ERR", "EXPECT_REFUSED"))
    assert "expected -1/EEXIST with mapped=untouched" in said.stdout


@native
def test_only_the_first_failure_counts(tree):
    said = run_body(tree, '\tEXPECT(false, "first");\n\tEXPECT(false, "second");')
    assert "first" in said.stdout
    assert "second" not in said.stdout


@native
def test_trouble_of_the_test_itself_is_a_bail_out(tree):
    said = run_body(tree, '\tSETUP(open("/nothing/there", 0) >= 0, "open it");')
    assert (said.returncode, said.stdout) == (99, HEAD + "Bail out! open it: ENOENT, small.c:5\n")


@native
def test_case_that_asserts_nothing_is_a_bail_out(tree):
    said = run_body(tree, "\tsleep_ms(1);")
    assert said.returncode == 99
    assert "Bail out! the case ended without one assertion" in said.stdout


@native
def test_missing_expectation_is_a_bail_out(tree):
    body = '\tEXPECT_EQ(expected_number("API-01"), 7, "number");'
    said = run_body(tree, body)
    assert said.returncode == 99
    assert "Bail out! what to expect is data: give --expect API-01=VALUE" in said.stdout
    assert run_body(tree, body, "--expect", "API-01=7").returncode == 0
    assert run_body(tree, body, "--expect", "API-01=0x7").returncode == 0
    assert run_body(tree, body, "--expect", "API-01=8").returncode == 1
    assert run_body(tree, body, "--expect", "API-01=seven").returncode == 99
    assert run_body(tree, body, "--expect", "API-011=7").returncode == 99


@native
def test_expected_errno_and_field(tree):
    body = (
        '\tEXPECT_EQ(expected_errno("A"), ENOENT, "errno");\n'
        '\tEXPECT_EQ(expected_field("B", "two"), 0x20, "field");'
    )
    good = ["--expect", "A=ENOENT", "--expect", "B=one:1,two:0x20"]
    assert run_body(tree, body, *good).returncode == 0
    assert run_body(tree, body, "--expect", "A=0", *good[2:]).returncode == 1
    assert run_body(tree, body, "--expect", "A=ENOSUCH", *good[2:]).returncode == 99
    assert run_body(tree, body, *good[:2], "--expect", "B=one:1").returncode == 99


@native
def test_skip(tree):
    said = run_body(tree, '\tskip_case("no %s", "floppy");')
    assert (said.returncode, said.stdout) == (4, HEAD + "ok 1 something # SKIP no floppy\n")


@native
def test_hang_is_ended_and_shows_where(tree):
    started = time.monotonic()
    said = run_body(tree, '\tEXPECT(true, "x");\n\tfor (;;)\n\t\tpause();', "--timeout", "0.5")
    assert time.monotonic() - started < 30
    assert said.returncode == 1
    assert said.stdout.endswith("not ok 1 something # TIMEOUT after 0.5 s: it did not finish\n")
    assert re.search(
        r"^# pid \d+ thread \d+: state S, wchan \S+, syscall \d", said.stdout, re.MULTILINE
    )


@native
def test_a_case_that_somebody_stopped_does_not_fail(tree):
    body = '\tEXPECT(true, "x");\n\traise(SIGSTOP);'
    said = run_body(tree, body, "--timeout", "0.5", above="#include <signal.h>")
    assert said.returncode == 99
    assert "# pid" in said.stdout
    assert "state T" in said.stdout
    assert said.stdout.endswith(
        "Bail out! not finished after 0.5 s: a signal has stopped the case\n"
    )


@native
@pytest.mark.parametrize(
    ("good", "status", "end"),
    [
        ("true", 0, "ok 1 something\n"),
        ("false", 99, "Bail out! it failed after a signal had stopped it for a while\n"),
    ],
)
def test_a_case_that_was_stopped_for_a_while_does_not_fail(tree, good, status, end):
    body = (
        "\tif (!fork()) {\n\t\tusleep(100000);\n\t\tkill(getppid(), SIGCONT);\n\t\t_exit(0);\n\t}\n"
        f'\traise(SIGSTOP);\n\tEXPECT({good}, "x");'
    )
    above = "#include <signal.h>\n#include <unistd.h>"
    said = run_body(tree, body, "--timeout", "5", above=above)
    assert said.returncode == status
    assert said.stdout.endswith(end)


@native
def test_signal_outside_the_memory_under_test_is_a_bail_out(tree):
    said = run_body(tree, '\tEXPECT(true, "x");\n\tint *volatile at = (int *)8;\n\n\t*at = 1;')
    assert said.returncode == 99
    assert "Bail out! the test raised SIGSEGV, SEGV_MAPERR, at 0x8" in said.stdout


TRUNCATED = '\tstruct region r = region_make(2);\n\tSETUP(!ftruncate(r.fd, 0), "ftruncate");\n'


@native
def test_signal_from_the_memory_under_test_is_a_fail(tree):
    body = TRUNCATED + "\t*(volatile char *)(r.u + 0x1001) = 1;"
    said = run_body(tree, body, "--memory", "shmem-shared", declaration=SHMEM)
    assert said.returncode == 1
    assert "touching U+0x1001 raised SIGBUS, BUS_ADRERR" in said.stdout
    assert said.stdout.endswith("not ok 1 something\n")


@native
def test_signal_in_a_toucher_is_a_fail_unless_the_case_wants_it(tree):
    start = TRUNCATED + "\tstruct toucher t;\n\n\ttouch_start(&t, TOUCH_READ, r.u);\n"
    said = run_body(
        tree, start + '\tEXPECT_FINISHED(&t, "x");', "--memory", "shmem-shared", declaration=SHMEM
    )
    assert said.returncode == 1
    assert "read of U+0x0 raised SIGBUS, BUS_ADRERR" in said.stdout
    wanted = start + '\tsleep_ms(200);\n\tEXPECT_EQ(t.signal, 7, "signal");'
    said = run_body(tree, wanted, "--memory", "shmem-shared", declaration=SHMEM)
    assert said.returncode == 0, said.stdout


@native
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("\tabort();", "the case was killed by SIGABRT"),
        ("\traise(9);", "the case was killed by SIGKILL"),
        ("\t_exit(0);", "the case left with exit(0) before its end"),
        ("\texit(1);", "the case left with exit(1) before its end"),
    ],
)
def test_other_ends_are_a_bail_out(tree, body, says):
    said = run_body(tree, '\tEXPECT(true, "x");\n' + body, above="#include <signal.h>")
    assert said.returncode == 99
    assert f"Bail out! {says}" in said.stdout


@native
def test_failure_in_a_thread_ends_the_case(tree):
    thread = 'static void *fn(void *arg) { (void)arg; EXPECT(false, "in a thread"); return NULL; }'
    body = "\tpthread_t t;\n\tvoid *arg = NULL;\n\n\trun_threads(&t, 1, fn, &arg);\n\tpause();"
    said = run_body(tree, body, above=thread)
    assert said.returncode == 1
    assert "small.c:2: in a thread" in said.stdout


@native
@pytest.mark.parametrize(
    "parent",
    [
        'EXPECT(waitpid(pid, NULL, 0) < 0, "in the parent");',  # it fails for want of an answer
        'SETUP(waitpid(pid, NULL, 0) < 0, "in the parent");',
        "waitpid(pid, NULL, 0);",
    ],
)
def test_failure_in_another_process_stands(tree, parent):
    body = f'\tpid_t pid = fork();\n\n\tif (!pid)\n\t\tFAIL("in the child");\n\t{parent}'
    said = run_body(tree, "\tcount_assertion();\n" + body, above="#include <sys/wait.h>")
    assert said.returncode == 1
    assert "small.c" in said.stdout
    assert "in the child" in said.stdout
    assert said.stdout.endswith("not ok 1 something\n")


@native
def test_hanging_thread_is_a_fail_not_a_timeout(tree):
    thread = "static void *fn(void *arg) { (void)arg; for (;;) pause(); return NULL; }"
    body = (
        "\tpthread_t t;\n\tvoid *arg = NULL;\n\n\trun_threads(&t, 1, fn, &arg);\n"
        '\tJOIN_THREADS(&t, 1, "sleeper");'
    )
    said = run_body(tree, body, "--timeout", "4", above=thread)
    assert said.returncode == 1
    assert "sleeper 1 of 1 has not ended" in said.stdout
    assert "TIMEOUT" not in said.stdout


@native
def test_orphans_are_ended(tree, tmp_path):
    file = tmp_path / "pid"
    body = (
        '\tEXPECT(true, "x");\n\tif (!fork()) {\n\t\tif (fork())\n\t\t\t_exit(0);\n\t\tsetsid();\n'
        f'\t\tFILE *f = fopen("{file}", "w");\n\t\tfprintf(f, "%d", getpid());\n\t\tfclose(f);\n'
        "\t\tfor (;;)\n\t\t\tpause();\n\t}\n\tsleep_ms(500);"
    )
    assert run_body(tree, body).returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


@native
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["run", "nothing"], "no case 'nothing'"),
        (["run", "something"], "needs --memory with one of: shmem-shared"),
        (["run", "something", "--memory", "anon"], "needs --memory with one of: shmem-shared"),
        (["run", "something", "--page-size", "3"], "expected a power of two"),
        (["run", "something", "--timeout", "soon"], "expected seconds"),
        (["run", "something", "--expect", "API-01"], "expected ROW=VALUE"),
        (["sing"], "usage:"),
        ([], "usage:"),
    ],
)
def test_wrong_call_is_explained(tree, args, says):
    (tree / "small.c").write_text(PROGRAM.replace('ROWS("API-01")', 'ROWS("API-01") ' + SHMEM))
    (binary,) = build()
    said = subprocess.run([binary, *args], capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert says in said.stderr
    assert said.stdout == ""


@native
@pytest.mark.usefixtures("tree")
def test_help():
    (binary,) = build()
    said = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True)
    for option in ("--memory", "--page-size", "--timeout", "--expect", "--id"):
        assert option in said.stdout


@native
def test_pattern_shows_every_mix(tree):
    """Two versions, two pages and two places of a page must never look the same."""
    body = (
        "\tstatic char page[4096];\n"
        "\tfill_page(page, 4096, 3, 1);\n"
        '\tEXPECT_EQ(find_mismatch(page, 4096, 3, 1), -1, "same");\n'
        '\tEXPECT_EQ(find_mismatch(page, 4096, 3, 2), 0, "version");\n'
        '\tEXPECT_EQ(find_mismatch(page, 4096, 4, 1), 0, "page");\n'
        "\tmemcpy(page + 64, page, 8);\n"
        '\tEXPECT_EQ(find_mismatch(page, 4096, 3, 1), 64, "place");\n'
        '\tEXPECT(pattern_byte(0, 3, 1) == (unsigned char)page[0], "byte");'
    )
    assert run_body(tree, body).returncode == 0
