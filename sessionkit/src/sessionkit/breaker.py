# SPDX-License-Identifier: Apache-2.0
"""When to try again after the store was down: one breaker for all sessions, not a timer for each."""

from __future__ import annotations

import random
from typing import Final

import attrs

SHORTEST: Final = 0.1
"""Seconds before the first new try, unless it is said otherwise."""

LONGEST: Final = 30.0
"""Seconds between tries, at most."""

_DOUBLINGS: Final = 16


@attrs.define
class Breaker:
    """
    Exponential back-off with full jitter, so that replicas don't come back all at once.

    Attributes:
        shortest: Seconds before the first new try.
        retry_at: Nothing is tried before it, in the caller's seconds.
    """

    shortest: float = SHORTEST
    retry_at: float = 0.0
    _outages: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether the last try failed."""
        return self._outages > 0

    def note(self, now: float, *, down: bool) -> float:
        """
        Take the outcome of a batch.

        Args:
            now: The caller's time, in seconds.
            down: Whether the store took nothing of it.

        Returns:
            When to try again what was not taken.
        """
        if not down:
            self.reset()
            return now + self.shortest
        ceiling = min(LONGEST, self.shortest * 2**self._outages)
        self._outages = min(self._outages + 1, _DOUBLINGS)
        self.retry_at = now + random.uniform(self.shortest, ceiling)  # noqa: S311 - jitter, no secret
        return self.retry_at

    def reset(self) -> None:
        """Let the next try through at once."""
        self._outages = 0
        self.retry_at = 0.0
