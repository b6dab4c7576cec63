# SPDX-License-Identifier: Apache-2.0
"""
How often a session was used, and when last.

It is noted at each input, thousands of times between two saves: so it is kept
apart, where assigning runs no checks, and becomes a ``datetime`` when someone looks.
"""

from __future__ import annotations

from datetime import datetime
from time import time_ns
from typing import Any, Final, TypeVar

import attrs

from sessionkit.session.moments import from_micros, to_micros

# The session's class is made with this module: none of its type is known here.
# ruff: noqa: ANN401

T = TypeVar("T")

_MICROSECOND: Final = 1000
"""In nanoseconds."""


@attrs.define(eq=False)
class Activity:
    """
    A session's count of interactions and its last moment.

    Attributes:
        count: How many interactions there were.
        last: When it was last used, in nanoseconds since the epoch.
    """

    count: int = 0
    last: int = 0

    @property
    def micros(self) -> int:
        """When it was last used, in microseconds since the epoch: as stores keep it."""
        return self.last // _MICROSECOND

    @micros.setter
    def micros(self, micros: int) -> None:
        self.last = micros * _MICROSECOND

    def touched(self) -> None:
        """Note that the user is there, now."""
        now = time_ns()
        if now > self.last:  # noqa: PLR1730 - ``max`` takes longer than all the rest
            self.last = now

    def interacted(self) -> None:
        """Count an interaction, now."""
        self.count += 1
        self.touched()


def kept_in_activity(cls: type[T]) -> type[T]:
    """
    Have a session's ``interaction_count`` and ``last_activity`` read and set in its ``activity``.

    Both stay fields for attrs, with their converters, names and places.
    """
    kept = {
        "interaction_count": property(_count, _set_count),
        "last_activity": property(_last, _set_last),
    }
    for name, where in kept.items():
        setattr(cls, name, where)
    return cls


def _count(session: Any) -> int:
    count: int = session.activity.count
    return count


def _set_count(session: Any, count: int) -> None:
    session.activity.count = count


def _last(session: Any) -> datetime:
    return from_micros(session.activity.micros)


def _set_last(session: Any, moment: datetime) -> None:
    session.activity.micros = to_micros(moment)
