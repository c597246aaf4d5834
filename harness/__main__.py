# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness``."""

import contextlib
import gc
import os
import sys

from harness.errors import HostError
from harness.host.cache import cache_dir


def _keep_bytecode() -> None:
    """Keep compiled modules in our cache where they must not stand beside their sources.

    PYTHONDONTWRITEBYTECODE is common in containers; compiling every module each time would
    take longer than all else at the start.  Workers inherit it.
    """
    if not sys.dont_write_bytecode or sys.pycache_prefix:
        return
    # Without a cache nothing works, and the command says so.
    with contextlib.suppress(HostError):
        sys.pycache_prefix = str(cache_dir("bytecode"))
        sys.dont_write_bytecode = False
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


if __name__ == "__main__":
    # What a start makes is no garbage, and looking for it takes a tenth of the time; it is
    # enabled again when there is something to do.
    gc.disable()
    _keep_bytecode()
    from harness.cli import main

    sys.exit(main(sys.argv[1:]))
