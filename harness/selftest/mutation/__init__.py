# SPDX-License-Identifier: GPL-2.0-only
"""Kernels with deliberate bugs, and whether the suite notices: ``make mutation``.

mutants      read guest_tests/mutants/: what each bug breaks, and the edit that makes it
source       the kernel's source, from Debian's package, and edits made in it and undone
build        a small kernel of it, built again after each edit
trial        the suite run on a kernel; what its records say of it
kept         results kept from run to run
campaign     all of them, one after the other
report       the tables
"""
