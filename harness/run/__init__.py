# SPDX-License-Identifier: GPL-2.0-only
"""The main path: a plan, guests, cases, records."""
