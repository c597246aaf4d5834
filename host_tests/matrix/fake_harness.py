# SPDX-License-Identifier: GPL-2.0-only
"""Stands in for ``python -m harness run``: what a kernel is called says how its run ends."""

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "results"))

from results_data import KERNEL, case, run

from harness.results.folder import make_folder
from harness.results.store import RunStore
from harness.verdicts.verdict import Verdict

CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.ERROR: 125, Verdict.MISS: 125, Verdict.SKIP: 125}


def main(words: dict[str, str]) -> int:
    kernel, results = words["--kernel"], Path(words["--results"])
    (results / "order").open("a").write(f"{words['--arch']} {kernel}\n")
    if kernel == "gone":
        print("harness: fetching the index\nharness: the mirror has no suite 'gone' (any more)")
        return 200
    if kernel == "silent":
        return 125
    folder = make_folder(results, words["--arch"], kernel, datetime.now(UTC))
    store = RunStore(folder, run((), arch=words["--arch"], kernel=KERNEL, complete=False))
    store.add_case(case(1))
    if kernel == "interrupted":  # as a user's Ctrl-C, which the runner alone is sent
        os.kill(os.getppid(), signal.SIGINT)
    if kernel in {"interrupted", "hangs"}:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
        time.sleep(60)
    if kernel == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kernel == "lies":
        store.finish()
        print("harness: the disk is full")
        return 125
    verdict = Verdict(kernel)
    store.add_case(case(1, Verdict.SKIP, "about others") if kernel == "SKIP" else case(1))
    store.add_case(case(2, verdict, "" if kernel == "PASS" else f"it is {kernel}"))
    store.finish()
    return CODES[verdict]


if __name__ == "__main__":
    assert sys.argv[1] == "run"
    sys.exit(main(dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))))
