# SPDX-License-Identifier: GPL-2.0-only
"""Record: what a run leaves on disk, for machines and for people."""
