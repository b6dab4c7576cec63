# SPDX-License-Identifier: Apache-2.0
"""What differs by database: how connections are used, some SQL, and what errors mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    import sqlalchemy as sa

    from sessionkit.errors import StorageError
    from sessionkit.records import SessionWrite
    from sessionkit_sqlite.statements import Statements

T = TypeVar("T")

Sql: TypeAlias = Any
"""What a dialect's cursors execute: text in the driver's language, or a clause of SQLAlchemy's."""


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


Saving: TypeAlias = "Callable[[Sequence[SessionWrite]], Sequence[StorageError | None]]"
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


class Dialect(Protocol):
    """
    One kind of database.

    Inside :meth:`autocommit` and :meth:`transact` the driver's errors become
    :class:`~sessionkit.errors.UnavailableError` or
    :class:`~sessionkit.errors.RejectedError`. Work that a lost connection or a
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

    def saving(self, sql: Statements) -> Saving:
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

    def laid_out(
        self, cursor: Cursor, *tables: sa.Table, indices: Sequence[sa.Index] = ()
    ) -> Sequence[Sql]:
        """Return what creates those of the tables and indices that are missing; *cursor* may be asked."""
