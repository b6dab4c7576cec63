# SPDX-License-Identifier: Apache-2.0
"""One line of the result, what it has to reach, and the whole as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from session_benchmarks.timing import Pair

_HEADINGS: Final = ("measured", "against", "its time", "ours", "ratio", "to reach", "")
_MILLI: Final = 1e-3


@attrs.frozen(kw_only=True)
class Target:
    """
    What a row has to reach; of None nothing is asked.

    Attributes:
        ratio: How many times as fast as the baseline, at least.
        seconds: How long it may take, at most.
    """

    ratio: float | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        """Say it as the table does."""
        if self.ratio is not None:
            return f">= {self.ratio:.2g}"
        return "" if self.seconds is None else f"<= {duration(self.seconds)}"

    def verdict(self, pair: Pair) -> str:
        """Return ``"yes"``, ``"no"``, or nothing when nothing is asked."""
        if self.ratio is not None:
            return "yes" if pair.ratio >= self.ratio else "no"
        if self.seconds is not None:
            return "yes" if pair.ours <= self.seconds else "no"
        return ""


NO_TARGET: Final = Target()


@attrs.frozen(kw_only=True)
class Row:
    """
    One line of the result.

    Attributes:
        measured: What was done.
        against: What it is compared with.
        pair: What both took.
        target: What it has to reach.
        note: Where the time goes, say.
    """

    measured: str
    against: str
    pair: Pair
    target: Target = NO_TARGET
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the table's columns."""
        return (
            self.measured,
            self.against,
            duration(self.pair.baseline),
            duration(self.pair.ours),
            f"{self.pair.ratio:.2f}",
            str(self.target),
            ", ".join(filter(None, (self.target.verdict(self.pair), self.note))),
        )


def markdown(rows: Iterable[Row]) -> str:
    """Return *rows* as a Markdown table."""
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def duration(seconds: float) -> str:
    """Return a time as a reader likes it: ``"18.2 us"``, ``"1.40 ms"``, ``"2.50 s"``."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= _MILLI:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e6:.1f} us"
