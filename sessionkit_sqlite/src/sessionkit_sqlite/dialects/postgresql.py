# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL by psycopg 3: autocommit, row locks in one order, and no wait without an end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
import sqlalchemy.exc
from psycopg.waiting import Ready, Wait
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from sessionkit.errors import RejectedError, StorageError, UnavailableError, UnclearError
from sessionkit_sqlite.dialect import SETUP, Cursor, Guard, MissingTableError, upsert_on_conflict
from sessionkit_sqlite.dialects.postgresql_saves import PostgresqlSaver
from sessionkit_sqlite.listeners import SeenConnection
from sessionkit_sqlite.pool import Connections, Runner

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit_sqlite.dialect import Saver, Statements

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
        return self._runner.run(partial(_transact, work))

    def saver(self, sql: Statements) -> Saver:
        """Return the function that stores sessions, all by one statement."""
        saver = PostgresqlSaver(sql)
        return lambda writes: self.autocommit(partial(saver.save, writes))

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
        return upsert_on_conflict(insert, table)

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete that passes by rows which someone is writing."""
        (key,) = table.primary_key
        batch = sa.select(key).where(due).limit(sa.bindparam("limit", type_=sa.BigInteger))
        # As a common table expression the batch is chosen once, whatever the plan.
        chosen = batch.with_for_update(skip_locked=True).cte("due")
        return sa.delete(table).where(key.in_(sa.select(chosen.c[key.name])))

    def ddl(
        self,
        cursor: Cursor,  # noqa: ARG002 - the protocol's
        *tables: sa.Table,
        indices: Sequence[sa.Index] = (),
    ) -> Sequence[str]:
        """Return what creates those of the tables and indices that are missing."""
        made = [self.sql(CreateTable(table, if_not_exists=True)) for table in tables]
        made += [self.sql(CreateIndex(index, if_not_exists=True)) for index in indices]
        return made + [
            _store_uncompressed(column)
            for table in tables
            for column in table.c
            if _is_large(column)
        ]


def _is_large(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.LargeBinary)


def _store_uncompressed(column: sa.Column[Any]) -> str:
    """Return what keeps PostgreSQL from compressing: at 1 MB that takes 4/5 of a save's time."""
    return f"ALTER TABLE {column.table.name} ALTER COLUMN {column.name} SET STORAGE EXTERNAL"


def _set_autocommit(connection: PoolProxiedConnection, *, on: bool) -> None:
    driver: Any = connection.dbapi_connection
    driver.autocommit = on


def _cursor(connection: PoolProxiedConnection) -> Cursor:
    """Return the connection's one cursor: each new one finds out anew how to convert values."""
    notes = connection.info
    if isinstance(connection, SeenConnection):
        return connection.cursor()
    if _CURSOR not in notes:
        _prepare_nothing_if_pooled(connection)  # here, where a connection that was lost is replaced
        # In binary, a part comes as it is and not as twice as many hexadecimal digits.
        notes[_CURSOR] = connection.cursor(binary=True)
    cursor: Cursor = notes[_CURSOR]
    return cursor


def _transact(work: Callable[[Cursor], T], connection: PoolProxiedConnection) -> T:
    driver: Any = connection.dbapi_connection
    with driver.transaction():
        return work(_cursor(connection))


def _prepare_nothing_if_pooled(connection: PoolProxiedConnection) -> None:
    """
    Keep psycopg from preparing statements where a pooler such as PgBouncer is on the way.

    A pooler that lends its connections for one transaction at a time (its "transaction
    mode", what hosted databases offer for many clients) runs the next statement on
    another connection. A statement that psycopg has prepared by name may be missing
    there, or be another client's of the same name: so nothing is prepared.

    A pooler is found by the number of the server's process, which the server tells when a client
    connects, so that a statement can be cancelled. A pooler tells a number of its own.
    """
    driver: Any = connection.dbapi_connection
    if driver.prepare_threshold is not None:
        ((process,),) = driver.execute("SELECT pg_backend_pid()").fetchall()
        if process != driver.info.backend_pid:
            driver.prepare_threshold = None


# -- connections that give up ----------------------------------------------------------

_POOLER: Final = "unsupported startup parameter"
"""What PgBouncer and its like say to ``options``: their connections are shared, and have no settings of one client."""


def connect_bounded(arguments: Any, keywords: dict[str, Any], options: str, patience: float) -> Any:  # noqa: ANN401 - a driver's
    """
    Return a new connection.

    Args:
        arguments: Psycopg's own.
        keywords: Psycopg's own; their ``options`` come after ours.
        options: For the server, as libpq takes them; left out where a pooler on the way takes none.
        patience: How long one call may take, in seconds.
    """
    both = f"{options} {keywords.get('options', '')}".strip()
    try:
        connection = BoundedConnection.connect(*arguments, **{**keywords, "options": both})
    except psycopg.OperationalError as error:
        if _POOLER not in str(error):
            raise
        connection = BoundedConnection.connect(*arguments, **keywords)
    connection.patience = patience
    return connection


class BoundedConnection(psycopg.Connection[Any]):
    """
    A connection that gives up after a while.

    The server's own ``statement_timeout`` comes first; this is for a server, or
    something on the way to it, that stands still.

    Attributes:
        patience: How long one call may take, in seconds.
    """

    patience: float = 10.0

    def wait(self, gen: PQGen[T], *arguments: Any, **keywords: Any) -> T:  # noqa: ANN401 - psycopg's
        """
        Run what psycopg has to wait for.

        Raises:
            NoAnswerError: If it takes too long; the connection is closed then.
        """
        try:
            return super().wait(_bound(gen, self.patience), *arguments, **keywords)
        except NoAnswerError:
            self.close()
            raise


class NoAnswerError(psycopg.OperationalError):
    """Raised when the server keeps the connection and says nothing."""


def _bound(gen: PQGen[T], patience: float) -> Generator[Wait, Ready | int, T]:
    """Pass on what *gen* and psycopg say to each other; psycopg speaks at every interval."""
    deadline = monotonic() + patience
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready == Ready.NONE and monotonic() > deadline:
                msg = f"no answer within {patience:g} s"
                raise NoAnswerError(msg)
            wanted = gen.send(ready)
    except StopIteration as end:
        value: T = end.value
        return value


# -- what errors mean ------------------------------------------------------------------

_RIGHTS: Final = "this user needs SELECT, INSERT, UPDATE and DELETE on the tables sessionkit_*"
_SLOW: Final = "it took longer than timeout_ms"

# By the beginning of a SQLSTATE (appendix A of PostgreSQL's manual); the longest that fits counts.
_STATES: Final[dict[str, tuple[type[StorageError], str]]] = {
    "08": (UnavailableError, "the connection was lost"),
    "22": (RejectedError, ""),
    "23": (RejectedError, ""),
    "25P03": (UnavailableError, "the server ended a transaction that stood still"),
    "25P04": (UnavailableError, "the server ended a transaction that took too long"),
    "25006": (UnavailableError, "it only reads: a standby, or a primary that was demoted"),
    "28": (UnclearError, "look at user and password in the url"),
    "3D": (RejectedError, "there is no such database; create it, or name another one in the url"),
    "3F": (RejectedError, "there is no such schema"),
    "40": (UnavailableError, "it met another transaction"),
    "42501": (UnclearError, _RIGHTS),
    "42P01": (MissingTableError, SETUP),
    "42": (RejectedError, ""),
    "53": (UnavailableError, "the server is out of memory, disk space or connections"),
    "54": (RejectedError, "a value is larger than PostgreSQL takes"),
    "55P03": (UnavailableError, _SLOW),
    "57014": (UnavailableError, _SLOW),
    "57": (UnavailableError, "the server ended the connection"),
    "58": (UnavailableError, "look at the server's disk"),
    "XX": (UnavailableError, "look at the server's log"),
}

# libpq keeps the SQLSTATE of a refused connection to itself.
_REFUSALS: Final[dict[str, tuple[type[StorageError], str]]] = {
    "password authentication failed": (UnclearError, "look at user and password in the url"),
    "no password supplied": (UnclearError, "the url needs a password"),
    "no pg_hba.conf entry": (UnclearError, "the server lets nobody in from here as this user"),
    " does not exist": (
        RejectedError,
        "create that database or role, or name another one in the url",
    ),
}
_LOST: Final = ("08", "25P03", "25P04", "57P")
_PASSING: Final = ("40001", "40P01", *_LOST)


# What the driver raises by itself for values that it can't send.
_MALFORMED: Final = (psycopg.DataError, UnicodeEncodeError, OverflowError)


class PostgresqlFaults:
    """
    What psycopg's errors mean for one database.

    Attributes:
        errors: What psycopg and the pool raise.
    """

    errors: tuple[type[Exception], ...] = (
        psycopg.Error,
        sqlalchemy.exc.TimeoutError,
        sqlalchemy.exc.DBAPIError,
        # The driver raises these for text that no UTF-8 is, or has NUL in it.
        UnicodeEncodeError,
        OverflowError,
    )

    def __init__(self, place: str) -> None:
        """Take what messages call the database."""
        self._place = place

    def is_lost(self, error: Exception) -> bool:
        """Return whether the connection is of no use any more."""
        return _state(error).startswith(_LOST) or _without_answer(error)

    def is_passing(self, error: Exception) -> bool:
        """Return whether the same work may succeed at once on a sound connection."""
        if isinstance(error, NoAnswerError):
            return False  # waiting once more would double the wait
        return _state(error).startswith(_PASSING) or _without_answer(error)

    def explain(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""
        if isinstance(error, sqlalchemy.exc.TimeoutError):
            return UnavailableError(f"{self._place}: all connections are in use: {error}")
        kind, advice = _meaning(error)
        said = " ".join(str(error).split())
        return kind(f"{self._place}: {said}{advice and '; '}{advice}")


def _state(error: Exception) -> str:
    return getattr(error, "sqlstate", None) or ""


def _without_answer(error: Exception) -> bool:
    """Return whether the driver noticed by itself that nobody is there."""
    return isinstance(error, psycopg.OperationalError) and not _state(error)


def _meaning(error: Exception) -> tuple[type[StorageError], str]:
    state = _state(error)
    for length in (5, 3, 2):
        if state[:length] in _STATES:
            return _STATES[state[:length]]
    if not _without_answer(error):
        return (RejectedError if isinstance(error, _MALFORMED) else UnclearError), ""
    said = str(error)
    for words, meaning in _REFUSALS.items():
        if "FATAL" in said and words in said:
            return meaning
    return UnavailableError, "is the server up, and the url's host and port right?"
