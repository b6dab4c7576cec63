# SPDX-License-Identifier: Apache-2.0
"""Rows of several libraries side by side: tables and charts of saves, loads and bursts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from session_benchmarks.data import SIZES
from session_benchmarks.plots import Chart, Line, Mark
from session_benchmarks.rows import Row, duration, markdown_table
from session_benchmarks.saves_and_loads import OURS

_MICRO: Final = 1e-6
_SIZES: Final = tuple(size.name for size in SIZES)
_VERBS: Final = {"save": "Saving", "load": "Loading"}

ByLibrary = Mapping[str, Mapping[str, Sequence[Row]]]
"""Rows by store, then by library."""


def by_library(rows: Iterable[Row], verb: str) -> ByLibrary:
    """Return the rows of one verb, ours before others."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if row.point is not None and row.point.verb == verb:
            libraries = found.setdefault(row.point.store, {})
            libraries.setdefault(row.point.library, []).append(row)
    return found


def ratio_table(found: ByLibrary) -> str:
    """Return the ratios by size as a Markdown table."""
    lines = [
        (store, library, *(f"{ratios[size]:.2f}" if size in ratios else "" for size in _SIZES))
        for store, libraries in found.items()
        for library, rows in libraries.items()
        for ratios in [_ratios(rows)]
    ]
    return markdown_table(("store", "library", *_SIZES), lines)


def ratio_chart(found: ByLibrary, verb: str) -> Chart:
    """Return the ratios by size as a chart."""
    return Chart(
        title=f"{_VERBS[verb]} a session: speed against the raw driver of the same store",
        unit="times as fast as the raw driver (dashed: as fast); further right is faster",
        panels=_SIZES,
        groups={store: _ratio_lines(libraries) for store, libraries in found.items()},
        labels=40,
        stem_from=1.0,
    )


def burst_table(found: ByLibrary) -> str:
    """Return what a change costs as a Markdown table."""
    lines = [
        (store, library, duration(row.pair.ours), row.note)
        for store, libraries in found.items()
        for library, rows in libraries.items()
        for row in rows
    ]
    return markdown_table(("store", "library", "a change", "the store sees"), lines)


def page_table(found: ByLibrary) -> str:
    """Return how many times as long as the plain page each page takes, and what that adds, as a Markdown table."""
    lines = [
        (page, library, f"{1 / row.pair.ratio:.2f}", row.note, duration(row.pair.baseline))
        for page, libraries in found.items()
        for library, rows in libraries.items()
        for row in rows
    ]
    headings = ("page", "kept by", "times the plain page", "the difference", "the plain page")
    return markdown_table(headings, lines)


def burst_chart(found: ByLibrary) -> Chart:
    """Return what a change costs as a chart."""
    return Chart(
        title="Many changes one after the other: what one costs its caller",
        unit="microseconds a change; further left is faster",
        panels=("",),
        groups={
            store: [_burst_line(library, rows[-1]) for library, rows in libraries.items()]
            for store, libraries in found.items()
        },
        labels=255,
    )


def _ratio_lines(libraries: Mapping[str, Sequence[Row]]) -> list[Line]:
    return [
        Line(
            library,
            library == OURS,
            {size: Mark(ratio, f"{ratio:.2f}") for size, ratio in _ratios(rows).items()},
        )
        for library, rows in libraries.items()
    ]


def _burst_line(library: str, row: Row) -> Line:
    label = f"{duration(row.pair.ours).replace('us', 'µs')}, {row.note}"
    return Line(library, library == OURS, {"": Mark(row.pair.ours / _MICRO, label)})


def _ratios(rows: Iterable[Row]) -> dict[str, float]:
    return {row.point.size: row.pair.ratio for row in rows if row.point is not None}
