# SPDX-License-Identifier: Apache-2.0
"""Sessions in SQL: one row a head, one row a part, compare-and-set by a guarded UPDATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sessionkit.errors import (
    ConflictError,
    NewerFormatError,
    RejectedError,
    StorageError,
    UnavailableError,
)
from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession
from sessionkit_sqlite.dialects.sqlite import SqliteDialect
from sessionkit_sqlite.dialects.sqlite_engine import check_url, open_engine
from sessionkit_sqlite.rows import cursor_after, head_of, place_of, values_of
from sessionkit_sqlite.schema import TABLES_VERSION
from sessionkit_sqlite.statements import compiled_for

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import DBAPICursor

    from sessionkit_sqlite.dialects import Dialect

_KEPT: Final = 4
"""Idle connections that stay out of the pool: enough for a writer and a few readers."""


class SqliteStorage:
    """
    A storage in one SQLite file, for any number of threads and processes of one machine.

    ::

        storage = SqliteStorage.open("sqlite:///sessions.db")
        storage.setup()
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        synchronous: str = "normal",
        busy_timeout_ms: int = 5000,
        _owned: bool = False,
    ) -> None:
        """
        Use an engine of the app, which stays the app's to dispose.

        Args:
            engine: For a file, by Python's own driver. The connections that the
                storage uses get its PRAGMAs.
            synchronous: ``"normal"`` or ``"full"``.
            busy_timeout_ms: How long to wait for another writer, in milliseconds.

        Raises:
            ConfigError: If the engine or a keyword can't be used.
        """
        check_url(engine.url)
        self._engine = engine
        self._owned = _owned
        self._dialect: Dialect = SqliteDialect(
            engine,
            synchronous=synchronous,
            busy_timeout_ms=busy_timeout_ms,
            kept=_KEPT if _owned else 0,
        )
        self._sql = compiled_for(self._dialect)

    @classmethod
    def open(
        cls, url: str, *, synchronous: str = "normal", busy_timeout_ms: int = 5000
    ) -> SqliteStorage:
        """
        Open the file that *url* names, and make it, private, if there is none.

        Args:
            url: Such as ``sqlite:///folder/sessions.db``.
            synchronous: ``"normal"`` or ``"full"``.
            busy_timeout_ms: How long to wait for another writer, in milliseconds.

        Raises:
            ConfigError: If *url* or a keyword can't be used.
            RejectedError: If the file can't be made.
        """
        return cls(
            open_engine(url),
            synchronous=synchronous,
            busy_timeout_ms=busy_timeout_ms,
            _owned=True,
        )

    def setup(self) -> None:
        """
        Create the tables and indices that are missing; any number of processes may do it at once.

        Raises:
            NewerFormatError: If a newer release has laid out the tables.
        """
        with self._dialect.writing() as cursor:
            cursor.execute(self._sql.keep_layout)
            cursor.execute(self._sql.set_layout, {"id": 1, "version": TABLES_VERSION})
            self._refuse_newer(_rows(cursor, self._sql.layout))
            for statement in self._sql.tables:
                cursor.execute(statement)

    def read(self, session_id: str) -> StoredSession | None:
        """Return a session, by one statement and so as one snapshot, or None."""
        with self._dialect.reading() as cursor:
            rows = _rows(cursor, self._sql.read, {"session_id": session_id})
        if not rows:
            return None
        parts = {row[-2]: row[-1] for row in rows if row[-2] is not None}
        return StoredSession(head=head_of(rows[0]), parts=parts)

    def write(self, write: SessionWrite) -> None:
        """
        Store a save in one transaction.

        Raises:
            ConflictError: If something else than ``write.expected`` is stored.
        """
        with self._dialect.writing() as cursor:
            conflict = self._store(cursor, write)
        if conflict is not None:
            raise conflict

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Store many saves in one transaction and return an outcome for each."""
        try:
            return self._store_all(writes)
        except UnavailableError as error:
            return [error] * len(writes)
        except RejectedError:
            # All was rolled back; find out which one it was.
            return [self._outcome(write) for write in writes]

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Move activity and expiry on; return whether there is such a session."""
        values = {"session_id": session_id, "activity": last_activity, "expiry": expires_at}
        with self._dialect.writing() as cursor:
            cursor.execute(self._sql.touch, values)
            if cursor.rowcount == 1:
                return True
            current = self._current(cursor, session_id)
        return current is not None and not current.ended

    def delete(self, session_id: str) -> bool:
        """Remove a session and its parts; return whether there was one."""
        with self._dialect.writing() as cursor:
            cursor.execute(self._sql.delete, {"session_id": session_id})
            return cursor.rowcount == 1

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List an owner's sessions, latest first, or all of them by id."""
        sql, values = self._listing(user_id, cursor)
        with self._dialect.reading() as reader:
            # One more than asked for tells whether another page follows.
            rows = _rows(reader, sql, {**values, "limit": limit + 1})
        heads = [head_of(row) for row in rows[:limit]]
        if not heads or len(rows) == len(heads):
            return SessionPage(heads=heads)
        return SessionPage(heads=heads, cursor=cursor_after(heads[-1]))

    def count(self, *, active_since: int) -> int:
        """Return how many sessions were active then or later."""
        with self._dialect.reading() as cursor:
            ((number,),) = _rows(cursor, self._sql.count, {"active_since": active_since})
        return int(number)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Remove one batch of expired and idle sessions; return how many."""
        values = {"expired_before": expired_before, "idle_before": idle_before, "limit": limit}
        sql = self._sql.purge if idle_before is None else self._sql.purge_idle
        with self._dialect.writing() as cursor:
            cursor.execute(sql, values)
            return cursor.rowcount

    def close(self) -> None:
        """Close all connections if :meth:`open` made the engine, else leave them to the app."""
        self._dialect.close()
        if self._owned:
            self._engine.dispose()

    def _refuse_newer(self, rows: Sequence[Sequence[Any]]) -> None:
        newest = max(version for (version,) in rows)
        if newest > TABLES_VERSION:
            msg = (
                f"{self._dialect.place}: the tables have layout {newest} of a newer release,"
                f" this one knows {TABLES_VERSION}; upgrade sessionkit-sqlite or use another file"
            )
            raise NewerFormatError(msg)

    def _store_all(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        outcomes: list[StorageError | None] = [None] * len(writes)
        # One order of locks for all writers: no deadlocks where rows are locked.
        order = sorted(range(len(writes)), key=lambda place: writes[place].head.session_id)
        with self._dialect.writing() as cursor:
            for place in order:
                outcomes[place] = self._store(cursor, writes[place])
        return outcomes

    def _outcome(self, write: SessionWrite) -> StorageError | None:
        try:
            self.write(write)
        except StorageError as error:
            return error
        return None

    def _store(self, cursor: DBAPICursor, write: SessionWrite) -> ConflictError | None:
        """Write head and parts inside the transaction, or return what stands against it."""
        session_id = write.head.session_id
        sql = self._sql.create if write.expected is None else self._sql.update
        cursor.execute(sql, values_of(write.head, write.expected))
        if cursor.rowcount != 1:
            current = self._current(cursor, session_id)
            ours = current is not None and current.save_id == write.head.save_id
            return None if ours else ConflictError(session_id, current)
        for name, data in write.put.items():
            cursor.execute(self._sql.put, {"session_id": session_id, "name": name, "data": data})
        for name in write.remove:
            cursor.execute(self._sql.remove, {"session_id": session_id, "name": name})
        return None

    def _current(self, cursor: DBAPICursor, session_id: str) -> SessionHead | None:
        rows = _rows(cursor, self._sql.head, {"session_id": session_id})
        return head_of(rows[0]) if rows else None

    def _listing(self, user_id: str | None, cursor: str | None) -> tuple[str, dict[str, Any]]:
        values: dict[str, Any] = {"user_id": user_id}
        if cursor is None:
            return self._sql.find if user_id is None else self._sql.find_of, values
        values["last_rank"], values["last_id"] = place_of(cursor)
        return self._sql.find_after if user_id is None else self._sql.find_of_after, values


def _rows(
    cursor: DBAPICursor, sql: str, values: Mapping[str, Any] | None = None
) -> Sequence[Sequence[Any]]:
    cursor.execute(sql, values or {})
    return cursor.fetchall()
