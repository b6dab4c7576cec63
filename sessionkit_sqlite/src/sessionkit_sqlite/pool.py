# SPDX-License-Identifier: Apache-2.0
"""
The pool's connections, and the work that runs on them: again where a lost one or a deadlock broke it.

An engine's own pool stays behind. What is here makes its connections ready, keeps some of them
out of it, and leaves them alone in a forked child.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, cast

from sessionkit_sqlite.listeners import SeenConnection, is_seen

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit.errors import StorageError

T = TypeVar("T")

_ATTEMPTS: Final = 3

Question: TypeAlias = "Callable[[PoolProxiedConnection], bool]"
"""Is something so of a connection?"""

Preparation: TypeAlias = "Callable[[PoolProxiedConnection], None]"
"""Makes a connection ready for what follows."""


class Runner:
    """
    Runs work that is safe to repeat.

    A save is: the store knows it by its ``save_id`` when it has it already.
    """

    def __init__(self, connections: Connections, faults: Faults) -> None:
        """Take connections, and the meaning of the errors that they raise."""
        self._connections = connections
        self._faults = faults

    def run(self, work: Callable[[PoolProxiedConnection], T]) -> T:
        """
        Return what *work* returns.

        Raises:
            UnavailableError: If the database can't be reached or is busy.
            UnclearError: If it refuses this for a reason that may pass, or that is in no table.
            RejectedError: If it never will do this.
        """
        for left in reversed(range(_ATTEMPTS)):
            try:
                connection = self._connections.take()
            except self._faults.errors as error:
                raise self._faults.explain(error) from error
            try:
                result = self._connections.run(work, connection)
            except self._faults.errors as error:
                self._put_aside(connection, error)
                if not left or not self._faults.is_passing(error):
                    raise self._faults.explain(error) from error
            except BaseException:
                # Ctrl-C too: nobody knows what this connection was in the midst of.
                self._connections.drop(connection)
                raise
            else:
                self._connections.give(connection)
                return result
        raise AssertionError  # the last attempt returns or raises

    def close(self) -> None:
        """Give idle connections back to the engine's pool."""
        self._connections.close()

    def _put_aside(self, connection: PoolProxiedConnection, error: Exception) -> None:
        if self._faults.is_lost(error) or not connection.is_valid:
            self._connections.drop(connection)
            self._connections.drop_idle()
        else:
            self._connections.give(connection)


class Faults(Protocol):
    """
    What a driver's errors mean.

    Attributes:
        errors: What the driver raises.
    """

    errors: tuple[type[Exception], ...]

    def is_lost(self, error: Exception) -> bool:
        """Return whether the connection is of no use any more."""

    def is_passing(self, error: Exception) -> bool:
        """Return whether the same work may succeed at once on a sound connection."""

    def explain(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""


class Connections:
    """
    Hands out connections that are ready for sessionkit.

    Some stay checked out while idle: a visit to the pool takes as long as a read.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        prepare: Preparation,
        restore: Preparation | None = None,
        is_of_use: Question | None = None,
        kept: int,
    ) -> None:
        """
        Take connections from the pool of *engine*.

        Args:
            engine: Any engine.
            prepare: Makes a connection from the pool ready; the app may have used it before.
            restore: Makes it as it was, before the pool gets it back.
            is_of_use: Tells whether one that was prepared before still leads to where others do.
            kept: How many idle connections don't go back to the pool.
        """
        self._engine = engine
        self._errors = engine.dialect.loaded_dbapi.Error
        self._prepare = prepare
        self._restore = restore
        self._is_of_use = is_of_use
        self._kept = kept
        self._idle: list[PoolProxiedConnection] = []
        if hasattr(os, "register_at_fork"):
            left_alone: list[Any] = []
            os.register_at_fork(after_in_child=partial(_forget, weakref.ref(self), left_alone))

    def take(self) -> PoolProxiedConnection:
        """Return a connection that nobody else uses until it is given back."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break  # another thread was faster
            if self._is_of_use is None or self._is_of_use(connection):
                return connection
            self.drop(connection)
        connection = self._engine.raw_connection()
        while self._is_of_use is not None and not self._is_of_use(connection):
            self.drop(connection)
            connection = self._engine.raw_connection()
        return self._prepare_new(connection)

    def run(
        self, work: Callable[[PoolProxiedConnection], T], connection: PoolProxiedConnection
    ) -> T:
        """Return what *work* does on a connection, by SQLAlchemy's way where somebody listens to the engine."""
        if not is_seen(self._engine):
            return work(connection)
        seen = SeenConnection(self._engine, connection)
        done = False
        try:
            result = work(cast("PoolProxiedConnection", seen))
            done = True
        finally:
            seen.end(done=done)
        return result

    def give(self, connection: PoolProxiedConnection) -> None:
        """Take a connection back, outside of any transaction."""
        if len(self._idle) < self._kept:
            self._idle.append(connection)
        else:
            self._give_back(connection)

    def drop(self, connection: PoolProxiedConnection) -> None:
        """Close a connection that is of no use any more."""
        if connection.is_valid:  # SQLAlchemy may have found out by itself
            connection.invalidate()

    def drop_idle(self) -> None:
        """Close the connections that were idle: what broke another one broke them, too."""
        while self._idle:
            self.drop(self._idle.pop())

    def close(self) -> None:
        """Give the idle connections back to the pool."""
        while self._idle:
            self._give_back(self._idle.pop())

    def forget(self) -> Sequence[Any]:
        """Forget all connections without closing them, and return them."""
        forgotten = [self._engine.pool, *self._idle]
        self._idle = []
        self._engine.dispose(close=False)
        return forgotten

    def _prepare_new(self, connection: PoolProxiedConnection) -> PoolProxiedConnection:
        try:
            self._prepare(connection)
        except BaseException:  # Ctrl-C too: half prepared it is of no use; raised again
            self.drop(connection)
            raise
        return connection

    def _give_back(self, connection: PoolProxiedConnection) -> None:
        try:
            if self._restore is not None:
                self._restore(connection)
        except self._errors:
            self.drop(connection)  # it was lost while it was idle: nobody misses it
        else:
            connection.close()


def _forget(connections: weakref.ref[Connections], left_alone: list[Any]) -> None:
    """Run in a forked child."""
    here = connections()
    if here is not None:
        # The other end belongs to the parent, and SQLite forbids a child even to close
        # what its parent opened: these must never be collected here.
        left_alone.extend(here.forget())
