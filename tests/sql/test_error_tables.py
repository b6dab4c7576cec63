# SPDX-License-Identifier: Apache-2.0
"""Which errors of each driver pass, by its table; and what is in no table is tried again for a while."""

from __future__ import annotations

import sqlite3

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
import sqlalchemy.exc

from sessionkit.errors import RejectedError, StorageError, UnavailableError, UnclearError
from sessionkit_sqlite.dialect import MissingTableError
from sessionkit_sqlite.dialects.generic import GenericDialect
from sessionkit_sqlite.dialects.mysql import MysqlFaults
from sessionkit_sqlite.dialects.postgresql import PostgresqlFaults
from sessionkit_sqlite.dialects.sqlite import SqliteFaults
from sessionkit_sqlite.schema import Tables

MYSQL = {
    UnavailableError: (
        1020,
        1040,
        1047,
        1053,
        1129,
        1135,
        1180,
        1205,
        1213,
        1290,
        2006,
        3100,
        3101,
        4031,
    ),
    UnclearError: (1044, 1045, 1142, 1698, 9999),
    RejectedError: (1049, 1064, 1153, 1366, 1406),
    MissingTableError: (1146,),
}
POSTGRESQL = {
    UnavailableError: (
        "08006",
        "25006",
        "25P03",
        "25P04",
        "40001",
        "53300",
        "57014",
        "57P01",
        "XX000",
    ),
    UnclearError: ("28P01", "42501", "0A000", "P0001", "99999"),
    RejectedError: ("22021", "23505", "3D000", "42601", "54000"),
    MissingTableError: ("42P01",),
}


def pairs(
    table: dict[type[StorageError], tuple[object, ...]],
) -> list[tuple[type[StorageError], object]]:
    """Return each kind with each of its codes."""
    return [(kind, code) for kind, codes in table.items() for code in codes]


@pytest.mark.parametrize(("kind", "number"), pairs(MYSQL))
def test_numbers_of_mysql(kind: type[StorageError], number: int) -> None:
    """Such as 1047 of a Galera node that is not ready for a moment."""
    faults = MysqlFaults("here", sa.create_engine("mysql+pymysql://").dialect)

    ours = faults.explain(pymysql.OperationalError(number, "said"))

    assert (kind, "here: said") == (type(ours), str(ours).partition(";")[0])


@pytest.mark.parametrize(("kind", "state"), pairs(POSTGRESQL))
def test_states_of_postgresql(kind: type[StorageError], state: str) -> None:
    """Such as 25P04, by which the server ends what takes longer than transaction_timeout."""
    error = psycopg.OperationalError("said")
    error.sqlstate = state

    ours = PostgresqlFaults("here").explain(error)

    assert (kind, "here: said") == (type(ours), str(ours).partition(";")[0])


@pytest.mark.parametrize("state", ["25P03", "25P04"])
def test_a_session_that_postgresql_ended_leaves_no_connection(state: str) -> None:
    """These errors end the connection, too: the work runs again on another one."""
    error = psycopg.OperationalError("said")
    error.sqlstate = state
    faults = PostgresqlFaults("here")

    assert (True, True) == (faults.is_lost(error), faults.is_passing(error))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (UnclearError, sqlite3.ProgrammingError("Cannot operate on a closed database.")),
        (RejectedError, OverflowError("Python int too large")),
        (RejectedError, UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no")),
    ],
)
def test_what_sqlite_has_no_name_for(kind: type[StorageError], error: Exception) -> None:
    """An error of the driver's own is unclear, a value that it can't hand on is refused."""
    assert kind is type(SqliteFaults("here").explain(error))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (UnavailableError, sqlalchemy.exc.OperationalError),
        (UnclearError, sqlalchemy.exc.ProgrammingError),
        (UnclearError, sqlalchemy.exc.DatabaseError),
        (RejectedError, sqlalchemy.exc.DataError),
    ],
)
def test_classes_of_any_driver(
    kind: type[StorageError], error: type[sqlalchemy.exc.DBAPIError]
) -> None:
    """Some drivers raise ProgrammingError, or DatabaseError, for whatever the server says."""
    engine = sa.create_engine("sqlite://")
    Tables().session.metadata.create_all(engine)
    dialect = GenericDialect(engine)

    raised = error("statement", None, Exception("said"))

    def fail(_: object) -> None:
        raise raised

    with pytest.raises(StorageError) as caught:
        dialect.autocommit(fail)

    assert kind is type(caught.value)
