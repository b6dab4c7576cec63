# SPDX-License-Identifier: Apache-2.0
"""Creates the tables and brings those of an older release up, a step a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from sessionkit.errors import NewerFormatError, RejectedError, UnclearError
from sessionkit_sqlite.rows import current_head
from sessionkit_sqlite.schema import INDICES, SCHEMA, SESSION, TABLES, TABLES_VERSION

if TYPE_CHECKING:
    from sessionkit_sqlite.dialect import Cursor, Dialect, Statements

Step: TypeAlias = "Callable[[Dialect, Cursor], None]"
"""Takes the tables one version on; running it again after a crash is fine."""


def create_tables(dialect: Dialect, cursor: Cursor) -> None:
    """Lay out version 1."""
    for statement in dialect.ddl(cursor, *TABLES, indices=INDICES):
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

    def _read_version(self) -> int:
        try:
            return self._dialect.autocommit(self._noted_version)
        except _REFUSED:
            # No such table, most likely; whatever else is wrong will show when it is created.
            return 0

    def _step_on(self, version: int) -> int:
        try:
            return self._dialect.transact(self._step_alone)
        except _REFUSED as error:
            # Where nothing keeps two from laying out at once, the other one may have done it.
            found = self._read_version()
            if found > version:
                return found
            if self._is_taken():
                msg = f"{error}; the table {SESSION.name} is not of sessionkit's making; use another database"
                raise RejectedError(msg) from error
            raise

    def _is_taken(self) -> bool:
        """Return whether a table of our name is there that has not our columns."""

        def is_there(cursor: Cursor) -> None:
            cursor.execute(f"SELECT 1 FROM {SESSION.name} WHERE 1 = 0")  # noqa: S608 - our own name
            cursor.fetchall()

        return self._can(is_there) and not self._can(partial(current_head, self._sql, ""))

    def _can(self, work: Callable[[Cursor], object]) -> bool:
        try:
            self._dialect.autocommit(work)
        except _REFUSED:
            return False
        return True

    def _step_alone(self, cursor: Cursor) -> int:
        """Take the tables one version on while no other process does; return the version."""
        for statement in self._dialect.guard.lock:
            cursor.execute(statement)
            cursor.fetchall()
        try:
            return self._step(cursor)
        finally:
            for statement in self._dialect.guard.unlock:
                cursor.execute(statement)
                cursor.fetchall()

    def _step(self, cursor: Cursor) -> int:
        for statement in self._dialect.ddl(cursor, SCHEMA):
            cursor.execute(statement)
        cursor.execute(self._sql.keep_layout, {"id": 1, "version": 0})
        version = self._noted_version(cursor)
        if version >= len(self._steps):
            return version
        self._steps[version](self._dialect, cursor)
        cursor.execute(self._sql.set_layout, {"version": version + 1})
        return version + 1

    def _noted_version(self, cursor: Cursor) -> int:
        cursor.execute(self._sql.layout)
        return max((int(version) for (version,) in cursor.fetchall()), default=0)
