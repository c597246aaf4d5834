# SPDX-License-Identifier: GPL-2.0-only
"""Read the kernel's complaints about itself (splats) out of its console, as the lines come."""
