# SPDX-License-Identifier: Apache-2.0
"""How much of everything a run does."""

from __future__ import annotations

from typing import Final

import attrs

_FEWEST_ROUNDS: Final = 3


@attrs.frozen
class Plan:
    """
    How much a run does.

    Attributes:
        rounds_share: Which share of the rounds.
        rows_share: Which share of the rows in large tables.
    """

    rounds_share: float = 1.0
    rows_share: float = 1.0

    def rounds(self, number: int) -> int:
        """Return how many of *number* rounds to do."""
        return max(_FEWEST_ROUNDS, round(number * self.rounds_share))

    def rows(self, number: int) -> int:
        """Return how many of *number* rows to make."""
        return round(number * self.rows_share)


FULL: Final = Plan()
QUICK: Final = Plan(rounds_share=0.05, rows_share=0.02)
