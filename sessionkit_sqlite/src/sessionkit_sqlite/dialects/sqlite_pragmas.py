# SPDX-License-Identifier: Apache-2.0
"""SQLite's settings of a connection, set once each, and the write-ahead log of the file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from sessionkit_sqlite.dialects.sqlite_errors import is_busy

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor
    from sqlalchemy.pool import PoolProxiedConnection

_PREPARED: Final = "sessionkit"
_MODES: Final = ("autocommit", "isolation_level")
"""How the driver begins transactions: the attribute of Python 3.12 and newer, and the older one."""
_MODE: Final = "sessionkit mode"


class Pragmas:
    """What each connection is told before its first use."""

    def __init__(self, *pragmas: str) -> None:
        """
        Take them in order.

        Args:
            pragmas: Such as ``foreign_keys=ON``.
        """
        self._pragmas = pragmas

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
        if not is_busy(error):
            raise
        # SQLite doesn't wait here. Whoever holds the file is switching it, too.
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("ROLLBACK")
        cursor.execute("PRAGMA journal_mode=WAL")


def _journal_mode(cursor: DBAPICursor) -> Any:  # noqa: ANN401 - a driver's value
    cursor.execute("PRAGMA journal_mode")
    (mode,) = cursor.fetchone() or (None,)
    return mode
