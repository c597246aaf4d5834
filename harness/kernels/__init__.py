# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel and say what is known of it."""
