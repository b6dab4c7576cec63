# SPDX-License-Identifier: Apache-2.0
"""Connections of a pool, made ready for sessionkit, and what becomes of them in a forked child."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sessionkit_sqlite.dialects.sqlite_errors import is_busy

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import DBAPICursor
    from sqlalchemy.pool import PoolProxiedConnection

_PREPARED: Final = "sessionkit"


class Connections:
    """
    Hands out connections with the PRAGMAs set.

    Some stay checked out while idle: a visit to the pool takes as long as a read.
    """

    def __init__(self, engine: sa.Engine, pragmas: Sequence[str], *, kept: int) -> None:
        """
        Take connections from the pool of *engine*.

        Args:
            engine: Any engine for a SQLite file.
            pragmas: What is set on each connection, such as ``foreign_keys=ON``.
            kept: How many idle connections don't go back to the pool.
        """
        self._engine = engine
        self._pragmas = tuple(pragmas)
        self._kept = kept
        self._idle: list[PoolProxiedConnection] = []
        if hasattr(os, "register_at_fork"):
            left_alone: list[Any] = []
            os.register_at_fork(after_in_child=partial(_begin_anew, weakref.ref(self), left_alone))

    def take(self) -> PoolProxiedConnection:
        """Return a connection that nobody else uses until it is given back."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._prepared(self._engine.raw_connection())

    def give(self, connection: PoolProxiedConnection) -> None:
        """Take a connection back, outside of any transaction."""
        if len(self._idle) < self._kept:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Give the idle connections back to the pool."""
        while self._idle:
            self._idle.pop().close()

    def begin_anew(self) -> Sequence[Any]:
        """Forget all connections without closing them, and return them."""
        forgotten = [self._engine.pool, *self._idle]
        self._idle = []
        self._engine.dispose(close=False)
        return forgotten

    def _prepared(self, connection: PoolProxiedConnection) -> PoolProxiedConnection:
        """Set the PRAGMAs, once a connection; the app's engine may have pooled it before."""
        if connection.info.get(_PREPARED) == self._pragmas:
            return connection
        try:
            cursor = connection.cursor()
            for pragma in self._pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            _use_write_ahead_log(cursor)
        except BaseException:
            connection.close()
            raise
        connection.info[_PREPARED] = self._pragmas
        return connection


def _begin_anew(connections: weakref.ref[Connections], left_alone: list[Any]) -> None:
    """Run in a forked child."""
    here = connections()
    if here is not None:
        # SQLite forbids a child even to close what its parent opened, so these
        # must never be collected here.
        left_alone.extend(here.begin_anew())


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
