# SPDX-License-Identifier: Apache-2.0
"""A program of its own for each test: an empty folder, no settings, SQLite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessionkit import SessionManager, in_force


@pytest.fixture(name="manager")
def _manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionManager]:
    """Return the default manager of a program that was started in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SESSIONKIT_")]:
        monkeypatch.delenv(name)
    manager = SessionManager()
    # Not by ``with``: a page runs on a thread of its own, with a context of its own.
    monkeypatch.setattr(in_force._DEFAULT, "manager", manager)
    yield manager
    manager.close()
