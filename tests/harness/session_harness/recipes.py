# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/logins.md, as a reader would copy them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_PAGE: Final = Path(__file__).parents[3] / "docs" / "logins.md"


def recipe(heading: str) -> list[str]:
    """Return the blocks of Python under a heading, in their order."""
    section = _PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
