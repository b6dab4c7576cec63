# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL by psycopg 3: autocommit, one statement for any number of saves, row locks in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from sessionkit_sqlite.connections import Connections
from sessionkit_sqlite.dialects import Cursor, Guard
from sessionkit_sqlite.dialects.on_conflict import upsert
from sessionkit_sqlite.dialects.postgresql_errors import PostgresqlFaults
from sessionkit_sqlite.dialects.postgresql_pooling import prepare_nothing_if_pooled
from sessionkit_sqlite.dialects.postgresql_saving import PostgresqlSaving
from sessionkit_sqlite.running import Runner

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit_sqlite.dialects import Saving
    from sessionkit_sqlite.statements import Statements

T = TypeVar("T")

_CURSOR: Final = "sessionkit cursor"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('sessionkit'))"


class PostgresqlDialect:
    """
    How one PostgreSQL database is used.

    Attributes:
        place: Host, port and name of the database.
        guard: An advisory lock, which ends with the transaction.
    """

    guard: Guard = Guard(lock=(_LOCK,))

    def __init__(self, engine: sa.Engine, *, kept: int) -> None:
        """
        Use the pool of *engine*.

        Args:
            engine: An engine on psycopg 3.
            kept: How many idle connections don't go back to the engine's pool.
        """
        url = engine.url
        self.place = f"PostgreSQL {url.host or 'localhost'}:{url.port or 5432}/{url.database}"
        self._compiler = psycopg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
        # By its own rules the pool gets connections back outside of autocommit.
        connections = Connections(
            engine,
            prepare=partial(_set_autocommit, on=True),
            restore=partial(_set_autocommit, on=False),
            kept=kept,
        )
        self._runner = Runner(connections, PostgresqlFaults(self.place))

    def autocommit(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* on a cursor on which each statement is a transaction of its own."""
        return self._runner.run(lambda connection: work(_cursor(connection)))

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* in one transaction."""
        return self._runner.run(partial(_transacted, work))

    def saving(self, sql: Statements) -> Saving:
        """Return the function that stores sessions, all by one statement."""
        saving = PostgresqlSaving(sql)
        return lambda writes: self.autocommit(partial(saving.store, writes))

    def rest(self) -> None:
        """Do nothing: others write to other rows meanwhile."""

    def close(self) -> None:
        """Give idle connections back to the engine's pool."""
        self._runner.close()

    def sql(self, clause: sa.ClauseElement, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
        """Return *clause* in PostgreSQL's words, parameters as ``%(name)s``."""
        return str(clause.compile(dialect=self._compiler, **options))

    def insert_new(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that leaves a row with the same key alone."""
        return insert(table).on_conflict_do_nothing()

    def upsert(self, table: sa.Table) -> Sequence[sa.ClauseElement]:
        """Return an insert that replaces a row with the same key."""
        return upsert(insert, table)

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete that passes by rows which someone is writing."""
        (key,) = table.primary_key
        batch = sa.select(key).where(due).limit(sa.bindparam("limit", type_=sa.BigInteger))
        # As a common table expression the batch is chosen once, whatever the plan.
        chosen = batch.with_for_update(skip_locked=True).cte("due")
        return sa.delete(table).where(key.in_(sa.select(chosen.c[key.name])))

    def laid_out(
        self,
        cursor: Cursor,  # noqa: ARG002 - the protocol's
        *tables: sa.Table,
        indices: Sequence[sa.Index] = (),
    ) -> Sequence[str]:
        """Return what creates those of the tables and indices that are missing."""
        made = [self.sql(CreateTable(table, if_not_exists=True)) for table in tables]
        made += [self.sql(CreateIndex(index, if_not_exists=True)) for index in indices]
        return made + [
            _uncompressed(column) for table in tables for column in table.c if _big(column)
        ]


def _big(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.LargeBinary)


def _uncompressed(column: sa.Column[Any]) -> str:
    """Return what keeps PostgreSQL from compressing: at 1 MB that takes 4/5 of a save's time."""
    return f"ALTER TABLE {column.table.name} ALTER COLUMN {column.name} SET STORAGE EXTERNAL"


def _set_autocommit(connection: PoolProxiedConnection, *, on: bool) -> None:
    driver: Any = connection.dbapi_connection
    driver.autocommit = on


def _cursor(connection: PoolProxiedConnection) -> Cursor:
    """Return the connection's one cursor: each new one finds out anew how to convert values."""
    notes = connection.info
    if _CURSOR not in notes:
        prepare_nothing_if_pooled(connection)  # here, where a connection that was lost is replaced
        # In binary, a part comes as it is and not as twice as many hexadecimal digits.
        notes[_CURSOR] = connection.cursor(binary=True)
    cursor: Cursor = notes[_CURSOR]
    return cursor


def _transacted(work: Callable[[Cursor], T], connection: PoolProxiedConnection) -> T:
    driver: Any = connection.dbapi_connection
    with driver.transaction():
        return work(_cursor(connection))
