# SPDX-License-Identifier: Apache-2.0
"""The measured part of a page of the documentation, and the plots that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from session_benchmarks.comparing import (
    ByLibrary,
    burst_chart,
    burst_table,
    by_library,
    page_table,
    ratio_chart,
    ratio_table,
)
from session_benchmarks.plots import Chart, drawn
from session_benchmarks.rows import Row, markdown

BEGIN: Final = "<!-- measured: made by a command, do not edit -->"
END: Final = "<!-- /measured -->"


class Section(NamedTuple):
    """One comparison of several libraries."""

    heading: str
    verb: str
    table: Callable[[ByLibrary], str]
    chart: Callable[[ByLibrary], Chart] | None


_SECTIONS: Final = (
    Section("A page", "page", page_table, None),
    Section("Saves", "save", ratio_table, partial(ratio_chart, verb="save")),
    Section("Loads", "load", ratio_table, partial(ratio_chart, verb="load")),
    Section("Bursts", "burst", burst_table, burst_chart),
)


def check_page(page: Path) -> None:
    """
    Raise unless a page has a place for what is measured: better before it is measured.

    Raises:
        ValueError: If a marker is missing; it says which.
    """
    _around(page)


def publish(page: Path, rows: Sequence[Row], foot: str) -> None:
    """
    Put *rows* into *page*, and plots into the folder ``images`` beside it.

    Args:
        page: A Markdown file with both markers.
        rows: What was measured.
        foot: What stands below: the machine and how to repeat it.
    """
    before, after = _around(page)
    images = page.parent / "images"
    images.mkdir(exist_ok=True)
    sections = "".join(_sections(rows, images))
    every = f"### Every row\n\n{markdown(rows)}"
    page.write_text(f"{before}{BEGIN}\n\n{sections}{every}\n{foot}\n{END}{after}", encoding="utf-8")


def _around(page: Path) -> tuple[str, str]:
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"{page}: no line {(END if begin else BEGIN)!r}; what was measured goes between both markers"
        raise ValueError(msg)
    return before, after


def _sections(rows: Sequence[Row], images: Path) -> Iterator[str]:
    for section in _SECTIONS:
        found = by_library(rows, section.verb)
        if not found:
            continue
        if section.chart is None:
            yield f"### {section.heading}\n\n{section.table(found)}\n"
            continue
        chart = section.chart(found)
        plot = images / f"performance-{section.verb}.svg"
        plot.write_text(drawn(chart), encoding="utf-8")
        shown = f"![{chart.title}](images/{plot.name})"
        yield f"### {section.heading}\n\n{shown}\n\n{section.table(found)}\n"
