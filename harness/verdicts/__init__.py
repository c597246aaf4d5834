# SPDX-License-Identifier: GPL-2.0-only
"""Judge: from what was seen of a case, and of its VM, to one verdict."""
