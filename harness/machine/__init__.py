# SPDX-License-Identifier: GPL-2.0-only
"""Run QEMU: its command line, its QMP monitor, its serial console, its end."""
