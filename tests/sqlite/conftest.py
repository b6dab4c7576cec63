# SPDX-License-Identifier: Apache-2.0
"""Database files in a folder of the test's own, and what SQLite is told."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sessionkit_sqlite.storage import SqliteStorage


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "sessions.db"


@pytest.fixture(name="opened")
def _opened(file: Path) -> Iterator[Callable[..., SqliteStorage]]:
    """Return a function that opens the file, not set up, and closes it after the test."""
    with ExitStack() as stack:

        def opened(url: str = f"sqlite:///{file}", **keywords: Any) -> SqliteStorage:
            return stack.enter_context(closing(SqliteStorage.open(url, **keywords)))

        yield opened


@pytest.fixture(name="storage")
def _storage(opened: Callable[..., SqliteStorage]) -> SqliteStorage:
    """Return a storage on the file, set up."""
    storage = opened()
    storage.setup()
    return storage


@pytest.fixture(name="run_python")
def _run_python() -> Callable[..., str]:
    """Return a function that runs code in a process of its own and returns what it printed."""

    def run(code: str, *arguments: str) -> str:
        command = [sys.executable, "-W", "error", "-c", code, *arguments]
        ran = subprocess.run(  # noqa: S603 - our own interpreter
            command, capture_output=True, text=True, check=False
        )
        assert (0, "") == (ran.returncode, ran.stderr)
        return ran.stdout

    return run


@pytest.fixture(name="connections", autouse=True)
def _connections() -> Iterator[list[sqlite3.Connection]]:
    """Collect the driver's connections that any engine opens during the test."""
    seen: list[sqlite3.Connection] = []

    def note(connection: sqlite3.Connection, _: object) -> None:
        seen.append(connection)

    sa.event.listen(sa.Pool, "connect", note)
    yield seen
    sa.event.remove(sa.Pool, "connect", note)


@pytest.fixture(name="connection")
def _connection(
    storage: SqliteStorage,  # noqa: ARG001 - opens it
    connections: list[sqlite3.Connection],
) -> sqlite3.Connection:
    """Return the connection that the storage uses: it needs no other one."""
    (connection,) = connections
    return connection


@pytest.fixture(name="statements")
def _statements(connection: sqlite3.Connection) -> Iterator[list[str]]:
    """Collect what SQLite is told from now on."""
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    yield seen
    connection.set_trace_callback(None)
