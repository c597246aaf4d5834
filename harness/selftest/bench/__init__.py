# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness bench``: how long a user waits for what, as medians and ratios in one run.

Neither pytest-benchmark nor hyperfine does it.  pytest-benchmark (5.x) repeats one Python
callable in the process of the test; what is measured here is between processes and machines:
from QEMU's start to a line on its console, from the end of pytest's collection to the first
case, memory shared between clones.  hyperfine times whole commands from outside, one command
after the other (all runs of the first, then all of the second): on a machine whose load changes
by the minute a ratio needs the two to alternate, and the moments of interest are inside a run's
record, not at the exit of a command.  What is left of either is a median, which
``statistics`` has.
"""
