# SPDX-License-Identifier: Apache-2.0
"""Runs work on a connection; what a lost connection or a deadlock broke is run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit.errors import StorageError
    from sessionkit_sqlite.connections import Connections

T = TypeVar("T")

_ATTEMPTS: Final = 3


class Faults(Protocol):
    """
    What a driver's errors mean.

    Attributes:
        errors: What the driver raises.
    """

    errors: tuple[type[Exception], ...]

    def lost(self, error: Exception) -> bool:
        """Return whether the connection is of no use any more."""

    def passing(self, error: Exception) -> bool:
        """Return whether the same work may succeed at once on a sound connection."""

    def explained(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""


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
            RejectedError: If it never will do this.
        """
        for left in reversed(range(_ATTEMPTS)):
            try:
                connection = self._connections.take()
            except self._faults.errors as error:
                raise self._faults.explained(error) from error
            try:
                result = work(connection)
            except self._faults.errors as error:
                self._put_aside(connection, error)
                if not left or not self._faults.passing(error):
                    raise self._faults.explained(error) from error
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
        if self._faults.lost(error):
            self._connections.drop(connection)
            self._connections.drop_idle()
        else:
            self._connections.give(connection)
