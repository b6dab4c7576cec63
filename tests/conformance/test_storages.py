# SPDX-License-Identifier: Apache-2.0
"""The shipped storage suite over every storage that we ship."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.storage import Storage
from sessionkit.testing import StorageConformance, StorageProcessConformance
from sessionkit_sqlite.storage import SqliteStorage


class TestMemory(StorageConformance):
    """Memory keeps every clause; other processes can't see it."""

    batch = True
    heads = True

    @pytest.fixture
    def connect(self) -> Callable[[], Storage]:
        """Return a function that opens one more handle on one store."""
        return MemoryStorage().handle


class TestSqlite(StorageConformance, StorageProcessConformance):
    """SQLite keeps every clause, between processes too."""

    batch = True
    heads = True
    setup = True

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Callable[[], Storage]:
        """Return a function that other processes can open the file with."""
        opener = partial(SqliteStorage.open, f"sqlite:///{tmp_path}/sessions.db")
        with closing(opener()) as storage:
            storage.setup()
        return opener

    @pytest.fixture
    def connect(self, opener: Callable[[], Storage]) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens the file once more."""
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(opener()))

    @pytest.fixture
    def elsewhere(self, tmp_path: Path) -> Iterator[Storage]:
        """Return a handle on the same file for another app."""
        url = f"sqlite:///{tmp_path}/sessions.db"
        with closing(SqliteStorage.open(url, namespace="other")) as storage:
            storage.setup()
            yield storage

    @pytest.fixture
    def damage(self, tmp_path: Path) -> Callable[[str], None]:
        """Return a function that puts texts and bytes where others belong, which SQLite allows."""

        def damage(session_id: str) -> None:
            with closing(sqlite3.connect(tmp_path / "sessions.db")) as connection:
                connection.execute(
                    "UPDATE sessionkit_session SET last_activity = 'x', expires_at = 'x',"
                    " recent = x'ff', ended = 'x' WHERE session_id = ?",
                    (session_id,),
                )
                connection.commit()

        return damage

    @pytest.fixture
    def connect_unprepared(self, tmp_path: Path) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens a file that nobody has set up."""
        url = f"sqlite:///{tmp_path}/unprepared.db"
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(SqliteStorage.open(url)))

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Iterator[Storage]:
        """Return a handle on a file whose folder has gone before a connection was opened."""
        with closing(SqliteStorage.open(f"sqlite:///{tmp_path}/share/sessions.db")) as storage:
            (tmp_path / "share").rename(tmp_path / "elsewhere")
            yield storage


class TestSqliteOnAnEngineOfTheApp(StorageConformance):
    """An engine of the app's own making, as SQLAlchemy makes it by default, keeps every clause."""

    batch = True
    heads = True
    setup = True

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Iterator[Callable[[], Storage]]:
        """Return a function that makes one more storage over one engine."""
        engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db", max_overflow=20)
        SqliteStorage(engine).setup()
        yield lambda: SqliteStorage(engine)
        engine.dispose()

    @pytest.fixture
    def connect_unprepared(self, tmp_path: Path) -> Iterator[Callable[[], Storage]]:
        """Return a function that makes storages over one engine for a file that nobody has set up."""
        engine = sa.create_engine(f"sqlite:///{tmp_path}/unprepared.db", max_overflow=20)
        yield lambda: SqliteStorage(engine)
        engine.dispose()


class TestSqliteThatIsSeen(TestSqliteOnAnEngineOfTheApp):
    """So does one whose statements an app listens to: SQLAlchemy runs them then."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Iterator[Callable[[], Storage]]:
        """Return a function that makes one more storage over one engine, with a listener."""
        engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db", max_overflow=20)
        sa.event.listen(engine, "before_cursor_execute", lambda *_: None)
        SqliteStorage(engine).setup()
        yield lambda: SqliteStorage(engine)
        engine.dispose()
