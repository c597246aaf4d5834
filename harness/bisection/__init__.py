# SPDX-License-Identifier: GPL-2.0-only
"""Find the commit that broke a case: ``python -m harness bisect``.

failure      which failure is looked for, and whether a run shows it
measure      how often it shows at the bad end
rate         how many runs a good verdict takes then
git          git bisect, in a worktree of its own
build        the kernel of the commit that is checked out there
trial        the case run on that kernel, as often as it takes
state        what is kept, so that a bisection that was cut goes on
campaign     both ends first, then step by step
report       what it came to, and the mail to send
"""
