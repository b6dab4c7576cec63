# SPDX-License-Identifier: Apache-2.0
"""When a session ends by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs

TOUCH_INTERVAL: Final = timedelta(minutes=1)
"""Activity of so little time is not worth a write of its own."""


@attrs.frozen(kw_only=True)
class Expiry:
    """
    When a session ends by itself.

    Attributes:
        idle: After so long without activity; None for never.
        absolute: So long after it began; None for never.
    """

    idle: timedelta | None
    absolute: timedelta | None

    @property
    def touch_interval(self) -> int:
        """How many microseconds of activity go unstored: a minute, or less where sessions end soon."""
        shortest = TOUCH_INTERVAL if self.idle is None else min(TOUCH_INTERVAL, self.idle / 4)
        return _micros(shortest)

    def of(self, *, created_at: int, last_activity: int) -> int | None:
        """Return the earlier of the two ends in microseconds since the epoch, or None."""
        limits = ((last_activity, self.idle), (created_at, self.absolute))
        ends = [start + _micros(length) for start, length in limits if length is not None]
        return min(ends, default=None)


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
