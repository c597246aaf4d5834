# SPDX-License-Identifier: GPL-2.0-only
"""The contract as a table: what each row says, which cases verify it, and how that went.

``entries`` puts together what the contract, the cases and earlier ``runs`` know of each row;
``text`` and ``html`` show it, at a terminal and as one page that needs nothing else.
"""

from harness.results.contract_table.entries import Entry, Last, entries, runs
from harness.results.contract_table.page import html
from harness.results.contract_table.terminal import text

__all__ = ["Entry", "Last", "entries", "html", "runs", "text"]
