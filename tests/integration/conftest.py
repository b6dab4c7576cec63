# SPDX-License-Identifier: Apache-2.0
"""Programs and servers of each test's own: an empty folder, no settings, SQLite."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from session_harness.servers import Server
from session_harness.stores import FaultyStore

from sessionkit import SessionManager
from sessionkit.manager import default_manager
from sessionkit_sqlite.storage import SqliteStorage


@pytest.fixture(name="manager")
def _manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionManager]:
    """Return the default manager of a program that was started in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SESSIONKIT_")]:
        monkeypatch.delenv(name)
    manager = SessionManager()
    # Not by ``with``: a page runs on a thread of its own, with a context of its own.
    monkeypatch.setattr(default_manager._DEFAULT, "manager", manager)
    yield manager
    manager.close()


@pytest.fixture(name="open_replica")
def _open_replica(
    tmp_path: Path, open_server: Callable[..., Server]
) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server on the file; each has its own connections."""
    opened: list[SqliteStorage] = []

    def open_replica(**keywords: Any) -> Server:
        storage = SqliteStorage.open(f"sqlite:///{tmp_path / 'sessions.db'}")
        storage.setup()
        opened.append(storage)
        return open_server(FaultyStore(storage), **keywords)  # type: ignore[arg-type]

    yield open_replica
    for storage in opened:
        storage.close()
