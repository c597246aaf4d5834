# SPDX-License-Identifier: GPL-2.0-only
"""Stands in for ``python -m harness run``: the "kernel" is a text that says what cases come to.

A line of it: a case, its verdict, and perhaps the bug of its splat.  ``FLAKY`` fails in every
third run of the case.  The case ``boot`` is the boot; ``gone`` leaves no record.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "results"))

from results_data import KERNEL, case, run

from harness import options
from harness.results.folder import make_folder
from harness.results.record import SplatRecord
from harness.results.store import RunStore
from harness.run.settings import from_options
from harness.verdicts.verdict import Verdict, exit_code


def main(words):
    chosen = options.parser().parse_args(words)
    lines = (Path(chosen.kernel) / "arch/x86/boot/bzImage").read_text().splitlines()
    told = [line.split() for line in lines if line and not line.startswith("#")]
    wanted = [name.rpartition("::")[2] for name in chosen.cases]
    if ["gone"] in told:
        print("harness: the kernel is gone")
        return 2
    campaign = chosen.results.parent
    with (campaign / "runs").open("a") as log:
        log.write(
            f"{chosen.results.name} {' '.join(wanted) or 'all'} {from_options(chosen).isolation}\n"
        )
    folder = make_folder(chosen.results, chosen.arch, "fake", datetime.now(UTC))
    store = RunStore(folder, run((), arch=chosen.arch, kernel=KERNEL, complete=False))
    boot = [line for line in told if line[0] == "boot"]
    for number, (name, *own) in enumerate(told):
        if name == "boot" or (wanted and name not in wanted):
            continue
        phase = "boot" if boot else "case"
        verdict, *bug = boot[0][1:] if boot else own
        if verdict == "FLAKY":
            count = (campaign / "runs").read_text().count(f"{chosen.results.name} {name} ")
            verdict = "PASS" if count % 3 else "FAIL"
        splats = tuple(
            SplatRecord("oops", f"Oops: {each}", (f"Oops: {each}",), f"oops in {each}", each)
            for each in bug
        )
        store.add_case(
            case(
                0,
                Verdict(verdict),
                "" if verdict == "PASS" else f"it came to {verdict}",
                id=f"guest_tests/continue.c::{name}",
                name=name,
                rows=("CON-04",),
                duration=float(number + 1),
                vm="" if boot else "vm.1",
                phase=phase,
                splats=splats,
            )
        )
    store.finish()
    return exit_code(each.verdict for each in store.run.cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
