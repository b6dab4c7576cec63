# SPDX-License-Identifier: Apache-2.0
"""
Sessions in SQL: one row a head, one row a part, compare-and-set inside the write.

A storage asks the engine's dialect for whatever differs by database; only that one dialect is
imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sessionkit.errors import (
    ConfigError,
    NewerFormatError,
    RejectedError,
    UnavailableError,
    UnclearError,
)
from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession
from sessionkit_sqlite.dialect import MissingTableError
from sessionkit_sqlite.engines import check_url, open_engine, open_file
from sessionkit_sqlite.files import DatabaseFile
from sessionkit_sqlite.layout import Layout
from sessionkit_sqlite.rows import (
    current_head,
    cursor_after,
    has_place,
    head_of,
    page_after,
    parts_of,
    refusal_of,
)
from sessionkit_sqlite.schema import Tables
from sessionkit_sqlite.statements import compile_statements

if TYPE_CHECKING:
    import sqlalchemy as sa

    from sessionkit.errors import StorageError
    from sessionkit_sqlite.dialect import Cursor, Dialect, Saver, Sql

T = TypeVar("T")

KEPT: Final = 4
"""Idle connections that stay out of the pool: enough for a writer and a few readers."""

_WIDER: Final = 4
"""By how much more rows are read where a whole page has nothing that can be listed."""


class SqlStorage:
    """
    A storage in any database that SQLAlchemy speaks to.

    ::

        storage = SqlStorage.open("postgresql+psycopg://me@db.example/app")
        storage.setup()
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        namespace: str = "",
        _dialect: Dialect | None = None,
        _owned: bool = False,
    ) -> None:
        """
        Use an engine of the app, which stays the app's to dispose.

        Args:
            engine: A synchronous engine. Its connections come back as they were,
                but for SQLite's PRAGMAs.
            namespace: What tells this app's tables from another app's in the same database:
                lower-case letters, digits and underscores.

        Raises:
            ConfigError: If the engine or *namespace* can't be used.
        """
        tables = Tables(namespace, engine.dialect.name)
        self._engine = engine
        self._owned = _owned
        self._dialect = _dialect or _dialect_for(engine, kept=KEPT if _owned else 0)
        self._sql = compile_statements(self._dialect, tables)
        self._saver = self._dialect.saver(self._sql)
        self._layout: Layout | None = None
        file = getattr(self._dialect, "file", None)  # SQLite's alone has one
        if isinstance(file, DatabaseFile):
            file.lay_out = self.setup

    @classmethod
    def open(
        cls, url: str, *, namespace: str = "", timeout_ms: int = 5000, pool_size: int = 5
    ) -> SqlStorage:
        """
        Open the database that *url* names.

        Args:
            url: An address as SQLAlchemy takes it.
            namespace: As for the class.
            timeout_ms: How long to wait for a connection, an answer or another
                writer, in milliseconds.
            pool_size: How many connections stay open; ten more may be opened for a while.

        Raises:
            ConfigError: If *url* or a keyword can't be used.
            RejectedError: If it is a file that can't be made.
        """
        engine = open_engine(url, timeout_ms=timeout_ms, pool_size=pool_size)
        return cls(engine, namespace=namespace, _owned=True)

    def setup(self) -> None:
        """
        Create or upgrade the tables; any number of processes may do it at once.

        Where they are laid out already, no right to create anything is needed. Tables that are dropped
        after that are made anew by the next call, which finds nothing in them.

        Raises:
            NewerFormatError: If a newer release has laid out the tables.
        """
        layout = Layout(self._dialect, self._sql)
        layout.bring_up()
        self._layout = layout

    def read(self, session_id: str) -> StoredSession | None:
        """Return a session, by one statement and so as one snapshot, or None."""
        rows = self._rows(self._sql.read, {"session_id": session_id})
        if not rows:
            return None
        return StoredSession(head=head_of(rows[0]), parts=parts_of(rows))

    def read_head(self, session_id: str) -> SessionHead | None:
        """Return a session's head, by its key and without its parts, or None."""
        return self._autocommit(partial(current_head, self._sql, session_id))

    def write(self, write: SessionWrite) -> None:
        """
        Store a save in one transaction.

        Raises:
            ConflictError: If something else than ``write.expected`` is stored.
        """
        refused: StorageError | None = refusal_of(write)
        if refused is None:
            (refused,) = self._save([write])
        if refused is not None:
            raise refused

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Store many saves in one transaction and return an outcome for each."""
        return _store_batch(self._save, writes)

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Move activity and expiry on; return whether there is such a session."""
        values = {"session_id": session_id, "activity": last_activity, "expiry": expires_at}
        return self._autocommit(partial(self._touched, values))

    def delete(self, session_id: str) -> bool:
        """Remove a session and its parts; return whether there was one."""
        return self._changed(self._sql.delete, {"session_id": session_id}) == 1

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List an owner's sessions, latest first, or all of them by id."""
        sql, values = page_after(self._sql, user_id, cursor)
        asked = limit
        while True:
            # One more than asked for tells whether another page follows.
            rows = self._rows(sql, {**values, "limit": asked + 1})
            listed = [head_of(row) for row in rows if has_place(row)]
            heads = listed[:limit]
            if len(rows) <= asked and len(listed) <= limit:
                return SessionPage(heads=heads)
            if heads:
                return SessionPage(heads=heads, cursor=cursor_after(heads[-1]))
            asked *= _WIDER  # all of them are damaged: the page begins after those

    def count(self, *, active_since: int) -> int:
        """Return how many sessions were active then or later."""
        ((number,),) = self._rows(self._sql.count, {"active_since": active_since})
        return int(number)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Remove one batch of expired and idle sessions; return how many."""
        values = {"expired_before": expired_before, "limit": limit}
        if idle_before is None:
            removed = self._changed(self._sql.purge, values)
        else:
            removed = self._changed(self._sql.purge_idle, {**values, "idle_before": idle_before})
        if removed == limit:  # another batch will follow
            self._dialect.rest()
        return removed

    def close(self) -> None:
        """Close all connections if :meth:`open` made the engine, else leave them to the app."""
        self._dialect.close()
        if self._owned:
            self._engine.dispose()

    def _autocommit(self, work: Callable[[Cursor], T]) -> T:
        """Do as :meth:`Dialect.autocommit`; where tables were dropped, once more on new ones."""
        try:
            return self._dialect.autocommit(work)
        except MissingTableError as error:
            self._restore_tables(error)
        return self._dialect.autocommit(work)

    def _save(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        try:
            return self._saver(writes)
        except MissingTableError as error:
            self._restore_tables(error)
        return self._saver(writes)

    def _restore_tables(self, error: MissingTableError) -> None:
        """
        Make tables anew that were there before.

        Raises:
            MissingTableError: *error*, if nobody has set the storage up.
            UnavailableError: If they can't be made: somebody else has to, and nothing is given up before.
        """
        if self._layout is None:
            raise error
        try:
            self._layout.restore()
        except NewerFormatError:
            raise
        except (RejectedError, UnclearError) as reason:
            msg = f"tables were dropped while they were in use, and can't be made anew: {reason}"
            raise UnavailableError(msg) from reason

    def _touched(self, values: Mapping[str, Any], cursor: Cursor) -> bool:
        cursor.execute(self._sql.touch, values)
        if cursor.rowcount == 1:
            return True
        current = current_head(self._sql, values["session_id"], cursor)
        return current is not None and not current.ended

    def _rows(self, sql: Sql, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        def fetched(cursor: Cursor) -> Sequence[Sequence[Any]]:
            cursor.execute(sql, values)
            return cursor.fetchall()

        return self._autocommit(fetched)

    def _changed(self, sql: Sql, values: Mapping[str, Any]) -> int:
        def changed(cursor: Cursor) -> int:
            cursor.execute(sql, values)
            return cursor.rowcount

        return self._autocommit(changed)


class SqliteStorage(SqlStorage):
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
        namespace: str = "",
        synchronous: str = "normal",
        busy_timeout_ms: int = 5000,
        _owned: bool = False,
    ) -> None:
        """
        Use an engine of the app, which stays the app's to dispose.

        Args:
            engine: For a file, by Python's own driver. The connections that the
                storage uses get its PRAGMAs.
            namespace: As for :class:`SqlStorage`.
            synchronous: ``"normal"`` or ``"full"``.
            busy_timeout_ms: How long to wait for another writer, in milliseconds.

        Raises:
            ConfigError: If the engine or a keyword can't be used.
        """
        from sessionkit_sqlite.dialects.sqlite import (  # noqa: PLC0415 - each storage its own
            SqliteDialect,
        )

        check_url(engine.url)
        dialect = SqliteDialect(
            engine,
            synchronous=synchronous,
            busy_timeout_ms=busy_timeout_ms,
            kept=KEPT if _owned else 0,
        )
        super().__init__(engine, namespace=namespace, _dialect=dialect, _owned=_owned)

    @classmethod
    def open(  # type: ignore[override]  # a file has other keywords than a server
        cls,
        url: str,
        *,
        namespace: str = "",
        synchronous: str = "normal",
        busy_timeout_ms: int = 5000,
    ) -> SqliteStorage:
        """
        Open the file that *url* names, and make it, private, if there is none.

        Args:
            url: Such as ``sqlite:///folder/sessions.db``.
            namespace: As for :class:`SqlStorage`.
            synchronous: ``"normal"`` or ``"full"``.
            busy_timeout_ms: How long to wait for another writer, in milliseconds.

        Raises:
            ConfigError: If *url* or a keyword can't be used.
            RejectedError: If the file can't be made.
        """
        return cls(
            open_file(url),
            namespace=namespace,
            synchronous=synchronous,
            busy_timeout_ms=busy_timeout_ms,
            _owned=True,
        )


def _dialect_for(engine: sa.Engine, *, kept: int) -> Dialect:
    """
    Return the dialect for *engine*: by its driver, or the one that serves any.

    Args:
        engine: A synchronous engine.
        kept: How many idle connections don't go back to the engine's pool.

    Raises:
        ConfigError: If the engine can't be used.
    """
    if engine.dialect.is_async:
        msg = f"[storages.sql] {engine.url.drivername} is asynchronous; use a synchronous driver"
        raise ConfigError(msg)
    name, driver = engine.dialect.name, engine.dialect.driver
    if name == "sqlite":
        from sessionkit_sqlite.dialects.sqlite import (  # noqa: PLC0415 - the one that is used
            SqliteDialect,
        )

        check_url(engine.url)
        return SqliteDialect(engine, kept=kept)
    if (name, driver) == ("postgresql", "psycopg"):
        from sessionkit_sqlite.dialects.postgresql import (  # noqa: PLC0415 - loads its driver
            PostgresqlDialect,
        )

        return PostgresqlDialect(engine, kept=kept)
    if name in {"mysql", "mariadb"} and driver in {"pymysql", "mysqldb"}:
        from sessionkit_sqlite.dialects.mysql import MysqlDialect  # noqa: PLC0415 - the same

        return MysqlDialect(engine, kept=kept)
    from sessionkit_sqlite.dialects.generic import GenericDialect  # noqa: PLC0415 - rarely needed

    return GenericDialect(engine)


def _store_batch(save: Saver, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
    """
    Store *writes*; one that fails fails no other.

    Args:
        save: Stores in one transaction.
        writes: Of different sessions.

    Returns:
        An outcome for each, in their order.
    """
    outcomes: list[StorageError | None] = [refusal_of(write) for write in writes]
    taken = [place for place, refused in enumerate(outcomes) if refused is None]
    # One order of locks for all writers: no deadlocks where rows are locked.
    order = sorted(taken, key=lambda place: writes[place].head.session_id)
    stored = _store_all(save, [writes[place] for place in order])
    for place, outcome in zip(order, stored, strict=True):
        outcomes[place] = outcome
    return outcomes


def _store_all(save: Saver, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
    try:
        return save(writes) if writes else ()
    except (RejectedError, UnclearError) as error:
        if len(writes) == 1:
            return [error]
    except UnavailableError as error:
        return [error] * len(writes)
    # All was rolled back; find out which one it was.
    return [_store_all(save, [write])[0] for write in writes]
