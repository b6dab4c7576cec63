# SPDX-License-Identifier: Apache-2.0
"""MariaDB by PyMySQL: orjson and one version-checked write of a ``LONGBLOB``."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pymysql

from session_benchmarks.data import Document

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS raw
    (id VARCHAR(64) PRIMARY KEY, version BIGINT NOT NULL, data LONGBLOB NOT NULL)
"""
_FIRST: Final = "INSERT IGNORE INTO raw (version, data, id) VALUES (%s, %s, %s)"
_NEXT: Final = "UPDATE raw SET version = %s, data = %s WHERE id = %s AND version = %s"
_READ: Final = "SELECT version, data FROM raw WHERE id = %s"
_VERSION: Final = "SELECT version FROM raw WHERE id = %s"


class RawMariadb:
    """One connection that commits each statement."""

    def __init__(self, **where: Any) -> None:  # noqa: ANN401 - as the driver takes it
        """Connect and create the table."""
        self._connection = pymysql.connect(**where, autocommit=True)
        self._cursor = self._connection.cursor()
        self._cursor.execute(_TABLE)

    def swap(self, key: str, version: int, document: Document) -> bool:
        """Store a document over version - 1; return whether that was what is stored."""
        values = (version, orjson.dumps(document), key)
        if version == 1:
            self._cursor.execute(_FIRST, values)
        else:
            self._cursor.execute(_NEXT, (*values, version - 1))
        return bool(self._cursor.rowcount == 1)

    def read(self, key: str) -> tuple[int, Document]:
        """Return a version and its document."""
        self._cursor.execute(_READ, (key,))
        ((version, data),) = self._cursor.fetchall()
        return version, orjson.loads(data)

    def version(self, key: str) -> int:
        """Return which version is stored."""
        self._cursor.execute(_VERSION, (key,))
        ((version,),) = self._cursor.fetchall()
        return int(version)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
