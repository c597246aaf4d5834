# SPDX-License-Identifier: GPL-2.0-only
"""What kmemleak lists is told as leaks, each bug once."""

from __future__ import annotations

import pytest

from harness.verdicts.fingerprint import fingerprint, title_of
from harness.verdicts.leaks import leaks
from harness.verdicts.splats import Kind

# As mm/kmemleak.c of 6.12 prints it.
NEW = """\
unreferenced object 0xffff888003d5f0c0 (size 192):
  comm "continue", pid 240, jiffies 4294675135
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 c8 f0 d5 03 80 88 ff ff  ................
    c8 f0 d5 03 80 88 ff ff 00 00 00 00 00 00 00 00  ................
  backtrace (crc 5b4cc62f):
    __kmalloc_cache_noprof+0x1d3/0x2a0
    userfaultfd_ioctl+0x5b1/0x1a20
    __x64_sys_ioctl+0x8f/0xd0
    do_syscall_64+0x5d/0x110
    entry_SYSCALL_64_after_hwframe+0x76/0x7e
"""
# The same as 6.1 prints it: another address, age and process.
OLD = """\
unreferenced object 0xffff888004000240 (size 192):
  comm "race", pid 311, jiffies 4294680001 (age 14.250s)
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 c8 f0 d5 03 80 88 ff ff  ................
  backtrace:
    [<000000007e2c1f61>] kmem_cache_alloc+0x16e/0x2f0
    [<00000000d0a4aee8>] userfaultfd_ioctl+0x5b1/0x1a20
    [<0000000051e1cf9f>] __x64_sys_ioctl+0x8f/0xd0
    [<0000000033b9ed9b>] do_syscall_64+0x5d/0x110
"""
OTHER = NEW.replace("userfaultfd_ioctl", "shmem_get_inode").replace("continue", "swapper/0")


def test_nothing_is_nothing():
    assert leaks("") == []


@pytest.mark.parametrize(("text", "comm"), [(NEW, "continue"), (OLD, "race")])
def test_who_allocated_what_and_where(text, comm):
    [(splat, found)] = leaks(text)
    assert found == comm
    assert splat.kind is Kind.KMEMLEAK
    where = "userfaultfd_ioctl+0x5b1/0x1a20"
    assert splat.title == f'memory leak: 192 bytes allocated in {where} by "{comm}"'
    assert title_of(splat) == "kmemleak in userfaultfd_ioctl"
    assert len(splat.lines) == len(text.splitlines())


def test_one_bug_comes_once():
    (first, _), (second, comm) = leaks(NEW + NEW + OTHER)
    assert first.title.endswith('by "continue" (2 times)')
    assert "shmem_get_inode" in second.title
    assert comm == "swapper/0"
    assert fingerprint(first) != fingerprint(second)


def test_a_cut_list_is_read_as_far_as_it_goes():
    found = leaks("    of another\n" + NEW + NEW[:40])
    assert len(found) == 1 or found[1][1] == "?"
    assert found[0][1] == "continue"


def test_a_hostile_name_does_no_harm():
    [(splat, comm)] = leaks(NEW.replace('"continue"', '"a\x1b[31m"b", pid 7"'))
    assert "\x1b" not in splat.title + comm + "".join(splat.lines)
