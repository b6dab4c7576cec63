# SPDX-License-Identifier: Apache-2.0
"""When a session ends by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs

from sessionkit.records import MOST_AHEAD


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


TOUCH_INTERVAL: Final = _micros(timedelta(minutes=1))
"""Activity of so little time, in microseconds, is not worth a write of its own."""


@attrs.frozen(kw_only=True)
class Expiry:
    """
    When a session ends by itself.

    Attributes:
        idle: After so long without activity; None for never.
        absolute: So long after it began; None for never.
        touch_interval: How many microseconds of activity go unstored: a minute, or less where
            sessions end soon.
    """

    idle: timedelta | None
    absolute: timedelta | None
    touch_interval: int = attrs.field(init=False, repr=False)
    _idle_micros: int | None = attrs.field(init=False, repr=False)
    _absolute_micros: int | None = attrs.field(init=False, repr=False)

    @touch_interval.default
    def _shortest(self) -> int:
        return TOUCH_INTERVAL if self.idle is None else min(TOUCH_INTERVAL, _micros(self.idle / 4))

    @_idle_micros.default
    def _of_idle(self) -> int | None:
        return None if self.idle is None else _micros(self.idle)

    @_absolute_micros.default
    def _of_absolute(self) -> int | None:
        return None if self.absolute is None else _micros(self.absolute)

    def of(self, *, created_at: int, last_activity: int) -> int | None:
        """
        Return the earlier of the two ends in microseconds since the epoch, or None.

        A session that would have begun more than a day after it was last used began by a wrong clock:
        it counts as begun when it was used.
        """
        if created_at > last_activity + MOST_AHEAD:
            created_at = last_activity
        idle = None if self._idle_micros is None else last_activity + self._idle_micros
        absolute = None if self._absolute_micros is None else created_at + self._absolute_micros
        if idle is None or absolute is None:
            return absolute if idle is None else idle
        return min(idle, absolute)
