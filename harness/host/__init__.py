# SPDX-License-Identifier: GPL-2.0-only
"""This machine: the cache, child processes, the clock, compilers, packages."""
