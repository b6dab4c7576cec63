# SPDX-License-Identifier: Apache-2.0
"""A connection to PostgreSQL on which nothing waits for ever, not even for a server that hangs."""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.waiting import Ready, Wait

if TYPE_CHECKING:
    from psycopg.abc import PQGen

T = TypeVar("T")

_POOLER: Final = "unsupported startup parameter"
"""What PgBouncer and its like say to ``options``: their connections are shared, and have no settings of one client."""


class NoAnswerError(psycopg.OperationalError):
    """Raised when the server keeps the connection and says nothing."""


class BoundedConnection(psycopg.Connection[Any]):
    """
    A connection that gives up after a while.

    The server's own ``statement_timeout`` comes first; this is for a server, or
    something on the way to it, that stands still.

    Attributes:
        patience: How long one call may take, in seconds.
    """

    patience: float = 10.0

    def wait(self, gen: PQGen[T], *arguments: Any, **keywords: Any) -> T:  # noqa: ANN401 - psycopg's
        """
        Run what psycopg has to wait for.

        Raises:
            NoAnswerError: If it takes too long; the connection is closed then.
        """
        try:
            return super().wait(_bounded(gen, self.patience), *arguments, **keywords)
        except NoAnswerError:
            self.close()
            raise


def _bounded(gen: PQGen[T], patience: float) -> Generator[Wait, Ready | int, T]:
    """Pass on what *gen* and psycopg say to each other; psycopg speaks at every interval."""
    deadline = monotonic() + patience
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready == Ready.NONE and monotonic() > deadline:
                msg = f"no answer within {patience:g} s"
                raise NoAnswerError(msg)
            wanted = gen.send(ready)
    except StopIteration as end:
        value: T = end.value
        return value


def connected(arguments: Any, keywords: dict[str, Any], options: str, patience: float) -> Any:  # noqa: ANN401 - a driver's
    """
    Return a new connection.

    Args:
        arguments: Psycopg's own.
        keywords: Psycopg's own; their ``options`` come after ours.
        options: For the server, as libpq takes them; left out where a pooler on the way takes none.
        patience: How long one call may take, in seconds.
    """
    both = f"{options} {keywords.get('options', '')}".strip()
    try:
        connection = BoundedConnection.connect(*arguments, **{**keywords, "options": both})
    except psycopg.OperationalError as error:
        if _POOLER not in str(error):
            raise
        connection = BoundedConnection.connect(*arguments, **keywords)
    connection.patience = patience
    return connection
