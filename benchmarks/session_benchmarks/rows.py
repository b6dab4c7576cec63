# SPDX-License-Identifier: Apache-2.0
"""One line of the result, what it has to reach, and the whole as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from session_benchmarks.timing import Pair

_HEADINGS: Final = ("measured", "against", "that takes", "this takes", "ratio", "to reach", "")
_MILLI: Final = 1e-3


@attrs.frozen(kw_only=True)
class Target:
    """
    What a row has to reach; of None nothing is asked.

    Attributes:
        ratio: How many times as fast as the baseline, at least.
        seconds: How long it may take, at most.
        writes: How many writes it may need, at most.
    """

    ratio: float | None = None
    seconds: float | None = None
    writes: int | None = None

    def __str__(self) -> str:
        """Say it as the table does."""
        if self.ratio is not None:
            return f">= {self.ratio:.2g}"
        if self.seconds is not None:
            return f"<= {duration(self.seconds)}"
        return "" if self.writes is None else f"<= {counted(self.writes, 'write')}"

    def verdict(self, pair: Pair, writes: int = 0) -> str:
        """Return ``"yes"``, ``"no"``, or nothing when nothing is asked."""
        if self.ratio is not None:
            return "yes" if pair.ratio >= self.ratio else "no"
        if self.seconds is not None:
            return "yes" if pair.ours <= self.seconds else "no"
        if self.writes is not None:
            return "yes" if writes <= self.writes else "no"
        return ""


NO_TARGET: Final = Target()


@attrs.frozen
class Point:
    """
    Where a row stands among those of other libraries.

    Attributes:
        library: The library, its version, and what it is made to use.
        store: The store.
        verb: What was done: ``"save"``, ``"load"`` or ``"burst"``.
        size: The size's name.
    """

    library: str
    store: str
    verb: str
    size: str


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
        writes: How many writes it needed, where that is judged.
        steady: Whether its ratio is nearly the same each time.
        point: Where it stands in tables and plots of several libraries, if it does.
    """

    measured: str
    against: str
    pair: Pair
    target: Target = NO_TARGET
    note: str = ""
    writes: int = 0
    steady: bool = True
    point: Point | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the table's columns."""
        return (
            self.measured,
            self.against,
            duration(self.pair.baseline),
            duration(self.pair.ours),
            f"{self.pair.ratio:.2f}",
            str(self.target),
            ", ".join(filter(None, (self.target.verdict(self.pair, self.writes), self.note))),
        )


def markdown(rows: Iterable[Row]) -> str:
    """Return *rows* as a Markdown table."""
    return markdown_table(_HEADINGS, (row.cells() for row in rows))


def markdown_table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return *lines* as a Markdown table."""
    every = [headings, ("---",) * len(headings), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in every)


def counted(number: int, noun: str) -> str:
    """Return ``"1 write"``, ``"2 writes"``, ``"10,000 writes"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time as a reader likes it: ``"18.2 us"``, ``"1.40 ms"``, ``"2.50 s"``."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= _MILLI:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e6:.1f} us"
