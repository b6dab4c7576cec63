# SPDX-License-Identifier: Apache-2.0
"""
Keeps two tabs from waking each other for ever.

A page that changes its session at each run (the time of the last visit, say) saves
when it is rerun. With such a page open on two replicas, each save wakes the other
tab, which saves, and so on. So who answers is told later and later.
"""

from __future__ import annotations

from typing import Final

import attrs

SHORTEST: Final = 1.0
"""Seconds between telling a tab that answers and telling it again, the first time."""

LONGEST: Final = 60.0
"""The same, at most."""


@attrs.define
class Echo:
    """
    When the tabs of a session were told last, and what came of it.

    Attributes:
        told_at: When, in the caller's seconds.
        gap: Seconds that have to pass before they are told again, if they answered.
        answered: Whether the session was saved here since then.
    """

    told_at: float
    gap: float = SHORTEST
    answered: bool = False

    @classmethod
    def after(cls, before: Echo | None, now: float) -> Echo:
        """Return the echo of telling now: twice as slow, if the last one was answered and is not long ago."""
        if before is None or not before.answered or now > before.told_at + 2 * before.gap:
            return cls(now)
        return cls(now, min(LONGEST, 2 * before.gap))

    def next_at(self, now: float) -> float:
        """Return when to tell again."""
        return max(now, self.told_at + self.gap) if self.answered else now
