# SPDX-License-Identifier: GPL-2.0-only
"""A suite's cases: programs, the catalog of their cases, what they print."""
