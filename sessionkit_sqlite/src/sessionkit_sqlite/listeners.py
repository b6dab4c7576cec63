# SPDX-License-Identifier: Apache-2.0
"""
Statements that an app's listeners or log want to see: SQLAlchemy's own connection runs them.

Usually they run on the driver's cursor, which costs a quarter. Where somebody listens to the engine
(``before_cursor_execute`` and its like, as OpenTelemetry does) or it logs (``echo``), they are seen like any other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import sqlalchemy.exc

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

    from sessionkit_sqlite.dialect import Sql


def is_seen(engine: sa.Engine) -> bool:
    """Return whether somebody wants to see what *engine* runs, now."""
    events, errors = engine.dispatch, engine.dialect.dispatch
    return bool(
        events.before_cursor_execute or events.after_cursor_execute or errors.handle_error
    ) or engine.logger.isEnabledFor(logging.INFO)


class SeenConnection:
    """
    A pool's connection whose statements are seen.

    Attributes:
        dbapi_connection: The driver's.
        info: Notes about the driver's connection.
    """

    def __init__(self, engine: sa.Engine, proxied: PoolProxiedConnection) -> None:
        """Run statements on *proxied*, which stays the caller's to give back."""
        self._proxied = proxied
        self._core = sa.Connection(engine, connection=proxied)
        self.dbapi_connection = proxied.dbapi_connection
        self.info = proxied.info

    def cursor(self, **_: Any) -> SeenCursor:  # noqa: ANN401 - the driver's own, which change nothing here
        """Return a cursor."""
        return SeenCursor(self._core)

    def rollback(self) -> None:
        """Roll back."""
        self._proxied.rollback()

    def end(self, *, done: bool) -> None:
        """End what SQLAlchemy takes for a transaction; the driver's is over already."""
        if self._core.invalidated:
            return
        if done:
            self._core.commit()
        else:
            self._core.rollback()


class SeenCursor:
    """A connection of SQLAlchemy's, looked at as a driver's cursor; raises what the driver raises."""

    def __init__(self, core: sa.Connection) -> None:
        """Run statements on *core*."""
        self._core = core
        self._result: sa.CursorResult[Any] | None = None

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""
        return -1 if self._result is None else self._result.rowcount

    def execute(
        self, operation: Sql, parameters: Mapping[str, Any] | Sequence[Any] | None = None, /
    ) -> None:
        """Run a statement."""
        self._run(operation, tuple(parameters) if isinstance(parameters, list) else parameters)

    def executemany(
        self, operation: Sql, parameters: Sequence[Mapping[str, Any] | tuple[Any, ...]], /
    ) -> None:
        """Run a statement for each of the parameters."""
        self._run(operation, list(parameters))

    def fetchall(self) -> Sequence[Sequence[Any]]:
        """Return the rows of the last statement."""
        if self._result is None or not self._result.returns_rows:
            return ()
        return self._result.fetchall()

    def fetchone(self) -> Sequence[Any] | None:
        """Return the next row of the last statement."""
        if self._result is None or not self._result.returns_rows:
            return None
        return self._result.fetchone()

    def _run(self, operation: Sql, parameters: Any) -> None:  # noqa: ANN401 - a driver's
        try:
            self._result = self._core.exec_driver_sql(operation, parameters)
        except sqlalchemy.exc.StatementError as error:
            if error.orig is None:
                raise
            raise error.orig from error
