# SPDX-License-Identifier: GPL-2.0-only
"""Build the initramfs a guest boots from."""
