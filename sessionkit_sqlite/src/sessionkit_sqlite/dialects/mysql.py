# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB: a few statements for any number of saves, row locks in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.dialects.mysql.pymysql import dialect as mysql_dialect
from sqlalchemy.schema import CreateTable

from sessionkit_sqlite.connections import Connections
from sessionkit_sqlite.dialects import Cursor, Guard
from sessionkit_sqlite.dialects.mysql_errors import MysqlFaults
from sessionkit_sqlite.dialects.mysql_saving import MysqlSaving
from sessionkit_sqlite.running import Runner

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit_sqlite.dialects import Saving
    from sessionkit_sqlite.statements import Statements

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
        return self._runner.run(partial(_transacted, work))

    def saving(self, sql: Statements) -> Saving:
        """Return the function that stores sessions, all in one transaction."""
        saving = MysqlSaving(self, sql)
        return saving.store

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

    def laid_out(
        self, cursor: Cursor, *tables: sa.Table, indices: Sequence[sa.Index] = ()
    ) -> Sequence[str]:
        """Return what creates those of the tables and indices that are missing."""
        compiler = MariaDBDialect() if _is_mariadb(cursor) else mysql_dialect()
        return [_created(table, compiler, indices) for table in tables]


def _created(table: sa.Table, compiler: sa.Dialect, indices: Sequence[sa.Index]) -> str:
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


def _transacted(work: Callable[[Cursor], T], connection: PoolProxiedConnection) -> T:
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
