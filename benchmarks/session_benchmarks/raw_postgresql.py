# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL by psycopg: orjson and one version-checked upsert of a ``bytea``."""

from __future__ import annotations

from typing import Final

import orjson
import psycopg

from session_benchmarks.data import Document
from session_benchmarks.raw_stores import check_saved

_SAVE: Final = """
    INSERT INTO raw VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE
    SET version = excluded.version, data = excluded.data WHERE raw.version = excluded.version - 1
"""
_LOAD: Final = "SELECT data FROM raw WHERE id = %s"
_READ: Final = "SELECT version, data FROM raw WHERE id = %s"
_VERSION: Final = "SELECT version FROM raw WHERE id = %s"


class RawPostgresql:
    """One connection that commits each statement."""

    def __init__(self, conninfo: str) -> None:
        """Connect and create the table."""
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS raw"
            " (id text PRIMARY KEY, version bigint NOT NULL, data bytea NOT NULL)"
        )
        self._cursor = self._connection.cursor(binary=True)

    def save(self, key: str, version: int, document: Document) -> None:
        """Store a document over version - 1, or raise."""
        check_saved(key, version, swapped=self.swap(key, version, document))

    def swap(self, key: str, version: int, document: Document) -> bool:
        """Store a document over version - 1; return whether that was what is stored."""
        self._cursor.execute(_SAVE, (key, version, orjson.dumps(document)))
        return self._cursor.rowcount == 1

    def read(self, key: str) -> tuple[int, Document]:
        """Return a version and its document."""
        ((version, data),) = self._cursor.execute(_READ, (key,)).fetchall()
        return version, orjson.loads(data)

    def version(self, key: str) -> int:
        """Return which version is stored."""
        ((version,),) = self._cursor.execute(_VERSION, (key,)).fetchall()
        return int(version)

    def load(self, key: str) -> Document:
        """Return a document."""
        ((data,),) = self._cursor.execute(_LOAD, (key,)).fetchall()
        document: Document = orjson.loads(data)
        return document

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class PostgresqlIndex:
    """Rows with an index on their time."""

    def __init__(self, conninfo: str) -> None:
        """Connect and create the table."""
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._connection.execute(
            "CREATE TABLE times (id text PRIMARY KEY, time bigint NOT NULL, data bytea NOT NULL)"
        )
        self._connection.execute("CREATE INDEX ON times (time)")

    def fill(self, number: int, data: bytes) -> None:
        """Store *number* rows, at the times 0, 1, 2, ..."""
        self._connection.execute(
            "INSERT INTO times SELECT lpad(row::text, 8, '0'), row, %s"
            " FROM generate_series(0, %s - 1) AS row",
            (data, number),
        )
        self._connection.execute("VACUUM ANALYZE times")

    def count(self, since: int) -> int:
        """Return how many rows have a time of *since* or later."""
        query = "SELECT count(*) FROM times WHERE time >= %s"
        ((found,),) = self._connection.execute(query, (since,)).fetchall()
        return int(found)

    def delete_before(self, time: int) -> None:
        """Delete what lies before *time*, by one statement."""
        self._connection.execute("DELETE FROM times WHERE time < %s", (time,))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
