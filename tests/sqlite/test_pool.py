# SPDX-License-Identifier: Apache-2.0
"""Connections: what they are told, what the app finds when they come back, and forks."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import NOW, first
from sessionkit_sqlite.storage import SqliteStorage

PRAGMAS = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")

FORKING = """
import os, sys
import sqlalchemy as sa
from sessionkit.testing.storage_races import count_up
from sessionkit.testing.storage_samples import first
from sessionkit_sqlite.storage import SqliteStorage

opened = []
sa.event.listen(sa.Pool, "connect", lambda connection, _: opened.append(connection))
storage = SqliteStorage.open(sys.argv[1])
storage.setup()
storage.write(first(put={"count": b"0"}))
(parents,) = opened
storage.close = lambda: None
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            count_up(lambda: storage, number)
            parents.total_changes  # an error if it had been closed here
            code = 0 if len(opened) > 1 else 2
        finally:
            os._exit(code)
    children.append(child)
count_up(lambda: storage, 9)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stored = storage.read("s")
SqliteStorage.close(storage)
print(codes, stored.head.version, stored.parts["count"].decode())
"""


def _pragmas(connection: sqlite3.Connection) -> dict[str, Any]:
    return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}


@pytest.mark.parametrize(("synchronous", "number"), [("normal", 1), ("full", 2)])
def test_pragmas_are_set(
    opened: Callable[..., SqliteStorage],
    connections: list[sqlite3.Connection],
    synchronous: str,
    number: int,
) -> None:
    """A connection has the write-ahead log, foreign keys, the time to wait and the durability asked for."""
    opened(synchronous=synchronous, busy_timeout_ms=1234).setup()

    (connection,) = connections
    assert dict(zip(PRAGMAS, ["wal", number, 1, 1234], strict=True)) == _pragmas(connection)


def test_pragmas_are_set_on_connections_of_the_app(
    file: Path, connections: list[sqlite3.Connection]
) -> None:
    """A connection that the app's engine had pooled before is made ready, too."""
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")

    SqliteStorage(engine, busy_timeout_ms=1234).setup()

    (pooled,) = connections
    pragmas = _pragmas(pooled)
    engine.dispose()
    assert dict(zip(PRAGMAS, ["wal", 1, 1, 1234], strict=True)) == pragmas


def test_transactions_of_the_app_stay_transactions(file: Path) -> None:
    """The app may go on using its engine: what it rolls back is rolled back."""
    engine = sa.create_engine(f"sqlite:///{file}", pool_size=1)
    SqliteStorage(engine).setup()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE own (x)")
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO own VALUES (1)")
        connection.rollback()
        rows = connection.exec_driver_sql("SELECT * FROM own").all()

    engine.dispose()
    assert [] == rows


@pytest.mark.parametrize(
    "connect_args",
    [
        {},
        {"isolation_level": None},
        pytest.param(
            {"autocommit": False},
            marks=pytest.mark.skipif(
                sys.version_info < (3, 12), reason="the driver of Python 3.11 has no autocommit"
            ),
        ),
    ],
)
def test_connections_of_the_app_come_back_as_they_were(
    file: Path, connect_args: dict[str, Any]
) -> None:
    """However an engine begins transactions, the storage works on it, and the app's own work goes on as before."""
    engine = sa.create_engine(f"sqlite:///{file}", connect_args=connect_args, pool_size=1)
    modes = ("isolation_level", "autocommit")
    with closing(engine.raw_connection()) as connection:
        before = [getattr(connection.dbapi_connection, mode, None) for mode in modes]
    storage = SqliteStorage(engine)
    storage.setup()

    storage.write(first())
    storage.touch("s", last_activity=NOW + 1, expires_at=None)

    with closing(sqlite3.connect(file)) as other:
        assert [(NOW + 1,)] == other.execute(
            "SELECT last_activity FROM sessionkit_session"
        ).fetchall()
    with closing(engine.raw_connection()) as connection:
        assert before == [getattr(connection.dbapi_connection, mode, None) for mode in modes]
    engine.dispose()


def test_storages_are_collected(file: Path) -> None:
    """Being ready for forks keeps no storage and no engine alive."""
    storage = SqliteStorage.open(f"sqlite:///{file}")
    kept = weakref.ref(storage)
    storage.setup()
    storage.close()

    del storage
    gc.collect()

    assert kept() is None
    engines = [one for one in gc.get_objects() if type(one) is sa.Engine]
    assert str(file) not in [one.url.database for one in engines]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_children_open_connections_of_their_own(
    file: Path, run_python: Callable[..., str]
) -> None:
    """Parent and children save at once on one storage; no connection is shared, no save is lost."""
    shown = run_python(FORKING, f"sqlite:///{file}")

    assert "[0, 0, 0] 101 100\n" == shown


def test_exhausted_pool_is_unavailable(file: Path) -> None:
    """When all connections of the app's engine are in use, the call may be tried again."""
    engine = sa.create_engine(f"sqlite:///{file}", pool_size=1, max_overflow=0, pool_timeout=0)
    storage = SqliteStorage(engine)
    storage.setup()
    with engine.connect(), pytest.raises(UnavailableError, match=r"all connections are in use"):
        storage.read("s")

    engine.dispose()
