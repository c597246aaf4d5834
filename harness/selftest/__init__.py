# SPDX-License-Identifier: GPL-2.0-only
"""The team's own tools: what they measure is the harness."""
