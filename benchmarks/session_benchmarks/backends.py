# SPDX-License-Identifier: Apache-2.0
"""The stores: each with a raw driver, a storage of ours, and a server where one is needed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
from session_harness import lossy_proxy
from session_harness.processes import HOST

from session_benchmarks.raw_sqlite import RawSqlite, SqliteIndex
from session_benchmarks.raw_stores import RawIndex, RawStore, RawSwaps
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.storage import BatchStorage

if TYPE_CHECKING:
    from session_harness.postgresql import PostgresqlServer

_DURABLE: Final = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
"""How a store of sessions is usually run."""


_SQLITE_LOG: Final = 2 * 1000 * 4096
"""Twice the pages after which SQLite begins its log anew."""


def _nothing() -> None:
    """Do nothing."""


@attrs.frozen(kw_only=True)
class Store:
    """
    One store to run on, empty.

    What opens it can be given to other processes, unless it is in memory.

    Attributes:
        name: What tables call it.
        open_storage: Opens our storage.
    """

    name: str
    open_storage: Callable[[], BatchStorage]


@attrs.frozen(kw_only=True)
class Contended(Store):
    """
    One store that many write to at once.

    Attributes:
        open_raw: Opens one more raw connection.
    """

    open_raw: Callable[[], RawSwaps]


@attrs.frozen(kw_only=True)
class Backend(Contended):
    """
    One store to measure everything on.

    Attributes:
        open_index: Opens the raw rows that are counted and deleted.
        storages: The settings that have a manager keep sessions there, under the plugin's name.
        address: Where other libraries find it: a URL.
        settle: Does what a database would do by itself after a while.
        log_bytes: How much is written before its log stops growing, which takes longer than
            writing over what is there.
    """

    open_raw: Callable[[], RawStore]
    open_index: Callable[[], RawIndex]
    storages: Mapping[str, Mapping[str, str]]
    address: str
    settle: Callable[[], None] = _nothing
    log_bytes: int = 0


@contextmanager
def memory() -> Iterator[Store]:
    """Make a store in this process."""
    yield Store(name="memory", open_storage=MemoryStorage().handle)


@contextmanager
def sqlite(synchronous: str) -> Iterator[Backend]:
    """Make a folder with a file for each; they never wait for one another."""
    from sessionkit_sqlite.storage import (  # noqa: PLC0415 - needs the plugin's driver
        SqliteStorage,
    )

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = {"url": f"sqlite:///{folder}/ours.db", "synchronous": synchronous.lower()}
        yield Backend(
            name=f"SQLite {synchronous}",
            open_raw=partial(RawSqlite, folder / "raw.db", synchronous),
            open_index=partial(SqliteIndex, folder / "raw.db", synchronous),
            address=f"sqlite:///{folder}/peer.db",
            open_storage=partial(SqliteStorage.open, ours["url"], synchronous=ours["synchronous"]),
            storages={"sqlite": ours},
            log_bytes=_SQLITE_LOG,
        )


@contextmanager
def postgresql(delay_ms: float = 0.0) -> Iterator[Backend]:
    """Start a server with one database for both, behind a slow network if *delay_ms* says so."""
    from session_harness.postgresql import PostgresqlServer  # noqa: PLC0415 - needs its driver

    server = PostgresqlServer()
    try:
        with delayed(server.port, delay_ms) as port:
            yield _on_postgresql(server, port, f"PostgreSQL{_named(delay_ms)}")
    finally:
        server.end()


def _on_postgresql(server: PostgresqlServer, port: int, name: str) -> Backend:
    from session_benchmarks.raw_postgresql import (  # noqa: PLC0415 - needs its driver
        PostgresqlIndex,
        RawPostgresql,
    )
    from sessionkit_sqlite.storage import SqlStorage  # noqa: PLC0415 - needs the plugin's driver

    database = server.new_database()
    url = server.url(database, port=port)
    conninfo = url.replace("+psycopg", "")
    return Backend(
        name=name,
        open_raw=partial(RawPostgresql, conninfo),
        open_index=partial(PostgresqlIndex, conninfo),
        address=url,
        open_storage=partial(SqlStorage.open, url),
        storages={"sql": {"url": url}},
        settle=lambda: server.execute("VACUUM ANALYZE", database=database),
    )


@contextmanager
def mariadb() -> Iterator[Contended]:
    """Start a server with one database for both."""
    from session_harness.mariadb import USER, MariadbServer  # noqa: PLC0415 - needs its driver

    from session_benchmarks.raw_mariadb import RawMariadb  # noqa: PLC0415 - as above
    from sessionkit_sqlite.storage import SqlStorage  # noqa: PLC0415 - as above

    server = MariadbServer()
    try:
        database = server.new_database()
        [(version,)] = server.fetch("SELECT version()")
        yield Contended(
            name=f"MariaDB {version.partition('-')[0]}",
            open_raw=partial(
                RawMariadb, host=server.host, port=server.port, user=USER, database=database
            ),
            open_storage=partial(SqlStorage.open, server.url(database)),
        )
    finally:
        server.end()


@contextmanager
def redis(delay_ms: float = 0.0) -> Iterator[Backend]:
    """Start a Valkey for both, behind a slow network if *delay_ms* says so."""
    from session_harness.valkeys import Node, valkey_binary  # noqa: PLC0415 - needs its driver

    node = Node(valkey_binary(), *_DURABLE)
    try:
        with delayed(node.port, delay_ms) as port:
            yield _on_redis(port, f"Redis{_named(delay_ms)}")
    finally:
        node.stop()


def _on_redis(port: int, name: str) -> Backend:
    from session_benchmarks.raw_redis import RawRedis, RedisIndex  # noqa: PLC0415 - as above
    from sessionkit_redis.storage import RedisStorage  # noqa: PLC0415 - as above

    url = f"redis://{HOST}:{port}/0"
    return Backend(
        name=name,
        open_raw=partial(RawRedis, url),
        open_index=partial(RedisIndex, url),
        address=url,
        open_storage=partial(RedisStorage.open, url),
        storages={"redis": {"url": url}},
    )


@contextmanager
def delayed(port: int, delay_ms: float) -> Iterator[int]:
    """Put a proxy before *port* that takes *delay_ms* in each direction; return its port."""
    if not delay_ms:
        yield port
        return
    command = [sys.executable, lossy_proxy.__file__, str(port), str(delay_ms)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as proxy:
        if proxy.stdout is None or proxy.stdin is None:
            msg = "a process without pipes"
            raise RuntimeError(msg)
        yield int(proxy.stdout.readline())
        proxy.stdin.close()


def _named(delay_ms: float) -> str:
    return f" at {2 * delay_ms:g} ms round trip" if delay_ms else ""
