# SPDX-License-Identifier: Apache-2.0
"""When to retry after the store was down: one breaker for all sessions, not a timer for each, and one visitor who waits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import attrs
from attrs import Factory

from sessionkit.errors import UnavailableError

SHORTEST: Final = 0.1
"""Seconds before the first new try, unless it is said otherwise."""

LONGEST: Final = 30.0
"""Seconds between tries, at most."""

OUTAGE_PAUSE: Final = 2.0
"""Seconds for which no visitor waits for a store that one has found to be down for the first time."""

_DOUBLINGS: Final = 16


@attrs.define
class StoreHealth:
    """
    Holds all tries back while the store is down. The caller holds a lock.

    Attributes:
        shortest: Seconds before the first new try.
        retry_at: Nothing is tried before it, in the caller's seconds.
        is_failing: Whether the last try failed.
        failed: The number of the last try that failed, where the caller numbers them.
        since: Since when it is down, as the caller tells it; None when it is not, or nobody has told.
        error: What it said last.
    """

    shortest: float = SHORTEST
    retry_at: float = 0.0
    is_failing: bool = False
    failed: int = 0
    since: datetime | None = None
    error: str = ""
    _let: int = -1
    _outages: int = 0

    def note(self, now: float, *, down: bool, number: int = 0) -> float:
        """
        Take the outcome of a batch.

        Args:
            now: The caller's time, in seconds.
            down: Whether the store took nothing of it.
            number: Of the try; 0 where nobody numbers them.

        Returns:
            When to try again what was not taken.
        """
        self.is_failing = down
        if not down:
            self._outages, self.retry_at, self.since = 0, 0.0, None
            return now + self.shortest
        self.failed = max(self.failed, number)
        self.retry_at = now + retry_delay(self._outages, self.shortest)
        self._outages = min(self._outages + 1, _DOUBLINGS)
        if number <= self._let:
            self.retry_at = now  # it had begun before someone asked for a try
        return self.retry_at

    def let_through(self, last: int) -> None:
        """Let the next try through at once, that after the *last* one; if it fails, too, the pauses go on growing."""
        self.retry_at = 0.0
        self._let = last


@attrs.define(eq=False)
class Outage:
    """
    The outage that somebody has met, for as long as nobody is to meet it again.

    Attributes:
        clock: Returns seconds that never go back.
        is_known: Whether somebody has met one, and nobody an answer since.
    """

    clock: Callable[[], float] = time.monotonic
    is_known: bool = False
    _error: UnavailableError | None = None
    _breaker: StoreHealth = Factory(partial(StoreHealth, OUTAGE_PAUSE))

    def record_down(self, error: UnavailableError) -> None:
        """Record that the store did not answer; what :meth:`check` has raised is nothing new."""
        if self._error is not None and error.__cause__ is self._error:
            return
        self._error, self.is_known = error, True
        self._breaker.note(self.clock(), down=True)

    def record_answer(self) -> None:
        """Record that it has answered."""
        self._error, self.is_known = None, False
        self._breaker.note(self.clock(), down=False)

    def check(self) -> None:
        """
        Raise :class:`UnavailableError` if the store was down just now, without asking it.

        After a pause one caller may ask, and nobody else until that one was answered or gave up.
        """
        error, now = self._error, self.clock()
        if error is None:
            return
        if now < self._breaker.retry_at:
            raise UnavailableError(*error.args) from error
        self._breaker.retry_at = now + LONGEST


def retry_delay(failures: int, shortest: float = SHORTEST) -> float:
    """
    Return how long to wait: exponential, with full jitter, so that replicas don't come back all at once.

    Args:
        failures: How many tries failed before the last one.
        shortest: Seconds before the first new try.
    """
    ceiling = min(LONGEST, shortest * 2 ** min(failures, _DOUBLINGS))
    return random.uniform(shortest, ceiling)  # noqa: S311 - jitter, no secret
