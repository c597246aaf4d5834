# SPDX-License-Identifier: GPL-2.0-only
"""Let the tests of this folder import newc: importlib mode leaves sys.path alone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "image"))
