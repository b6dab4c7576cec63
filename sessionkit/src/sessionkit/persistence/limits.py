# SPDX-License-Identifier: Apache-2.0
"""How much may wait to be saved, and what is done with more."""

from __future__ import annotations

from typing import Final

import attrs

from sessionkit.errors import ConfigError

BLOCK: Final = "block"
RAISE: Final = "raise"
WHEN_FULL: Final = (BLOCK, RAISE)


@attrs.frozen(kw_only=True)
class QueueLimits:
    """
    How much may wait to be saved.

    Attributes:
        max_pending: How many sessions, at most.
        max_pending_bytes: How many bytes they hold, encoded, at most.
        when_full: What is done with one more: ``"block"`` waits for room, then raises; ``"raise"``
            raises.
        full_timeout_ms: How long to wait for room, in milliseconds.
    """

    max_pending: int = 10_000
    max_pending_bytes: int = 256 * 2**20
    when_full: str = BLOCK
    full_timeout_ms: float = 1000

    def __attrs_post_init__(self) -> None:
        """Refuse what can't be."""
        if min(self.max_pending, self.max_pending_bytes) < 1 or self.full_timeout_ms < 0:
            msg = "max_pending and max_pending_bytes are 1 or more, full_timeout_ms is 0 or more"
            raise ConfigError(msg)
        if self.when_full not in WHEN_FULL:
            right = ", ".join(map(repr, WHEN_FULL))
            msg = f"when_full is one of {right}, not {self.when_full!r}"
            raise ConfigError(msg)

    def takes(self, sessions: int, size: int, more: int) -> bool:
        """
        Return whether one more session may wait.

        Args:
            sessions: How many wait.
            size: How many bytes they hold.
            more: How many bytes it holds. One that is larger than all may hold waits alone.
        """
        return sessions < self.max_pending and (
            size + more <= self.max_pending_bytes or not sessions
        )

    def is_over(self, sessions: int, size: int) -> bool:
        """Return whether more wait than may."""
        return sessions > self.max_pending or (size > self.max_pending_bytes and sessions > 1)
