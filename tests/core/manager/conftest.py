# SPDX-License-Identifier: Apache-2.0
"""A process without a manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sessionkit.manager import default_manager


@pytest.fixture(name="fresh_process")
def _fresh_process(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be a process without a manager, in an empty folder; close what it opened."""
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)
    yield bare
    if default_manager._DEFAULT.manager is not None:
        default_manager._DEFAULT.manager.close()
