# SPDX-License-Identifier: GPL-2.0-only
"""A QEMU that was killed is told from one that only does not answer, however slowly it goes."""

import os
import subprocess
import time

from harness.machine.vm import is_exiting


def test_is_exiting():
    process = subprocess.Popen(["sleep", "60"])
    assert not is_exiting(process.pid)
    assert not is_exiting(os.getpid())
    process.kill()
    deadline = time.monotonic() + 60
    while not is_exiting(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # A zombie until now.
    process.wait()
    assert is_exiting(process.pid), "there is none"
