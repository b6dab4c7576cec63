# SPDX-License-Identifier: Apache-2.0
"""Whether the store was found to be down just now: who comes next goes on without it, and does not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import attrs
from attrs import Factory

from sessionkit.errors import UnavailableError
from sessionkit.persistence.health import Breaker

PAUSE: Final = 2.0
"""Seconds for which nobody asks a store that was found to be down for the first time."""


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
    _breaker: Breaker = Factory(partial(Breaker, PAUSE))

    def record_down(self, error: UnavailableError) -> None:
        """Record that the store did not answer."""
        self._error, self.is_known = error, True
        self._breaker.note(self.clock(), down=True)

    def record_answer(self) -> None:
        """Record that it has answered."""
        self._error, self.is_known = None, False
        self._breaker.note(self.clock(), down=False)

    def check(self) -> None:
        """Raise :class:`UnavailableError` if the store was down just now, without asking it."""
        error = self._error
        if error is not None and self.clock() < self._breaker.retry_at:
            raise UnavailableError(*error.args) from error
