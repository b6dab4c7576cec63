# SPDX-License-Identifier: Apache-2.0
"""SQLite: write-ahead log, BEGIN IMMEDIATE for writes, autocommit for reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.pysqlite import dialect as pysqlite
from sqlalchemy.engine.interfaces import DBAPICursor

from sessionkit.errors import ConfigError
from sessionkit_sqlite.dialects.sqlite_connections import Connections
from sessionkit_sqlite.dialects.sqlite_errors import DRIVER_ERRORS, explained

_SYNCHRONOUS: Final = ("normal", "full")


class SqliteDialect:
    """
    How one SQLite database is used.

    Attributes:
        place: The file's name.
    """

    def __init__(
        self, engine: sa.Engine, *, synchronous: str, busy_timeout_ms: int, kept: int
    ) -> None:
        """
        Use the pool of *engine*.

        Args:
            engine: An engine for a file.
            synchronous: ``"normal"`` or ``"full"``.
            busy_timeout_ms: How long to wait for another writer, in milliseconds.
            kept: How many idle connections don't go back to the engine's pool.

        Raises:
            ConfigError: If *synchronous* or *busy_timeout_ms* is nothing that SQLite takes.
        """
        if synchronous not in _SYNCHRONOUS:
            msg = f'[storages.sqlite] synchronous is {synchronous!r}; it can be "normal" or "full"'
            raise ConfigError(msg)
        if busy_timeout_ms < 0:
            msg = f"[storages.sqlite] busy_timeout_ms is {busy_timeout_ms}; it must be 0 or more"
            raise ConfigError(msg)
        self.place = str(engine.url.database)
        self._compiler = pysqlite(paramstyle="named")
        pragmas = (
            f"busy_timeout={busy_timeout_ms}",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
        )
        self._connections = Connections(engine, pragmas, kept=kept)

    @contextmanager
    def reading(self) -> Iterator[DBAPICursor]:
        """Hand out a cursor in autocommit."""
        try:
            connection = self._connections.take()
            try:
                yield connection.cursor()
            finally:
                self._connections.give(connection)
        except DRIVER_ERRORS as error:
            raise explained(error, self.place) from error

    @contextmanager
    def writing(self) -> Iterator[DBAPICursor]:
        """Hand out a cursor inside BEGIN IMMEDIATE and COMMIT."""
        with self.reading() as cursor:
            # A deferred transaction that reads first fails at once when another
            # writer was faster; this one waits for its turn.
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                # Ctrl-C too: no transaction stays open behind, and it is raised again.
                # SQLite may have rolled back by itself; the driver knows.
                cursor.connection.rollback()
                raise

    def close(self) -> None:
        """Give idle connections back to the engine's pool."""
        self._connections.close()

    def sql(self, clause: sa.ClauseElement, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
        """Return *clause* in SQLite's words, parameters as ``:name``."""
        return str(clause.compile(dialect=self._compiler, **options))

    def insert_new(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that leaves a row with the same key alone."""
        return insert(table).on_conflict_do_nothing()

    def upsert(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that replaces a row with the same key."""
        new = insert(table)
        key = list(table.primary_key)
        changed = {
            column.name: new.excluded[column.name] for column in table.c if column not in key
        }
        return new.on_conflict_do_update(index_elements=key, set_=changed)

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete by subselect: SQLite's DELETE has no LIMIT as most systems build it."""
        (key,) = table.primary_key
        batch = sa.select(key).where(due).limit(sa.bindparam("limit"))
        return sa.delete(table).where(key.in_(batch.offset(sa.literal_column("0"))))
