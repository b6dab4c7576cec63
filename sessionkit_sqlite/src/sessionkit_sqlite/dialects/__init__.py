# SPDX-License-Identifier: Apache-2.0
"""What differs by database: how connections are used, some SQL, and what errors mean."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import DBAPICursor


class Dialect(Protocol):
    """
    One kind of database.

    Inside :meth:`reading` and :meth:`writing` the driver's errors become
    :class:`~sessionkit.errors.UnavailableError` or
    :class:`~sessionkit.errors.RejectedError`.

    Attributes:
        place: What error messages call the database.
    """

    place: str

    def reading(self) -> AbstractContextManager[DBAPICursor]:
        """Hand out a cursor on which each statement is a snapshot of its own."""

    def writing(self) -> AbstractContextManager[DBAPICursor]:
        """Hand out a cursor in one write transaction: committed at the end, rolled back on any error."""

    def close(self) -> None:
        """Give idle connections back to the engine's pool."""

    def sql(self, clause: sa.ClauseElement, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
        """Return *clause* as SQL with named parameters; *options* are those of its ``compile()``."""

    def insert_new(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that does nothing when the key is taken."""

    def upsert(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that replaces all but the key when it is taken."""

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete of at most ``limit`` rows of *table* that are *due*."""
