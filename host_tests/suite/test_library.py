# SPDX-License-Identifier: GPL-2.0-only
"""The guest programs' library (guest_tests/lib), with cases made to go wrong."""

import os
import re
import subprocess
import time

import pytest
from guest_programs import PROGRAM, build, native, run_body

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
