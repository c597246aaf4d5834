# SPDX-License-Identifier: GPL-2.0-only
"""How the memory of a process is read."""

from __future__ import annotations

import os
from pathlib import Path

from harness.selftest.bench.clones import Usage, usage

ROLLUP = """\
55d0c6f6c000-7ffd7c9f7000 ---p 00000000 00:00 0                          [rollup]
Rss:              250000 kB
Pss:              102400 kB
Pss_Dirty:         50000 kB
Pss_Anon:          51200 kB
Pss_File:          46080 kB
Pss_Shmem:          5120 kB
Shared_Clean:          0 kB
"""


def test_a_rollup():
    assert usage(ROLLUP) == Usage(total=100.0, anonymous=50.0, file=45.0)


def test_that_of_this_process():
    found = usage(Path(f"/proc/{os.getpid()}/smaps_rollup").read_text())
    assert found.total > 5
    assert 0 < found.anonymous < found.total
    assert 0 < found.file < found.total
