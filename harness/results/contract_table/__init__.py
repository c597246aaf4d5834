# SPDX-License-Identifier: GPL-2.0-only
"""The contract as a table: what each row says, which cases verify it, and how that went.

``entries`` puts together what the contract, the cases and some runs know of each row; the
others show it: at a terminal, as one page that needs nothing else, as Markdown and as JSON.
"""

from harness.results.contract_table.entries import Entry, Last, entries
from harness.results.contract_table.page import html
from harness.results.contract_table.plain import as_json, as_markdown
from harness.results.contract_table.terminal import text

__all__ = ["Entry", "Last", "as_json", "as_markdown", "entries", "html", "text"]
