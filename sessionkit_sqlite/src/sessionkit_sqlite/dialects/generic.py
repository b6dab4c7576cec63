# SPDX-License-Identifier: Apache-2.0
"""Any other database and driver, by what SQLAlchemy itself can say to it; slower, and as right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc

from sessionkit.errors import (
    ConflictError,
    RejectedError,
    StorageError,
    UnavailableError,
    UnclearError,
)
from sessionkit_sqlite.dialect import SETUP, Cursor, Guard, MissingTableError
from sessionkit_sqlite.rows import current_head, only_part, outcome, values_of

if TYPE_CHECKING:
    from sessionkit.records import SessionWrite
    from sessionkit_sqlite.dialect import Saver, Sql, Statements

T = TypeVar("T")

_ATTEMPTS: Final = 3
# A driver's classes are all that is known; some raise ProgrammingError for a missing right, a deadlock, anything.
_KINDS: Final[dict[type[sqlalchemy.exc.DBAPIError], type[StorageError]]] = {
    sqlalchemy.exc.DataError: RejectedError,
    sqlalchemy.exc.NotSupportedError: RejectedError,
    sqlalchemy.exc.OperationalError: UnavailableError,
    sqlalchemy.exc.InterfaceError: UnavailableError,
    sqlalchemy.exc.InternalError: UnavailableError,
    sqlalchemy.exc.IntegrityError: UnavailableError,
}


class GenericDialect:
    """
    How any database is used that has no dialect of its own here.

    Attributes:
        place: The engine's URL, without the password.
        guard: Nothing; who comes second meets an error, and what the first has made.
    """

    guard: Guard = Guard()

    def __init__(self, engine: sa.Engine) -> None:
        """Use any synchronous engine; its pool keeps the connections."""
        self.place = engine.url.render_as_string(hide_password=True)
        self._engine = engine
        self._tables: Sequence[sa.Table] = ()
        self._each = engine.execution_options(isolation_level="AUTOCOMMIT")
        # Text with named parameters is taken for every driver.
        dialect: Callable[..., sa.Dialect] = type(engine.dialect)
        self._compiler = dialect(paramstyle="named")

    def autocommit(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* on a cursor on which each statement is a transaction of its own."""
        return self._run(self._each.connect, work)

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* in one transaction."""
        return self._run(self._engine.begin, work)

    def saver(self, sql: Statements) -> Saver:
        """Return the function that stores sessions, one after the other in one transaction."""
        self._tables = sql.tables.data
        return lambda writes: self.transact(partial(_store_one_by_one, sql, writes))

    def rest(self) -> None:
        """Do nothing: others write to other rows meanwhile."""

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    def sql(self, clause: sa.ClauseElement, **options: Any) -> sa.TextClause:  # noqa: ANN401 - SQLAlchemy's
        """Return *clause* as text in the database's words."""
        written = str(clause.compile(dialect=self._compiler, **options))
        # In "::INTEGER" of PostgreSQL's drivers a parameter would end unseen.
        return sa.text(written.replace("::", " ::"))

    def insert_new(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that inserts nothing where the key is taken."""
        row = sa.select(*(sa.bindparam(column.name, type_=column.type) for column in table.c))
        taken: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table)
        for column in table.primary_key:
            taken = taken.where(column == sa.bindparam(column.name, type_=column.type))
        return sa.insert(table).from_select(list(table.c), row.where(~taken.exists()))

    def upsert(self, table: sa.Table) -> Sequence[sa.ClauseElement]:
        """Return a delete and an insert; the head's row is locked meanwhile."""
        old = sa.delete(table)
        for column in table.primary_key:
            old = old.where(column == sa.bindparam(column.name, type_=column.type))
        return (old, sa.insert(table))

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete by subselect that looks again at rows which someone was writing."""
        (key,) = table.primary_key
        batch = sa.select(key).where(due).order_by(key).limit(sa.bindparam("limit"))
        chosen = sa.select(batch.subquery("due").c[key.name])
        return sa.delete(table).where(key.in_(chosen), due)

    def ddl(
        self,
        cursor: Cursor,  # noqa: ARG002 - the protocol's
        *tables: sa.Table,
        indices: Sequence[sa.Index] = (),
    ) -> Sequence[sa.Table | sa.Index]:
        """Return the tables and indices, which the cursor creates where they are missing."""
        return [*tables, *indices]

    def _run(self, connect: Callable[[], Any], work: Callable[[Cursor], T]) -> T:
        for left in reversed(range(_ATTEMPTS)):
            try:
                with connect() as connection:
                    return work(CoreCursor(connection))
            except sqlalchemy.exc.SQLAlchemyError as error:
                if not left or not _is_passing(error):
                    raise self._explain(error) from error
        raise AssertionError  # the last attempt returns or raises

    def _explain(self, error: sqlalchemy.exc.SQLAlchemyError) -> StorageError:
        if isinstance(error, sqlalchemy.exc.TimeoutError):
            return UnavailableError(f"{self.place}: all connections are in use: {error}")
        said = " ".join(str(getattr(error, "orig", error)).split())
        if isinstance(error, sqlalchemy.exc.DBAPIError) and _reached_database(error):
            if self._lacks_tables():
                return MissingTableError(f"{self.place}: {said}; {SETUP}")
            if any(
                table.name in said for table in self._tables
            ):  # another thread has made it meanwhile
                return MissingTableError(f"{self.place}: {said}")
        return _kind(error)(f"{self.place}: {said}")

    def _lacks_tables(self) -> bool:
        """Return whether one of the tables is missing: each driver has an error of its own for that."""
        try:
            there = sa.inspect(self._engine)
            return not all(there.has_table(table.name) for table in self._tables)
        except sqlalchemy.exc.SQLAlchemyError:
            return False


def _reached_database(error: sqlalchemy.exc.DBAPIError) -> bool:
    return error.statement is not None and not error.connection_invalidated


def _kind(error: sqlalchemy.exc.SQLAlchemyError) -> type[StorageError]:
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        if error.connection_invalidated:
            return UnavailableError
        return _KINDS.get(type(error), UnclearError)
    is_malformed = isinstance(error, sqlalchemy.exc.StatementError)
    return RejectedError if is_malformed else UnavailableError


def _is_passing(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """Return whether it may succeed now: the connection was lost, or two made one row."""
    if isinstance(error, sqlalchemy.exc.IntegrityError):
        return True
    return isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated


class CoreCursor:
    """A connection of SQLAlchemy's, looked at as a driver's cursor."""

    def __init__(self, connection: sa.Connection) -> None:
        """Run statements on *connection*."""
        self._connection = connection
        self._result: sa.CursorResult[Any] | None = None

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""
        return -1 if self._result is None else self._result.rowcount

    def execute(self, operation: Sql, parameters: Mapping[str, Any] | None = None, /) -> None:
        """Run a clause, or create a table or index unless it is there."""
        if isinstance(operation, sa.Table | sa.Index):
            operation.create(self._connection, checkfirst=True)
        else:
            self._result = self._connection.execute(operation, parameters)

    def executemany(self, operation: Sql, parameters: Sequence[Mapping[str, Any]], /) -> None:
        """Run a clause for each of the parameters."""
        self._result = self._connection.execute(operation, parameters)

    def fetchall(self) -> Sequence[Sequence[Any]]:
        """Return the rows of the last statement."""
        return () if self._result is None else self._result.fetchall()


# -- saves, one after the other, each by a guarded UPDATE ------------------------------


def _store_one_by_one(
    sql: Statements, writes: Sequence[SessionWrite], cursor: Cursor
) -> Sequence[ConflictError | None]:
    """
    Store *writes* inside the cursor's transaction.

    Returns:
        An outcome for each: what stands against it, or None.
    """
    return [_store(sql, write, cursor) for write in writes]


def _store(sql: Statements, write: SessionWrite, cursor: Cursor) -> ConflictError | None:
    if write.expected is None:
        return _create(sql, write, cursor)
    if _resave(sql, write, cursor):
        return None
    cursor.execute(sql.update, _guarded_values(write))
    if cursor.rowcount != 1:
        return outcome(write, current_head(sql, write.head.session_id, cursor))
    _store_parts(sql, write, cursor)
    return None


def _create(sql: Statements, write: SessionWrite, cursor: Cursor) -> ConflictError | None:
    alone = only_part(write)
    values = values_of(write.head)
    values["part_name"], values["part_data"] = alone or (None, None)
    cursor.execute(sql.create, values)
    if cursor.rowcount != 1:
        return outcome(write, current_head(sql, write.head.session_id, cursor))
    if alone is None:
        _put(sql, write.head.session_id, write.put, cursor)
    return None


def _resave(sql: Statements, write: SessionWrite, cursor: Cursor) -> bool:
    """
    Store a write by one statement if all that it has to change lies in one row; else change nothing.

    Returns:
        Whether it was stored.
    """
    part = only_part(write)
    if part is None or write.expected is None:
        return False
    values = _guarded_values(write)
    values["name"], values["part_data"] = part
    cursor.execute(sql.resave, values)
    return cursor.rowcount == 1


def _store_parts(sql: Statements, write: SessionWrite, cursor: Cursor) -> None:
    session_id = write.head.session_id
    cursor.execute(sql.own_part, {"session_id": session_id})
    ((own,),) = cursor.fetchall()
    put = dict(write.put)
    if own is not None and own in put:
        data = put.pop(own)
        cursor.execute(sql.put_own, {"session_id": session_id, "own_name": own, "data": data})
    elif own is not None and own in write.remove:
        cursor.execute(sql.put_own, {"session_id": session_id, "own_name": None, "data": None})
    _put(sql, session_id, put, cursor)
    for name in write.remove:
        cursor.execute(sql.remove, {"session_id": session_id, "name": name})


def _put(sql: Statements, session_id: str, put: Mapping[str, bytes], cursor: Cursor) -> None:
    for name, data in put.items():
        for statement in sql.put:
            cursor.execute(statement, {"session_id": session_id, "name": name, "data": data})


def _guarded_values(write: SessionWrite) -> dict[str, Any]:
    values = values_of(write.head)
    values["activity"] = values["last_activity"]
    values["expected"] = write.expected
    return values
