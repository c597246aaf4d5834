# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness``."""

import contextlib
import gc
import os
import sys
from pathlib import Path

from harness.errors import Exit, HostError
from harness.host import environment, output
from harness.host.cache import cache_dir


def _without_the_users_folder() -> None:
    """Import nothing from the current folder, which ``python -m`` puts first in sys.path.

    A user's tree may have a logging.py.  Where it is the harness's own, nothing else may lead
    to the harness.
    """
    if sys.path[0] == str(Path.cwd()) != str(Path(__file__).resolve().parents[1]):
        del sys.path[0]
    # For workers, too.
    os.environ["PYTHONSAFEPATH"] = "1"


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


def _main() -> int:
    """Run the command line; whatever goes wrong, a code that says nothing else than that."""
    output.never_fail()
    try:
        dropped = environment.settle()
        _without_the_users_folder()
        _keep_bytecode()
        from harness.cli import main  # noqa: PLC0415 (it may be what fails)

        return main(sys.argv[1:], dropped)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (Python's own code for it is that of a FAIL)
        from harness.host import crash  # noqa: PLC0415 (mostly not needed)

        return crash.report(error)


if __name__ == "__main__":
    # What a start makes is no garbage, and looking for it takes a tenth of the time; it is
    # enabled again when there is something to do.
    gc.disable()
    sys.exit(_main())
