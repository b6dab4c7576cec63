# SPDX-License-Identifier: Apache-2.0
"""Connections of a pool, made ready for sessionkit, and what becomes of them in a forked child."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.pool import PoolProxiedConnection

Preparing: TypeAlias = "Callable[[PoolProxiedConnection], None]"
"""Makes a connection ready for what follows."""


class Connections:
    """
    Hands out connections that are ready for sessionkit.

    Some stay checked out while idle: a visit to the pool takes as long as a read.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        prepare: Preparing,
        restore: Preparing | None = None,
        kept: int,
    ) -> None:
        """
        Take connections from the pool of *engine*.

        Args:
            engine: Any engine.
            prepare: Makes a connection from the pool ready; the app may have used it before.
            restore: Makes it as it was, before the pool gets it back.
            kept: How many idle connections don't go back to the pool.
        """
        self._engine = engine
        self._errors = engine.dialect.loaded_dbapi.Error
        self._prepare = prepare
        self._restore = restore
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
            pass  # so that what follows is not shown as what happened "during the handling" of this
        return self._prepared(self._engine.raw_connection())

    def give(self, connection: PoolProxiedConnection) -> None:
        """Take a connection back, outside of any transaction."""
        if len(self._idle) < self._kept:
            self._idle.append(connection)
        else:
            self._back(connection)

    def drop(self, connection: PoolProxiedConnection) -> None:
        """Close a connection that is of no use any more."""
        connection.invalidate()

    def drop_idle(self) -> None:
        """Close the connections that were idle: what broke another one broke them, too."""
        while self._idle:
            self.drop(self._idle.pop())

    def close(self) -> None:
        """Give the idle connections back to the pool."""
        while self._idle:
            self._back(self._idle.pop())

    def begin_anew(self) -> Sequence[Any]:
        """Forget all connections without closing them, and return them."""
        forgotten = [self._engine.pool, *self._idle]
        self._idle = []
        self._engine.dispose(close=False)
        return forgotten

    def _prepared(self, connection: PoolProxiedConnection) -> PoolProxiedConnection:
        try:
            self._prepare(connection)
        except BaseException:  # Ctrl-C too: half prepared it is of no use; raised again
            self.drop(connection)
            raise
        return connection

    def _back(self, connection: PoolProxiedConnection) -> None:
        try:
            if self._restore is not None:
                self._restore(connection)
        except self._errors:
            self.drop(connection)  # it was lost while it was idle: nobody misses it
        else:
            connection.close()


def _begin_anew(connections: weakref.ref[Connections], left_alone: list[Any]) -> None:
    """Run in a forked child."""
    here = connections()
    if here is not None:
        # The other end belongs to the parent, and SQLite forbids a child even to close
        # what its parent opened: these must never be collected here.
        left_alone.extend(here.begin_anew())
