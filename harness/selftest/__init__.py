# SPDX-License-Identifier: GPL-2.0-only
"""The team's own tools: what the harness costs, and what it would miss."""
