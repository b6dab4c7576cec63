# SPDX-License-Identifier: Apache-2.0
"""What a storage can do, what it imports, what it closes, and its lists."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from sessionkit.errors import RejectedError
from sessionkit.storage import BatchStorage, SetupStorage
from sessionkit.testing.storage_samples import NOW, first
from sessionkit_sqlite.storage import SqliteStorage


def test_abilities(storage: SqliteStorage) -> None:
    """SQLite saves batches and is set up."""
    assert isinstance(storage, BatchStorage)
    assert isinstance(storage, SetupStorage)


def test_who_opens_closes(storage: SqliteStorage, connection: sqlite3.Connection) -> None:
    """Closing a storage that opened its file leaves no connection open; closing it twice is fine."""
    storage.close()
    storage.close()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_an_engine_of_the_app_stays_open(file: Path) -> None:
    """Closing a storage on the app's engine closes nothing of the app's, and holds nothing back."""
    engine = sa.create_engine(f"sqlite:///{file}")
    closed: list[object] = []
    sa.event.listen(engine, "close", lambda *_: closed.append(1))
    storage = SqliteStorage(engine)
    storage.setup()

    assert isinstance(engine.pool, sa.QueuePool)
    assert 0 == engine.pool.checkedout()
    storage.close()
    assert [] == closed
    engine.dispose()


def test_hooks_import_no_driver(run_python: Callable[..., str]) -> None:
    """Loading the plugin loads neither SQLAlchemy nor sqlite3; opening does."""
    code = (
        "import sys, sessionkit_sqlite.hooks as hooks; hooks.sessionkit_storages();"
        "print([name for name in ('sqlalchemy', 'sqlite3') if name in sys.modules])"
    )

    assert "[]\n" == run_python(code)


def test_opening_imports_one_dialect(run_python: Callable[..., str], file: Path) -> None:
    """A storage on a file imports SQLite's dialect, and that of no server."""
    code = (
        "import sys; from sessionkit_sqlite.storage import SqliteStorage;"
        "SqliteStorage.open(sys.argv[1]).setup();"
        "room = 'sessionkit_sqlite.dialects.';"
        "print(sorted(name.removeprefix(room) for name in sys.modules if name.startswith(room)))"
    )

    assert "['sqlite', 'sqlite_saves']\n" == run_python(code, f"sqlite:///{file}")


def test_pages_of_all_are_stable_under_touches(storage: SqliteStorage) -> None:
    """Without a user the order is by id, so that not even a touched session is missed."""
    for number in range(5):
        storage.write(first(f"s{number}"))
    listed, cursor = [], None
    for number in range(5):
        page = storage.find(limit=1, cursor=cursor)
        listed += [head.session_id for head in page.heads]
        cursor = page.cursor
        storage.touch(f"s{4 - number}", last_activity=NOW + number, expires_at=None)

    assert ["s0", "s1", "s2", "s3", "s4"] == listed


def test_a_purge_rests_between_batches(
    storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write, and the log begins anew, before the next batch; after the last one nobody waits."""
    rests: list[float] = []
    monkeypatch.setattr("sessionkit_sqlite.dialects.sqlite.sleep", rests.append)
    storage.write_many([first(f"s{number}", expires_at=NOW - 1) for number in range(5)])

    removed = [storage.purge(expired_before=NOW, limit=2) for _ in range(3)]

    assert [2, 2, 1] == removed
    assert [0.01, 0.01] == rests


@pytest.mark.parametrize("cursor", ["", "x:y"])
def test_foreign_cursor_is_rejected(storage: SqliteStorage, cursor: str) -> None:
    """A cursor that no page gave is refused, with what would be right."""
    with pytest.raises(RejectedError, match=r"is not one that find\(\) gave; leave it out"):
        storage.find(cursor=cursor)
