# SPDX-License-Identifier: Apache-2.0
"""SQLite: write-ahead log, BEGIN IMMEDIATE for writes, autocommit for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.pysqlite import dialect as pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from sessionkit.errors import ConfigError
from sessionkit_sqlite.connections import Connections
from sessionkit_sqlite.dialects import Cursor, Guard
from sessionkit_sqlite.dialects.on_conflict import upsert
from sessionkit_sqlite.dialects.sqlite_errors import SqliteFaults
from sessionkit_sqlite.dialects.sqlite_pragmas import Pragmas
from sessionkit_sqlite.dialects.sqlite_saving import SqliteSaving
from sessionkit_sqlite.running import Runner

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit_sqlite.dialects import Saving
    from sessionkit_sqlite.statements import Statements

T = TypeVar("T")

_SYNCHRONOUS: Final = ("normal", "full")

_REST: Final = 0.01
"""Seconds between two batches of a purge: longer than a save takes, and than a batch of 100."""


class SqliteDialect:
    """
    How one SQLite database is used.

    Attributes:
        place: The file's name.
        guard: Nothing: its transactions write one after the other.
    """

    guard: Guard = Guard()

    def __init__(
        self,
        engine: sa.Engine,
        *,
        synchronous: str = "normal",
        busy_timeout_ms: int = 5000,
        kept: int,
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
        pragmas = Pragmas(
            f"busy_timeout={busy_timeout_ms}",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
        )
        connections = Connections(
            engine, prepare=pragmas.set_on, restore=pragmas.restore, kept=kept
        )
        self._runner = Runner(connections, SqliteFaults(self.place))

    def autocommit(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* on a cursor on which each statement is a transaction of its own."""
        return self._runner.run(lambda connection: work(connection.cursor()))

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* inside BEGIN IMMEDIATE and COMMIT."""
        return self._runner.run(partial(_transacted, work))

    def saving(self, sql: Statements) -> Saving:
        """Return the function that stores sessions."""
        return SqliteSaving(self, sql).store

    def rest(self) -> None:
        """
        Leave the file to others for a moment.

        While one write follows the other the log can't begin anew: it would grow without a
        bound, and each save would wait for what moves its pages into the file.
        """
        sleep(_REST)

    def close(self) -> None:
        """Give idle connections back to the engine's pool."""
        self._runner.close()

    def sql(self, clause: sa.ClauseElement, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
        """Return *clause* in SQLite's words, parameters as ``:name``."""
        return str(clause.compile(dialect=self._compiler, **options))

    def insert_new(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that leaves a row with the same key alone."""
        return insert(table).on_conflict_do_nothing()

    def upsert(self, table: sa.Table) -> Sequence[sa.ClauseElement]:
        """Return an insert that replaces a row with the same key."""
        return upsert(insert, table)

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete by subselect: SQLite's DELETE has no LIMIT as most systems build it."""
        (key,) = table.primary_key
        batch = sa.select(key).where(due).limit(sa.bindparam("limit"))
        return sa.delete(table).where(key.in_(batch.offset(sa.literal_column("0"))))

    def laid_out(
        self,
        cursor: Cursor,  # noqa: ARG002 - the protocol's
        *tables: sa.Table,
        indices: Sequence[sa.Index] = (),
    ) -> Sequence[str]:
        """Return what creates those of the tables and indices that are missing."""
        made: list[sa.ClauseElement] = [CreateTable(table, if_not_exists=True) for table in tables]
        made += [CreateIndex(index, if_not_exists=True) for index in indices]
        return [self.sql(clause) for clause in made]


def _transacted(work: Callable[[Cursor], T], connection: PoolProxiedConnection) -> T:
    cursor = connection.cursor()
    # A deferred transaction that reads first fails at once when another
    # writer was faster; this one waits for its turn.
    cursor.execute("BEGIN IMMEDIATE")
    try:
        result = work(cursor)
        cursor.execute("COMMIT")
    except BaseException:
        # Ctrl-C too: no transaction stays open behind, and it is raised again.
        # SQLite may have rolled back by itself; the driver knows.
        connection.rollback()
        raise
    return result
