# SPDX-License-Identifier: Apache-2.0
"""
What a dialect is: the connections, the SQL and the errors of one kind of database.

:mod:`sessionkit_sqlite.dialects` has one module for each that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

import attrs

from sessionkit.errors import RejectedError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from sessionkit.errors import StorageError
    from sessionkit.records import SessionWrite
    from sessionkit_sqlite.schema import Tables

T = TypeVar("T")

Sql: TypeAlias = Any
"""What a dialect's cursors execute: text in the driver's language, or a clause of SQLAlchemy's."""


SETUP: Final = "call init_session_tables(), or the storage's setup(), first"
"""What error messages say where a table is missing."""


class MissingTableError(RejectedError):
    """Raised when a table is not there: it was never made, or it was dropped."""


class Dialect(Protocol):
    """
    One kind of database.

    Inside :meth:`autocommit` and :meth:`transact` the driver's errors become
    :class:`~sessionkit.errors.UnavailableError` or
    :class:`~sessionkit.errors.RejectedError`, of which :class:`MissingTableError` is one. Work that a lost connection or a
    deadlock broke is run again: it must be safe to repeat.

    Attributes:
        place: What error messages call the database.
        guard: Held while the tables are laid out.
    """

    place: str
    guard: Guard

    def autocommit(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* on a cursor on which each statement is a transaction of its own."""

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* in one write transaction: committed at the end, rolled back on any error."""

    def saver(self, sql: Statements) -> Saver:
        """Return the function that stores sessions."""

    def rest(self) -> None:
        """Let others write, between two batches of a purge."""

    def close(self) -> None:
        """Give idle connections back to the engine's pool."""

    def sql(self, clause: sa.ClauseElement, **options: Any) -> Sql:  # noqa: ANN401 - SQLAlchemy's
        """Return *clause* with named parameters; *options* are those of its ``compile()``."""

    def insert_new(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that does nothing when the key is taken."""

    def upsert(self, table: sa.Table) -> Sequence[sa.ClauseElement]:
        """Return what inserts a row, or replaces all but the key when it is taken."""

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete of at most ``limit`` rows of *table* that are *due*."""

    def ddl(
        self, cursor: Cursor, *tables: sa.Table, indices: Sequence[sa.Index] = ()
    ) -> Sequence[Sql]:
        """Return what creates those of the tables and indices that are missing; *cursor* may be asked."""


class Cursor(Protocol):
    """What of a driver's cursor is used; parameters are named."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""

    def execute(self, operation: Sql, parameters: Any = ..., /) -> Any:  # noqa: ANN401 - drivers differ
        """Run a statement."""

    def executemany(self, operation: Sql, parameters: Any, /) -> Any:  # noqa: ANN401 - the same
        """Run a statement for each of the parameters."""

    def fetchall(self) -> Sequence[Sequence[Any]]:
        """Return the rows of the last statement."""


Saver: TypeAlias = "Callable[[Sequence[SessionWrite]], Sequence[StorageError | None]]"
"""Stores those of the writes that nothing stands against, in one transaction; an outcome for each."""


@attrs.frozen(kw_only=True)
class Guard:
    """
    What keeps two processes from laying out the tables at once.

    Attributes:
        lock: Statements that wait for the other process.
        unlock: Statements that let it go on; empty where the transaction's end does.
    """

    lock: Sequence[str] = ()
    unlock: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class Statements:
    """
    SQL text by purpose; all parameters are named.

    Attributes:
        tables: What it is about.
        layout: The version of the tables' layout.
        keep_layout: Notes a version, if none is noted.
        set_layout: Notes another version.
        read: A session's head, with one row for each part.
        head: A session's head.
        create: Inserts a head, with a part or without, unless one is there.
        resave: Replaces a head and the part in its row, in one go, if ``expected`` is
            stored and no index changes.
        update: Replaces a head if ``expected`` is stored.
        own_part: The name of the part in the head's row.
        put_own: Replaces the part in the head's row.
        put: Inserts or replaces a part in a row of its own.
        remove: Removes a part that has a row of its own.
        touch: Moves activity and expiry on.
        delete: Removes a session; its parts follow.
        find: All sessions by id, the first page.
        find_after: The same, the following pages.
        find_of: A user's sessions, latest first, the first page.
        find_of_after: The same, the following pages.
        count: Counts active sessions.
        purge: Removes a batch of expired sessions.
        purge_idle: Removes a batch of expired and idle sessions.
    """

    tables: Tables
    layout: Sql
    keep_layout: Sql
    set_layout: Sql
    read: Sql
    head: Sql
    create: Sql
    resave: Sql
    update: Sql
    own_part: Sql
    put_own: Sql
    put: Sequence[Sql]
    remove: Sql
    touch: Sql
    delete: Sql
    find: Sql
    find_after: Sql
    find_of: Sql
    find_of_after: Sql
    count: Sql
    purge: Sql
    purge_idle: Sql


def upsert_on_conflict(
    insert: Callable[[sa.Table], Any], table: sa.Table
) -> Sequence[sa.ClauseElement]:
    """
    Return an insert that replaces a row with the same key.

    Args:
        insert: The database's own, of SQLAlchemy's.
        table: Where to.
    """
    new = insert(table)
    key = list(table.primary_key)
    changed = {column.name: new.excluded[column.name] for column in table.c if column not in key}
    return (new.on_conflict_do_update(index_elements=key, set_=changed),)
