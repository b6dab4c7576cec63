# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL behind PgBouncer, whose connections are lent for one transaction at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any, Final

import psycopg
import pytest
import sqlalchemy as sa
from session_harness.pgbouncer import PooledPostgresql
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import needed

from sessionkit.testing.storage_samples import first, following
from sessionkit_sqlite.storage import SqlStorage

_OFTEN: Final = 12
"""Psycopg prepares what it has run five times."""

_CLIENTS: Final = 4


@pytest.fixture(name="pooled", scope="module", params=["refusing", "ignoring"])
def _pooled(request: pytest.FixtureRequest) -> Iterator[PooledPostgresql]:
    """Return a pooler that refuses ``options``, as PgBouncer does by itself, or drops them silently."""
    settings = {"refusing": (), "ignoring": ("ignore_startup_parameters=options",)}
    with needed():
        server = PooledPostgresql(*settings[request.param])
    yield server
    server.end()


@pytest.fixture(name="opened")
def _opened() -> Iterator[Callable[[str], SqlStorage]]:
    """Return a function that opens a database, and closes it after the test."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(SqlStorage.open(url)))


def _work(storage: SqlStorage, session_id: str) -> int:
    """Save and read a session often; return the version that is stored."""
    storage.write(first(session_id))
    for version in range(2, _OFTEN):
        storage.write(following(version, session_id=session_id, put={"a": b"1", "b": b"2"}))
        storage.read(session_id)
        storage.count(active_since=0)
    stored = storage.read(session_id)
    return stored.head.version if stored else 0


def _all_at_once(storages: list[SqlStorage]) -> set[int]:
    storages[0].setup()
    with ThreadPoolExecutor(len(storages)) as pool:
        ids = [f"s{place}" for place in range(len(storages))]
        return set(pool.map(_work, storages, ids))


def test_clients_share_few_connections(
    pooled: PooledPostgresql, opened: Callable[[str], SqlStorage]
) -> None:
    """No statement is one that another client, or another connection, has prepared."""
    url = pooled.url(pooled.new_database())

    assert {_OFTEN - 1} == _all_at_once([opened(url) for _ in range(_CLIENTS)])


def test_an_engine_of_the_app_is_served_too(pooled: PooledPostgresql) -> None:
    """Whoever has made the connections: it is seen of each whether a pooler is on its way."""
    url = pooled.url(pooled.new_database())
    with ExitStack() as stack:
        engines = [sa.create_engine(url) for _ in range(_CLIENTS)]
        for engine in engines:
            stack.callback(engine.dispose)
        storages = [stack.enter_context(closing(SqlStorage(engine))) for engine in engines]

        assert {_OFTEN - 1} == _all_at_once(storages)


@pytest.fixture(name="connections")
def _connections() -> Iterator[list[psycopg.Connection[Any]]]:
    """Collect the driver's connections that any engine opens from now on."""
    seen: list[psycopg.Connection[Any]] = []

    def note(connection: psycopg.Connection[Any], _: object) -> None:
        seen.append(connection)

    sa.event.listen(sa.Pool, "connect", note)
    yield seen
    sa.event.remove(sa.Pool, "connect", note)


def test_without_a_pooler_statements_are_prepared(
    postgresql: PostgresqlServer,
    opened: Callable[[str], SqlStorage],
    connections: list[psycopg.Connection[Any]],
) -> None:
    """Straight to the server they are planned once."""
    storage = opened(postgresql.url(postgresql.new_database()))
    storage.setup()

    _work(storage, "s")

    (connection,) = connections
    assert [(0,)] != connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchall()


def test_what_the_url_says_stays(
    postgresql: PostgresqlServer,
    opened: Callable[[str], SqlStorage],
    connections: list[psycopg.Connection[Any]],
) -> None:
    """Settings in the URL come after ours, and win."""
    database = postgresql.new_database()
    said = "?application_name=shop&options=-c%20statement_timeout%3D1234"
    opened(postgresql.url(database) + said).setup()

    (connection,) = connections
    settings = connection.execute(
        "SELECT current_setting('application_name'), current_setting('statement_timeout'),"
        " current_setting('lock_timeout')"
    ).fetchall()
    assert [("shop", "1234ms", "5s")] == settings
