# SPDX-License-Identifier: Apache-2.0
"""Calls so short that each is timed by itself, thousands of times, to see the slow ones, too."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Final

import attrs

from session_benchmarks.timing import Pair, Step, seconds_of

_TURN: Final = 500
"""Calls of one before it is the other's turn."""

_PERCENT: Final = 100


@attrs.frozen
class Samples:
    """
    What each call took.

    Attributes:
        baseline: Seconds, a number a call.
        ours: Seconds, a number a call.
    """

    baseline: Sequence[float]
    ours: Sequence[float]

    @property
    def medians(self) -> Pair:
        """What half of the calls stay below."""
        return _pair(median(self.baseline), median(self.ours))

    @property
    def slow(self) -> Pair:
        """What 99 % of the calls stay below."""
        return _pair(_percentile(self.baseline), _percentile(self.ours))


def sampled(baseline: Step, ours: Step, turns: int) -> Samples:
    """
    Time each call of both, in turns of 500.

    Args:
        baseline: What ours is compared with.
        ours: The thing that is judged.
        turns: How many turns each has.
    """
    theirs: list[float] = []
    own: list[float] = []
    for turn in range(turns):
        numbers = range(turn * _TURN, (turn + 1) * _TURN)
        theirs += [seconds_of(baseline, number) for number in numbers]
        own += [seconds_of(ours, number) for number in numbers]
    return Samples(theirs, own)


def _pair(baseline: float, ours: float) -> Pair:
    return Pair(baseline, ours, baseline / ours)


def _percentile(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=_PERCENT)[-1]
