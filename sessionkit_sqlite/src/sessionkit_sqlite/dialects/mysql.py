# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB: a few statements for any number of saves, row locks in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.dialects.mysql.pymysql import dialect as mysql_dialect
from sqlalchemy.schema import CreateTable

from sessionkit.errors import RejectedError, StorageError, UnavailableError, UnclearError
from sessionkit_sqlite.dialect import SETUP, Cursor, Guard, MissingTableError
from sessionkit_sqlite.dialects.mysql_saves import MysqlSaver
from sessionkit_sqlite.pool import Connections, Runner

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit_sqlite.dialect import Saver, Statements

T = TypeVar("T")

_NAME: Final = "CONCAT('sessionkit:', LEFT(DATABASE(), 40))"
"""Of the lock: locks are known all over a server, and names have 64 characters."""


class MysqlDialect:
    """
    How one MySQL or MariaDB database is used.

    Attributes:
        place: Host, port and name of the database.
        guard: A named lock: laying out tables commits, so no transaction would hold it.
    """

    guard: Guard = Guard(
        lock=(f"SELECT GET_LOCK({_NAME}, 60)",), unlock=(f"SELECT RELEASE_LOCK({_NAME})",)
    )

    def __init__(self, engine: sa.Engine, *, kept: int) -> None:
        """
        Use the pool of *engine*.

        Args:
            engine: An engine on PyMySQL or mysqlclient.
            kept: How many idle connections don't go back to the engine's pool.
        """
        url = engine.url
        self.place = f"{url.host or 'localhost'}:{url.port or 3306}/{url.database}"
        self._compiler = mysql_dialect(paramstyle="pyformat")
        connections = Connections(
            engine,
            prepare=partial(_set_autocommit, on=True),
            restore=partial(_set_autocommit, on=False),
            kept=kept,
        )
        self._runner = Runner(connections, MysqlFaults(self.place, engine.dialect))

    def autocommit(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* on a cursor on which each statement is a transaction of its own."""
        return self._runner.run(lambda connection: work(connection.cursor()))

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run *work* in one transaction."""
        return self._runner.run(partial(_transact, work))

    def saver(self, sql: Statements) -> Saver:
        """Return the function that stores sessions, all in one transaction."""
        return MysqlSaver(self, sql).save

    def rest(self) -> None:
        """Do nothing: others write to other rows meanwhile."""

    def close(self) -> None:
        """Give idle connections back to the engine's pool."""
        self._runner.close()

    def sql(self, clause: sa.ClauseElement, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
        """Return *clause* in MySQL's words, parameters as ``%(name)s``."""
        return str(clause.compile(dialect=self._compiler, **options))

    def insert_new(self, table: sa.Table) -> sa.ClauseElement:
        """Return an insert that leaves a row with the same key alone; any other error is one."""
        # INSERT IGNORE would cut short what is too long, and say nothing.
        (key, *_) = table.primary_key
        return insert(table).on_duplicate_key_update({key.name: key})

    def upsert(self, table: sa.Table) -> Sequence[sa.ClauseElement]:
        """Return an insert that replaces a row with the same key."""
        new = insert(table)
        key = list(table.primary_key)
        changed = {
            column.name: new.inserted[column.name] for column in table.c if column not in key
        }
        return (new.on_duplicate_key_update(changed),)

    def purge(self, table: sa.Table, due: sa.ColumnElement[bool]) -> sa.ClauseElement:
        """Return a delete that passes by rows which someone is writing."""
        (key,) = table.primary_key
        batch = sa.select(key).where(due).limit(sa.bindparam("limit"))
        # Through a derived table: MySQL takes no LIMIT in a subselect of IN.
        chosen = batch.with_for_update(skip_locked=True).subquery("due")
        return sa.delete(table).where(key.in_(sa.select(chosen.c[key.name])))

    def ddl(
        self, cursor: Cursor, *tables: sa.Table, indices: Sequence[sa.Index] = ()
    ) -> Sequence[str]:
        """Return what creates those of the tables and indices that are missing."""
        compiler = MariaDBDialect() if _is_mariadb(cursor) else mysql_dialect()
        return [_create_table(table, compiler, indices) for table in tables]


def _create_table(table: sa.Table, compiler: sa.Dialect, indices: Sequence[sa.Index]) -> str:
    """Return a table with its indices, as one statement: MySQL creates no index only if missing."""
    made = str(CreateTable(table, if_not_exists=True).compile(dialect=compiler)).rstrip()
    keys = [
        f", INDEX {index.name} ({', '.join(column.name for column in index.columns)})"
        for index in indices
        if index.table is table
    ]
    return f"{made.removesuffix(')')}{''.join(keys)}) ENGINE=InnoDB"


def _is_mariadb(cursor: Cursor) -> bool:
    cursor.execute("SELECT VERSION()")
    ((version,),) = cursor.fetchall()
    return "mariadb" in str(version).lower()


def _set_autocommit(connection: PoolProxiedConnection, *, on: bool) -> None:
    driver: Any = connection.dbapi_connection
    driver.autocommit(on)


def _transact(work: Callable[[Cursor], T], connection: PoolProxiedConnection) -> T:
    driver: Any = connection.dbapi_connection
    cursor = connection.cursor()
    cursor.execute("START TRANSACTION")
    try:
        result = work(cursor)
    except Exception:  # whatever the work met; raised again
        driver.rollback()
        raise
    driver.commit()
    return result


# -- what errors mean ------------------------------------------------------------------

_RIGHTS: Final = "this user needs SELECT, INSERT, UPDATE and DELETE on the tables sessionkit_*"
_LOGIN: Final = "look at user, password and database in the url"
_UP: Final = "is the server up, and the url's host and port right?"
_FULL: Final = "free some disk space on the server"
_BUSY: Final = "another transaction kept the row for longer than timeout_ms"
_ENDED: Final = "the server ended the connection"
_NOT_READY: Final = "the cluster's node is not ready, or could not commit"

# By the numbers of MySQL's "Server Error Message Reference"; 2000 and above are the client's.
_NUMBERS: Final[dict[int, tuple[type[StorageError], str]]] = {
    0: (UnavailableError, "the connection was closed"),  # PyMySQL's own
    1020: (UnavailableError, "it met another transaction"),
    1021: (UnavailableError, _FULL),
    1037: (UnavailableError, "the server is out of memory"),
    1040: (UnavailableError, "the server has no connection left"),
    1041: (UnavailableError, "the server is out of memory"),
    1042: (UnavailableError, "the server could not look up this host's name"),
    1043: (UnavailableError, _ENDED),
    1044: (UnclearError, _LOGIN),
    1045: (UnclearError, _LOGIN),
    1047: (UnavailableError, _NOT_READY),
    1048: (RejectedError, ""),
    1049: (RejectedError, "there is no such database; create it, or name another one in the url"),
    1053: (UnavailableError, _ENDED),
    1054: (RejectedError, "the tables are of another layout"),
    1064: (RejectedError, ""),
    1077: (UnavailableError, _ENDED),
    1079: (UnavailableError, _ENDED),
    1080: (UnavailableError, _ENDED),
    1114: (UnavailableError, _FULL),
    1118: (RejectedError, ""),
    1129: (UnavailableError, "too many of this host's connections failed; FLUSH HOSTS lets it in"),
    1130: (UnclearError, "the server lets nobody in from this host"),
    1135: (UnavailableError, "the server can start no thread"),
    1142: (UnclearError, _RIGHTS),
    1143: (UnclearError, _RIGHTS),
    1146: (MissingTableError, SETUP),
    1152: (UnavailableError, _ENDED),
    1153: (RejectedError, "it is larger than the server's max_allowed_packet"),
    1158: (UnavailableError, _ENDED),
    1159: (UnavailableError, _ENDED),
    1160: (UnavailableError, _ENDED),
    1161: (UnavailableError, _ENDED),
    1180: (UnavailableError, _NOT_READY),
    1181: (UnavailableError, _NOT_READY),
    1184: (UnavailableError, _ENDED),
    1203: (UnavailableError, "this user has no connection left"),
    1205: (UnavailableError, _BUSY),
    1206: (UnavailableError, "the server has no room for more locks"),
    1213: (UnavailableError, "it met another transaction"),
    1226: (UnavailableError, "this user has used up what the server grants"),
    1264: (RejectedError, ""),
    1265: (RejectedError, ""),
    1290: (UnavailableError, "the server only reads"),
    1292: (RejectedError, ""),
    1317: (UnavailableError, "the statement was interrupted"),
    1364: (RejectedError, ""),
    1366: (RejectedError, ""),
    1406: (RejectedError, ""),
    1412: (UnavailableError, "its tables were being changed"),
    1452: (RejectedError, ""),
    1615: (UnavailableError, "its tables were being changed"),
    1637: (UnavailableError, "the server has too many transactions under way"),
    1690: (RejectedError, ""),
    1698: (UnclearError, _LOGIN),
    1792: (UnavailableError, "the server only reads"),
    1836: (UnavailableError, "the server only reads"),
    1927: (UnavailableError, _ENDED),
    1969: (UnavailableError, "the statement was interrupted"),
    2002: (UnavailableError, _UP),
    2003: (UnavailableError, _UP),
    2005: (UnavailableError, _UP),
    2006: (UnavailableError, _ENDED),
    2013: (UnavailableError, _ENDED),
    2014: (UnavailableError, _ENDED),
    2055: (UnavailableError, _ENDED),
    3024: (UnavailableError, "the statement was interrupted"),
    3100: (UnavailableError, _NOT_READY),
    3101: (UnavailableError, _NOT_READY),
    3169: (UnavailableError, _ENDED),
    3572: (UnavailableError, _BUSY),
    4031: (UnavailableError, _ENDED),
}
_LOST: Final = {
    *(0, 1043, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927),
    *(2006, 2013, 2014, 2055, 3169, 4031),
}
_MET: Final = {1020, 1213, 1412, 1615, 3101}


# What the driver raises by itself for values that it can't send.
_MALFORMED: Final = (UnicodeEncodeError, OverflowError, TypeError)


class MysqlFaults:
    """
    What the errors of one driver mean for one database.

    Attributes:
        errors: What the driver and the pool raise.
    """

    def __init__(self, place: str, dialect: sa.Dialect) -> None:
        """
        Take what messages call the database, and whose errors they are.

        Args:
            place: Host, port and database.
            dialect: The engine's.
        """
        self._place = place
        driver = dialect.loaded_dbapi
        self.errors: tuple[type[Exception], ...] = (
            driver.Error,
            sqlalchemy.exc.TimeoutError,
            sqlalchemy.exc.DBAPIError,
            *_MALFORMED,
        )

    def is_lost(self, error: Exception) -> bool:
        """Return whether the connection is of no use any more."""
        return _number(error) in _LOST

    def is_passing(self, error: Exception) -> bool:
        """Return whether the same work may succeed at once on a sound connection."""
        # Waiting once more for a server that does not answer would double the wait.
        return _number(error) in _LOST | _MET and "timed out" not in str(error)

    def explain(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""
        if isinstance(error, sqlalchemy.exc.TimeoutError):
            return UnavailableError(f"{self._place}: all connections are in use: {error}")
        unknown = RejectedError if isinstance(error, _MALFORMED) else UnclearError
        kind, advice = _NUMBERS.get(_number(error), (unknown, ""))
        return kind(f"{self._place}: {_said(error)}{advice and '; '}{advice}")


def _number(error: Exception) -> int:
    first = error.args[0] if error.args else None
    return first if isinstance(first, int) else -1


def _said(error: Exception) -> str:
    return str(error.args[1]) if len(error.args) > 1 else str(error)
