# SPDX-License-Identifier: Apache-2.0
"""The plugins that ``docs/`` shows pass the suites that it tells their authors to run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sessionkit.conflict import ConflictStrategy
from sessionkit.testing import ConflictStrategyConformance

DOCS = Path(__file__).parents[2] / "docs"


def _shown(document: str) -> dict[str, Any]:
    """Return what a document defines in its blocks with classes."""
    text = (DOCS / document).read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": __name__}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if "class " in code:
            exec(compile(code, document, "exec"), names)  # noqa: S102 - our own documentation
    return names


PLUGINS = _shown("plugins.md")

TestZipped = PLUGINS["TestZipped"]
TestTheirsOnMyWord = PLUGINS["TestTheirsOnMyWord"]
TestPageHost = PLUGINS["TestPageHost"]

NewerTheme = _shown("conflicts.md")["NewerTheme"]


class TestNewerTheme(ConflictStrategyConformance):
    """The strategy that ``conflicts.md`` shows."""

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        return NewerTheme()
