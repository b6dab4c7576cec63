# SPDX-License-Identifier: Apache-2.0
"""SQLite by Python's own driver: orjson and one version-checked upsert."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import orjson

from session_benchmarks.data import Document
from session_benchmarks.raw_stores import check_saved

_SAVE: Final = """
    INSERT INTO raw VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
    SET version = excluded.version, data = excluded.data WHERE version = excluded.version - 1
"""
_LOAD: Final = "SELECT data FROM raw WHERE id = ?"
_READ: Final = "SELECT version, data FROM raw WHERE id = ?"
_VERSION: Final = "SELECT version FROM raw WHERE id = ?"
_BUSY_SECONDS: Final = 30


def _connect(file: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


class RawSqlite:
    """One connection to a file in WAL mode."""

    def __init__(self, file: Path, synchronous: str) -> None:
        """Open the file and create the table."""
        self._connection = _connect(file, synchronous)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS raw"
            " (id TEXT PRIMARY KEY, version INTEGER NOT NULL, data BLOB NOT NULL)"
        )

    def save(self, key: str, version: int, document: Document) -> None:
        """Store a document over version - 1, or raise."""
        check_saved(key, version, swapped=self.swap(key, version, document))

    def swap(self, key: str, version: int, document: Document) -> bool:
        """Store a document over version - 1; return whether that was what is stored."""
        cursor = self._connection.execute(_SAVE, (key, version, orjson.dumps(document)))
        return cursor.rowcount == 1

    def read(self, key: str) -> tuple[int, Document]:
        """Return a version and its document."""
        ((version, data),) = self._connection.execute(_READ, (key,)).fetchall()
        return version, orjson.loads(data)

    def version(self, key: str) -> int:
        """Return which version is stored."""
        ((version,),) = self._connection.execute(_VERSION, (key,)).fetchall()
        return int(version)

    def load(self, key: str) -> Document:
        """Return a document."""
        ((data,),) = self._connection.execute(_LOAD, (key,)).fetchall()
        document: Document = orjson.loads(data)
        return document

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class SqliteIndex:
    """Rows of 1 kB with an index on their time."""

    def __init__(self, file: Path, synchronous: str = "NORMAL") -> None:
        """Open the file and create the table."""
        self._connection = _connect(file, synchronous)
        self._connection.execute(
            "CREATE TABLE times (id TEXT PRIMARY KEY, time INTEGER NOT NULL, data BLOB NOT NULL)"
        )
        self._connection.execute("CREATE INDEX times_time ON times (time)")

    def fill(self, number: int, data: bytes) -> None:
        """Store *number* rows, at the times 0, 1, 2, ..."""
        rows = ((f"{row:08d}", row, data) for row in range(number))
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO times VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def count(self, since: int) -> int:
        """Return how many rows have a time of *since* or later."""
        query = "SELECT count(*) FROM times WHERE time >= ?"
        ((found,),) = self._connection.execute(query, (since,)).fetchall()
        return int(found)

    def delete_before(self, time: int) -> None:
        """Delete what lies before *time*, by one statement."""
        self._connection.execute("DELETE FROM times WHERE time < ?", (time,))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
