# SPDX-License-Identifier: Apache-2.0
"""SQLite: a write-ahead log, BEGIN IMMEDIATE for writes, autocommit for the rest."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.pysqlite import dialect as pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from sessionkit.errors import (
    ConfigError,
    RejectedError,
    StorageError,
    UnavailableError,
    UnclearError,
)
from sessionkit_sqlite.dialect import (
    SETUP,
    Cursor,
    Guard,
    MissingTableError,
    upsert_on_conflict,
)
from sessionkit_sqlite.dialects.sqlite_saves import SqliteSaver
from sessionkit_sqlite.files import DatabaseFile
from sessionkit_sqlite.pool import Connections, Runner

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit_sqlite.dialect import Saver, Statements

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
        file: What is looked at before each call; None where the url says itself how to open it.
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
        # A URI filename says itself how it is to be opened.
        is_uri = self.place.startswith("file:")
        self.file = file = None if is_uri else DatabaseFile(Path(self.place))
        pragmas = Pragmas(
            f"busy_timeout={busy_timeout_ms}",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            file=file,
        )
        connections = Connections(
            engine,
            prepare=pragmas.set_on,
            restore=pragmas.restore,
            is_of_use=None if file is None else pragmas.is_of_use,
            kept=kept,
        )
        self._runner = Runner(connections, SqliteFaults(self.place))

    def autocommit(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* on a cursor on which each statement is a transaction of its own."""
        return self._run(lambda connection: work(connection.cursor()))

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* inside BEGIN IMMEDIATE and COMMIT."""
        return self._run(partial(_transact, work))

    def _run(self, work: Callable[[PoolProxiedConnection], T]) -> T:
        if self.file is not None:
            self.file.check()
        return self._runner.run(work)

    def saver(self, sql: Statements) -> Saver:
        """Return the function that stores sessions."""
        return SqliteSaver(self, sql).save

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
        return upsert_on_conflict(insert, table)

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete by subselect: SQLite's DELETE has no LIMIT as most systems build it."""
        (key,) = table.primary_key
        batch = sa.select(key).where(due).limit(sa.bindparam("limit"))
        return sa.delete(table).where(key.in_(batch.offset(sa.literal_column("0"))))

    def ddl(
        self,
        cursor: Cursor,  # noqa: ARG002 - the protocol's
        *tables: sa.Table,
        indices: Sequence[sa.Index] = (),
    ) -> Sequence[str]:
        """Return what creates those of the tables and indices that are missing."""
        made: list[sa.ClauseElement] = [CreateTable(table, if_not_exists=True) for table in tables]
        made += [CreateIndex(index, if_not_exists=True) for index in indices]
        return [self.sql(clause) for clause in made]


def _transact(work: Callable[[Cursor], T], connection: PoolProxiedConnection) -> T:
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


# -- what a connection is told before its first use ------------------------------------

_PREPARED: Final = "sessionkit"
_MODES: Final = ("autocommit", "isolation_level")
"""How the driver begins transactions: the attribute of Python 3.12 and newer, and the older one."""

_MODE: Final = "sessionkit mode"
_FILE: Final = "sessionkit file"


class Pragmas:
    """What each connection is told before its first use."""

    def __init__(self, *pragmas: str, file: DatabaseFile | None = None) -> None:
        """
        Take them in order.

        Args:
            pragmas: Such as ``foreign_keys=ON``.
            file: What connections have open.
        """
        self._pragmas = pragmas
        self._file = file

    def set_on(self, connection: PoolProxiedConnection) -> None:
        """Set them, once a connection, and let us begin our own transactions."""
        driver: Any = connection.dbapi_connection
        connection.info[_MODE] = {mode: getattr(driver, mode, None) for mode in _MODES}
        driver.isolation_level = None
        if connection.info[_MODE]["autocommit"] is False:
            driver.autocommit = True
        if connection.info.get(_PREPARED) == self._pragmas:
            return
        cursor = connection.cursor()
        for pragma in self._pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        _use_write_ahead_log(cursor)
        connection.info[_PREPARED] = self._pragmas
        if self._file is not None:
            connection.info[_FILE] = self._file.note()

    def is_of_use(self, connection: PoolProxiedConnection) -> bool:
        """Return whether a connection has the file open that is there now, or none yet."""
        known = None if self._file is None else self._file.identity
        return known is None or connection.info.get(_FILE, known) == known

    def restore(self, connection: PoolProxiedConnection) -> None:
        """Let the driver begin transactions again as the app's engine wants it."""
        driver: Any = connection.dbapi_connection
        for mode, before in connection.info[_MODE].items():
            if before != getattr(driver, mode, None):
                setattr(driver, mode, before)


def _use_write_ahead_log(cursor: DBAPICursor) -> None:
    if _journal_mode(cursor) == "wal":
        return
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if not _is_busy(error):
            raise
        # SQLite doesn't wait here. Whoever holds the file is switching it, too.
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("ROLLBACK")
        cursor.execute("PRAGMA journal_mode=WAL")


def _journal_mode(cursor: DBAPICursor) -> Any:  # noqa: ANN401 - a driver's value
    cursor.execute("PRAGMA journal_mode")
    (mode,) = cursor.fetchone() or (None,)
    return mode


def _is_busy(error: sqlite3.Error) -> bool:
    """Return whether someone else holds the database."""
    return error.sqlite_errorname.startswith("SQLITE_BUSY")


# -- what errors mean ------------------------------------------------------------------

_LOCKED: Final = "another connection kept it locked for longer than busy_timeout_ms"
_CANT_OPEN: Final = "SQLITE_CANTOPEN"
_DAMAGE: Final = "the file is damaged; restore a copy, or move it away"
_PASSING: Final = "its folder may be away, or this process may have too many files open"
_RIGHTS: Final = "this user needs the right to write to the file and to its folder"

# By the beginning of SQLite's own names: SQLITE_BUSY_SNAPSHOT is busy, too.
_KINDS: Final[dict[str, tuple[type[StorageError], str]]] = {
    "SQLITE_BUSY": (UnavailableError, _LOCKED),
    "SQLITE_LOCKED": (UnavailableError, _LOCKED),
    "SQLITE_FULL": (UnavailableError, "free some disk space; what was saved before is intact"),
    "SQLITE_IOERR": (UnavailableError, "look at its disk; what was saved before is intact"),
    "SQLITE_NOMEM": (UnavailableError, "this process or machine is out of memory"),
    "SQLITE_PROTOCOL": (UnavailableError, "too many processes open it at once"),
    "SQLITE_INTERRUPT": (UnavailableError, "the call was interrupted"),
    "SQLITE_SCHEMA": (UnavailableError, "its tables were being changed"),
    "SQLITE_CONSTRAINT": (RejectedError, ""),
    "SQLITE_MISMATCH": (RejectedError, ""),
    "SQLITE_RANGE": (RejectedError, ""),
    "SQLITE_READONLY": (UnclearError, _RIGHTS),
    "SQLITE_AUTH": (UnclearError, _RIGHTS),
    "SQLITE_PERM": (UnclearError, _RIGHTS),
    _CANT_OPEN: (
        RejectedError,
        "it must be a file that this user may read and write, in a folder that exists",
    ),
    "SQLITE_TOOBIG": (RejectedError, "SQLite takes about 1 GB a value; keep large data elsewhere"),
    "SQLITE_CORRUPT": (RejectedError, _DAMAGE),
    "SQLITE_NOTADB": (RejectedError, "the file is something else; name another one in the url"),
}

# SQLite's name for it, SQLITE_ERROR, is that of many others, too.
_NO_TABLE: Final = "no such table"


class SqliteFaults:
    """
    What SQLite's errors mean for one file.

    Attributes:
        errors: What Python's driver raises.
    """

    errors: tuple[type[Exception], ...] = (
        sqlite3.Error,
        sqlalchemy.exc.TimeoutError,
        # The driver raises these for values that it can't hand to SQLite.
        OverflowError,
        UnicodeEncodeError,
        # and this where SQLite shows what it can't use of a damaged schema, in bytes that are no text.
        UnicodeDecodeError,
    )

    def __init__(self, place: str) -> None:
        """Take what messages call the file."""
        self._place = place

    def is_lost(self, error: Exception) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: nothing lies between us and a file."""
        return False

    def is_passing(self, error: Exception) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: SQLite itself has waited as long as it was told to."""
        return False

    def explain(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""
        if isinstance(error, sqlalchemy.exc.TimeoutError):
            return UnavailableError(f"{self._place}: all connections are in use: {error}")
        if isinstance(error, OverflowError | UnicodeEncodeError):
            return RejectedError(f"{self._place}: can't be stored: {error}")
        if isinstance(error, UnicodeDecodeError):
            return RejectedError(f"{self._place}: its tables can't be read; {_DAMAGE}")
        name = getattr(error, "sqlite_errorname", "")
        kind, advice = _kind(name, str(error))
        if name.startswith(_CANT_OPEN) and not _is_unfit(Path(self._place)):
            kind, advice = UnavailableError, _PASSING
        return kind(f"{self._place}: {error}{advice and '; '}{advice}")


def _kind(name: str, words: str) -> tuple[type[StorageError], str]:
    for beginning, kind in _KINDS.items():
        if name.startswith(beginning):
            return kind
    return (MissingTableError, SETUP) if words.startswith(_NO_TABLE) else (UnclearError, "")


def _is_unfit(file: Path) -> bool:
    """Return whether no try can open what is there: it is no file, or this user may not."""
    if file.parent.exists() and not os.access(file.parent, os.W_OK | os.X_OK):
        return True
    return file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK))
