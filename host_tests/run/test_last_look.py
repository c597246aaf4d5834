# SPDX-License-Identifier: GPL-2.0-only
"""What kmemleak and lockdep say at a VM's end becomes records; the guest is a stand-in here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.guest.outcome import Outcome, SshError
from harness.run.last_look import look, watchers
from harness.verdicts.verdict import Verdict

LEAK = """\
unreferenced object 0xffff888003d5f0c0 (size 192):
  comm "continue", pid 240, jiffies 4294675135
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 c8 f0 d5 03 80 88 ff ff  ................
  backtrace (crc 5b4cc62f):
    __kmalloc_cache_noprof+0x1d3/0x2a0
    userfaultfd_ioctl+0x5b1/0x1a20
"""
# /proc/lockdep_stats, its last lines.
ON = " debug_locks:                            1\n"
OFF = " debug_locks:                            0\n"
SPLAT = [
    "[    2.000100] ======================================================",
    "[    2.000200] WARNING: possible circular locking dependency detected",
]


def guest(stdout="", *, status=0, stderr="", timed_out=False):
    """A guest whose shell says that to any script."""
    outcome = Outcome(
        stdout=stdout.encode(),
        stderr=stderr.encode(),
        exit_status=status,
        signal=None,
        timed_out=timed_out,
        lost=False,
        flooded=False,
        started=0.0,
        ended=1.0,
    )
    return SimpleNamespace(
        ssh=SimpleNamespace(run=lambda _argv, timeout: outcome if timeout else None)
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, ()),
        ({"CONFIG_SMP": "y"}, ()),
        ({"CONFIG_LOCKDEP": "y"}, ("lockdep",)),
        ({"CONFIG_DEBUG_KMEMLEAK": "y", "CONFIG_LOCKDEP": "y"}, ("lockdep", "kmemleak")),
    ],
)
def test_a_kernel_without_them_is_not_asked(config, expected):
    assert watchers(config) == expected


def test_all_is_well():
    assert look(guest(ON), ["lockdep"], 1.0, []) == ({"lockdep": "nothing seen"}, [])
    assert look(guest(""), ["kmemleak"], 1.0, []) == ({"kmemleak": "nothing seen"}, [])


def test_lockdep_that_is_off_has_seen_something():
    words, [seen] = look(guest(OFF), ["lockdep"], 1.0, ["[    1.000000] Linux version 6.12"])
    assert seen.verdict is Verdict.FAIL
    assert seen.message == words["lockdep"]
    assert "off at the end" in seen.message
    assert not seen.boot


def test_lockdep_that_is_off_since_the_boot_says_why():
    _, [seen] = look(guest(OFF), ["lockdep"], 1.0, SPLAT)
    assert seen.verdict is Verdict.FAIL
    assert seen.boot
    assert "possible circular locking" in seen.message
    assert len(seen.splats) == 1


def test_a_leak_is_the_kernels_fault():
    words, [seen] = look(guest(LEAK), ["kmemleak"], 1.0, [])
    assert seen.verdict is Verdict.FAIL
    assert "192 bytes allocated in userfaultfd_ioctl" in seen.message
    assert seen.programs == ("continue",)
    assert words == {"kmemleak": seen.message}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (guest(status=4, stderr="sh: write error: Operation not permitted"), "not permitted"),
        (guest(status=None, timed_out=True), "no answer in 60 s"),
        (guest("kmemleak is not what it was"), "not understood"),
    ],
)
def test_what_cannot_be_asked_is_a_miss(answer, said):
    _, [seen] = look(answer, ["kmemleak"], 1.0, [])
    assert seen.verdict is Verdict.MISS
    assert said in seen.message


def test_a_guest_that_does_not_answer_is_a_miss():
    def refuse(*_, **__):
        raise SshError("it is gone")

    words, [seen] = look(SimpleNamespace(ssh=SimpleNamespace(run=refuse)), ["lockdep"], 1.0, [])
    assert seen.verdict is Verdict.MISS
    assert words == {"lockdep": "lockdep could not be asked: it is gone"}


def test_lockdep_that_does_not_say_is_a_miss():
    _, [seen] = look(guest(" lock-classes: 1000\n"), ["lockdep"], 1.0, [])
    assert seen.verdict is Verdict.MISS
