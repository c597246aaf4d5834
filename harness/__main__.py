# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness``."""

import os
import sys

# Nothing but these two, which Python has loaded already: see _without_the_users_folder().

# harness.errors.Exit has these for all the rest.
_UNTESTED = 125
_INTERRUPTED = 130


def _without_the_users_folder() -> None:
    """Import nothing from the current folder, which ``python -m`` puts first in sys.path.

    A user's tree may have a logging.py.  Where it is the harness's own, it stays.
    """
    ours = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120
    here = os.path.realpath(os.curdir)
    if sys.path and os.path.realpath(sys.path[0]) == here != ours:
        del sys.path[0]
    # For workers, too.
    os.environ["PYTHONSAFEPATH"] = "1"


def _keep_bytecode() -> None:
    """Keep compiled modules in our cache where they must not stand beside their sources.

    PYTHONDONTWRITEBYTECODE is common in containers; compiling every module each time would
    take longer than all else at the start.  Workers inherit it.
    """
    from contextlib import suppress  # noqa: PLC0415 (as all below)

    from harness.errors import HostError  # noqa: PLC0415
    from harness.host.cache import cache_dir  # noqa: PLC0415

    if not sys.dont_write_bytecode or sys.pycache_prefix:
        return
    # Without a cache nothing works, and the command says so.
    with suppress(HostError):
        sys.pycache_prefix = str(cache_dir("bytecode"))
        sys.dont_write_bytecode = False
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _main() -> int:
    """Run the command line; whatever goes wrong ends with a code that says no more than that.

    Python's own code for an exception is 1, that of a FAIL, and an import can raise one, too.
    """
    try:
        _without_the_users_folder()
        import gc  # noqa: PLC0415

        # What a start makes is no garbage, and looking for it takes a tenth of the time; it is
        # enabled again when there is something to do.
        gc.disable()
        from harness.host import environment, output  # noqa: PLC0415

        output.never_fail()
        dropped = environment.settle()
        _keep_bytecode()
        from harness.cli import main  # noqa: PLC0415

        return main(sys.argv[1:], dropped)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001
        try:
            from harness.host import crash  # noqa: PLC0415

            return crash.report(error)
        except Exception:  # noqa: BLE001 (the first one is what there is to say)
            sys.excepthook(type(error), error, error.__traceback__)
            return _UNTESTED


if __name__ == "__main__":
    sys.exit(_main())
