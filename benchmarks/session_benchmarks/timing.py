# SPDX-License-Identifier: Apache-2.0
"""Times two ways of doing a thing in turn, so that what disturbs the machine disturbs both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Final

import attrs

Step = Callable[[int], object]
"""Does the thing once; each call is given another number."""

_WARM_UP: Final = 0.1
"""Which share of the rounds comes before those that count."""


@attrs.frozen
class Pair:
    """
    What two ways took.

    Attributes:
        baseline: Seconds, the median.
        ours: Seconds, the median.
        ratio: How many times as fast ours is: the median of the rounds' own ratios.
    """

    baseline: float
    ours: float
    ratio: float


def interleaved(baseline: Step, ours: Step, rounds: int) -> Pair:
    """
    Time both, *rounds* times, each being the first in every other round.

    Args:
        baseline: What ours is compared with.
        ours: The thing that is judged.
        rounds: How many count; some more come before as warm-up.
    """
    taken = [_round(baseline, ours, number) for number in range(calls_in(rounds))]
    return summary(taken[-rounds:])


def calls_in(rounds: int) -> int:
    """Return how often each step is called for so many rounds, warm-up included."""
    return rounds + round(rounds * _WARM_UP) + 1


def summary(taken: Sequence[tuple[float, float]]) -> Pair:
    """Return the medians of rounds, each of which took (baseline, ours) seconds."""
    return Pair(
        baseline=median(base for base, _ in taken),
        ours=median(own for _, own in taken),
        ratio=median(base / own for base, own in taken),
    )


def seconds_of(step: Step, number: int) -> float:
    """Return how long one call takes."""
    begin = perf_counter()
    step(number)
    return perf_counter() - begin


def longest_gap(moments: Sequence[float]) -> float:
    """Return the longest time between two neighbours; 0 when there are none."""
    return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


def _round(baseline: Step, ours: Step, number: int) -> tuple[float, float]:
    if number % 2:
        own = seconds_of(ours, number)
        return seconds_of(baseline, number), own
    base = seconds_of(baseline, number)
    return base, seconds_of(ours, number)
