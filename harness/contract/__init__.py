# SPDX-License-Identifier: GPL-2.0-only
"""What must hold on which kernel, and the table of it."""
