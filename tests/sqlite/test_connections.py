# SPDX-License-Identifier: Apache-2.0
"""How SQLite is used: PRAGMAs, transactions, indices, forks."""

from __future__ import annotations

import gc
import os
import re
import sqlite3
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from sessionkit.testing.storage_samples import NOW, first, following
from sessionkit_sqlite.storage import SqliteStorage

PRAGMAS = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")


@pytest.fixture(name="statements")
def _statements(storage: SqliteStorage) -> Iterator[list[str]]:
    """Collect what SQLite is told from now on."""
    seen: list[str] = []
    connection = storage._dialect._runner._connections.take()
    connection.set_trace_callback(seen.append)
    storage._dialect._runner._connections.give(connection)
    yield seen
    connection.set_trace_callback(None)


def _pragmas(storage: SqliteStorage) -> dict[str, Any]:
    return storage._dialect.autocommit(
        lambda cursor: {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    )


@pytest.mark.parametrize(("synchronous", "number"), [("normal", 1), ("full", 2)])
def test_pragmas_are_set(
    opened: Callable[..., SqliteStorage], synchronous: str, number: int
) -> None:
    """A connection has the write-ahead log, foreign keys, the time to wait and the durability asked for."""
    storage = opened(synchronous=synchronous, busy_timeout_ms=1234)

    assert dict(zip(PRAGMAS, ["wal", number, 1, 1234], strict=True)) == _pragmas(storage)


def test_pragmas_are_set_on_connections_of_the_app(file: Path) -> None:
    """A connection that the app's engine had pooled before is made ready, too."""
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")

    pragmas = _pragmas(SqliteStorage(engine, busy_timeout_ms=1234))

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


def test_a_read_is_one_statement(storage: SqliteStorage, statements: list[str]) -> None:
    """One SELECT reads head and parts, and so one snapshot; no transaction is begun."""
    storage.write(first(put={"a": b"1", "b": b"2"}))
    statements.clear()

    storage.read("s")

    assert ["SELECT"] == [_verb(statement) for statement in statements]


def test_a_save_of_a_small_session_is_one_statement(
    storage: SqliteStorage, statements: list[str]
) -> None:
    """A part that a session began with, alone, is saved with the head: guarded, in one row, in autocommit."""
    storage.write(first(put={"all": b"1"}, user_id="u"))
    statements.clear()

    storage.write(following(2, put={"all": b"2"}, user_id="u"))

    (statement,) = statements
    assert re.search(r"^UPDATE .* WHERE session_id = .* AND save_id = ", statement)
    assert not re.search(r"SET .*(user_id|last_activity|expires_at|ended) ?=.* WHERE", statement)


def test_a_save_is_one_guarded_transaction(storage: SqliteStorage, statements: list[str]) -> None:
    """The guard is part of the UPDATE; what is read before it is read under the transaction's lock."""
    storage.write(first(put={"old": b"1", "kept": b"1"}))
    statements.clear()

    storage.write(following(2, put={"a": b"2"}, remove=["old"]))

    expected = ["BEGIN IMMEDIATE", "SELECT", "UPDATE", "INSERT", "DELETE", "COMMIT"]
    assert expected == [_verb(statement) for statement in statements]
    assert re.search(r"WHERE session_id = .* AND save_id = ", statements[2])


@pytest.mark.parametrize(
    ("changed", "is_written"),
    [
        ({"user_id": "other"}, True),
        ({"last_activity": NOW + 1}, True),
        ({"last_activity": NOW - 1}, False),
        ({"expires_at": NOW + 1}, True),
        ({"ended": True}, True),
        ({"created_at": NOW - 1}, False),
    ],
)
def test_indices_are_written_when_they_change(
    storage: SqliteStorage, statements: list[str], changed: dict[str, Any], *, is_written: bool
) -> None:
    """To set an indexed column writes a page more for each index, be it to what it was."""
    both = {"a": b"1", "b": b"1"}
    storage.write(first(put=both, user_id="u", expires_at=NOW))
    statements.clear()

    storage.write(following(2, put=both, **{"user_id": "u", "expires_at": NOW, **changed}))

    (update,) = [statement for statement in statements if _verb(statement) == "UPDATE"]
    assert is_written == ("last_activity" in update)


def test_a_batch_is_one_transaction_in_order_of_ids(
    storage: SqliteStorage, statements: list[str]
) -> None:
    """A batch reads once and commits once, for all, and takes its sessions in one order for all writers."""
    storage.write_many([first("b"), first("c"), first("a")])

    assert ["BEGIN IMMEDIATE", "SELECT", "INSERT", "INSERT", "INSERT", "COMMIT"] == [
        _verb(statement) for statement in statements
    ]
    assert ["a", "b", "c"] == [re.findall(r"'(\w)'", line)[0] for line in statements[2:5]]


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


@pytest.mark.parametrize(
    ("purpose", "plan"),
    [
        ("read", "SEARCH sessionkit_part USING INDEX"),
        ("count", "USING COVERING INDEX sessionkit_session_activity"),
        ("find_of_after", "USING INDEX sessionkit_session_user (user_id=? AND last_activity<?)"),
        ("find_after", "(session_id>?)"),
        ("purge", "USING INDEX sessionkit_session_expiry (expires_at<?)"),
        ("purge_idle", "USING INDEX sessionkit_session_activity (last_activity<?)"),
    ],
)
def test_indices_are_used(storage: SqliteStorage, purpose: str, plan: str) -> None:
    """No statement walks over all sessions or sorts them."""
    sql = getattr(storage._sql, purpose)
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    steps = storage._dialect.autocommit(
        lambda cursor: [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    )

    assert any(plan in step for step in steps), steps
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in steps), steps


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


def test_storages_are_collected(file: Path) -> None:
    """Being ready for forks keeps no storage and no engine alive."""
    storage = SqliteStorage.open(f"sqlite:///{file}")
    kept = [weakref.ref(storage), weakref.ref(storage._engine)]
    storage.setup()
    storage.close()

    del storage
    gc.collect()

    assert [None, None] == [reference() for reference in kept]


FORKING = """
import os, sys
from sessionkit.testing.storage_races import count_up
from sessionkit.testing.storage_samples import first
from sessionkit_sqlite.storage import SqliteStorage

storage = SqliteStorage.open(sys.argv[1])
storage.setup()
storage.write(first(put={"count": b"0"}))
connections = storage._dialect._runner._connections
(parents,) = connections._idle
raw = parents.dbapi_connection
storage.close = lambda: None
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        own = connections.take()
        fresh = own.dbapi_connection is not raw and parents.dbapi_connection is raw
        connections.give(own)
        count_up(lambda: storage, number)
        os._exit(0 if fresh else 1)
    children.append(child)
count_up(lambda: storage, 9)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stored = storage.read("s")
SqliteStorage.close(storage)
print(codes, stored.head.version, stored.parts["count"].decode())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_children_open_connections_of_their_own(
    file: Path, run_python: Callable[..., str]
) -> None:
    """Parent and children save at once on one storage; no connection is shared, no save is lost."""
    shown = run_python(FORKING, f"sqlite:///{file}")

    assert "[0, 0, 0] 101 100\n" == shown


def _verb(statement: str) -> str:
    return (
        "BEGIN IMMEDIATE" if statement.startswith("BEGIN IMM") else statement.split(maxsplit=1)[0]
    )


def test_statements_are_complete(storage: SqliteStorage) -> None:
    """Every statement's parameters are named; none was left as a literal default."""
    texts = [value for value in attrs.asdict(storage._sql).values() if isinstance(value, str)]

    assert not any("?" in text or "param_" in text for text in texts)
