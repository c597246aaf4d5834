# SPDX-License-Identifier: GPL-2.0-only
"""A small guest program, built and run on the host."""

import platform
import subprocess

import pytest

from harness import architectures
from harness.errors import HostError
from harness.suite import programs

native = pytest.mark.skipif(platform.machine() != "x86_64", reason="runs x86_64 programs")

PROGRAM = """\
#include "lib/uffd_test.h"
CASE(something, DESC("a case that does nothing to speak of") ROWS("API-01"))
{
	EXPECT(true, "nothing");
}
"""


def build(arch="x86_64", **kwargs):
    try:
        return programs.build(architectures.load(arch), **kwargs)
    except HostError as error:
        pytest.skip(str(error))


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
