# SPDX-License-Identifier: GPL-2.0-only
"""Talk to a booted guest: SSH, the test programs, what they print."""
