# SPDX-License-Identifier: Apache-2.0
"""Creates the tables and brings those of an older release up, a step a transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import sqlalchemy as sa

from sessionkit.errors import NewerFormatError, RejectedError, UnclearError
from sessionkit_sqlite.rows import current_head
from sessionkit_sqlite.schema import TABLES_VERSION

if TYPE_CHECKING:
    from sessionkit_sqlite.dialect import Cursor, Dialect, Statements
    from sessionkit_sqlite.schema import Tables

T = TypeVar("T")

_LOGGER: Final = logging.getLogger("sessionkit")

Step: TypeAlias = "Callable[[Dialect, Tables, Cursor], None]"
"""Takes tables one version on; running it again after a crash is fine."""


def create_tables(dialect: Dialect, tables: Tables, cursor: Cursor) -> None:
    """Lay out version 1."""
    for statement in dialect.ddl(cursor, *tables.data, indices=tables.indices):
        cursor.execute(statement)


STEPS: Final[Sequence[Step]] = (create_tables,)
"""The step at place n takes the tables from version n to n + 1."""

_REFUSED: Final = (RejectedError, UnclearError)
"""What a database says of tables that aren't there: not every driver tells it from other errors."""

assert len(STEPS) == TABLES_VERSION  # noqa: S101 - holds whenever this module was imported


class Layout:
    """The tables of one database, and which version they have."""

    def __init__(self, dialect: Dialect, sql: Statements, steps: Sequence[Step] = STEPS) -> None:
        """Take the database, its statements and the steps that this release knows."""
        self._dialect = dialect
        self._sql = sql
        self._tables = sql.tables
        self._steps = steps

    def bring_up(self) -> None:
        """
        Create what is missing, or upgrade it; any number of processes may do it at once.

        Where everything is laid out, no right to create anything is needed.

        Raises:
            NewerFormatError: If a newer release has laid out the tables.
            RejectedError: If they can't be laid out, such as where another app's has one of their names.
        """
        version = self._read_version()
        while version < len(self._steps):
            version = self._step_on(version)
        if version > len(self._steps):
            msg = (
                f"{self._dialect.place}: the tables have layout {version} of a newer release, this"
                f" one knows {len(self._steps)}; upgrade sessionkit-sqlite or use another database"
            )
            raise NewerFormatError(msg)

    def restore(self) -> None:
        """
        Make tables anew that were dropped while they were in use; any number of processes may do it at once.

        Of a session that has lost its other half nothing stays: who has it open stores it again.

        Raises:
            NewerFormatError: If a newer release has laid out the tables meanwhile.
            RejectedError: If they can't be made.
        """
        if all(map(self._is_there, self._tables.data)):
            return  # another one has done it
        self.bring_up()  # nothing is made of tables of a newer release
        self._dialect.transact(partial(self._alone, self._remake))
        _LOGGER.warning(
            "%s: tables were dropped while they were in use, and are made anew;"
            " what this process has is stored again",
            self._dialect.place,
        )

    def _remake(self, cursor: Cursor) -> None:
        for step in self._steps:
            step(self._dialect, self._tables, cursor)
        for halves in _halves(self._tables):
            cursor.execute(self._dialect.sql(halves))

    def _is_there(self, table: sa.Table) -> bool:
        clause: sa.Select[Any] = (
            sa.select(sa.literal_column("1")).select_from(table).where(sa.text("1 = 0"))
        )
        nothing = self._dialect.sql(clause)

        def look(cursor: Cursor) -> None:
            cursor.execute(nothing)
            cursor.fetchall()

        return self._can(look)

    def _read_version(self) -> int:
        try:
            return self._dialect.autocommit(self._noted_version)
        except _REFUSED:
            # No such table, most likely; whatever else is wrong will show when it is created.
            return 0

    def _step_on(self, version: int) -> int:
        try:
            return self._dialect.transact(partial(self._alone, self._step))
        except _REFUSED as error:
            # Where nothing keeps two from laying out at once, the other one may have done it.
            found = self._read_version()
            if found > version:
                return found
            if self._is_taken():
                name = self._tables.session.name
                msg = (
                    f"{error}; the table {name} is not of sessionkit's making;"
                    " use another namespace or database"
                )
                raise RejectedError(msg) from error
            raise

    def _is_taken(self) -> bool:
        """Return whether a table of our name is there that has not our columns."""
        return self._is_there(self._tables.session) and not self._can(
            partial(current_head, self._sql, "")
        )

    def _can(self, work: Callable[[Cursor], object]) -> bool:
        try:
            self._dialect.autocommit(work)
        except _REFUSED:
            return False
        return True

    def _alone(self, work: Callable[[Cursor], T], cursor: Cursor) -> T:
        """Work on the tables while no other process does."""
        for statement in self._dialect.guard.lock:
            cursor.execute(statement)
            cursor.fetchall()
        try:
            return work(cursor)
        finally:
            for statement in self._dialect.guard.unlock:
                cursor.execute(statement)
                cursor.fetchall()

    def _step(self, cursor: Cursor) -> int:
        """Take the tables one version on; return the version."""
        for statement in self._dialect.ddl(cursor, self._tables.schema):
            cursor.execute(statement)
        cursor.execute(self._sql.keep_layout, {"id": 1, "version": 0})
        version = self._noted_version(cursor)
        if version >= len(self._steps):
            return version
        self._steps[version](self._dialect, self._tables, cursor)
        cursor.execute(self._sql.set_layout, {"version": version + 1})
        return version + 1

    def _noted_version(self, cursor: Cursor) -> int:
        cursor.execute(self._sql.layout)
        return max((int(version) for (version,) in cursor.fetchall()), default=0)


def _halves(tables: Tables) -> Sequence[sa.ClauseElement]:
    """Return what removes the rest of sessions where one of the two tables was dropped."""
    session, part = tables.data
    headless = sa.delete(part).where(part.c.session_id.not_in(sa.select(session.c.session_id)))
    partless = sa.delete(session).where(
        tables.living,
        session.c.part_name.is_(None),
        session.c.session_id.not_in(sa.select(part.c.session_id)),
    )
    return headless, partless
