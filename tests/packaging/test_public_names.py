# SPDX-License-Identifier: Apache-2.0
"""What ``from sessionkit import ...`` offers."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import sessionkit

NAMES = sorted(sessionkit.__all__)


def test_there_is_something_public() -> None:
    """The list is not empty, and names nothing twice."""
    assert len(NAMES) == len(set(NAMES)) > 20


@pytest.mark.parametrize("name", NAMES)
def test_is_there_and_documented(name: str) -> None:
    """Each public name can be imported and says what it is."""
    assert inspect.getdoc(getattr(sessionkit, name))


def test_is_in_the_reference(root: Path) -> None:
    """Each public name is in the reference."""
    reference = (root / "docs" / "reference.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+", reference))

    assert [] == [name for name in NAMES if name not in named]
