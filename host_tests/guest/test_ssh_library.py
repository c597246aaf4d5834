# SPDX-License-Identifier: GPL-2.0-only
"""paramiko comes without what the harness does not use of it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("first", "there"), [("", "False"), ("import invoke", "True")], ids=["alone", "with invoke"]
)
def test_invoke_is_not_imported_for_it(first, there):
    script = f"""
import sys
{first}
from harness.guest import ssh
from harness.guest import keys
print("invoke" in sys.modules, "paramiko" in sys.modules)
import invoke  # whoever wants it gets it
assert invoke.run
assert keys.Keys().client.get_name() == "ssh-ed25519"
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [there, "True"]
