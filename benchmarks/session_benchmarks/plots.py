# SPDX-License-Identifier: Apache-2.0
"""
Charts as SVG: a mark for each number on an axis of powers of ten, its value beside it.

They bring their own background, follow the reader's choice of light or dark,
and tell ours from others by shape, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import ceil, floor, log10
from typing import Final

import attrs
import svg

_STYLE: Final = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.group, .ours { font-weight: 600 }
.soft { fill: #59636e }
.right { text-anchor: end }
.middle { text-anchor: middle }
.paper { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.one { stroke: #59636e; stroke-dasharray: 3 3 }
.stem { stroke: #818b98; stroke-width: 2 }
.stem.ours { stroke: #0072b2 }
.mark { fill: #818b98 }
.mark.ours { fill: #0072b2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .soft { fill: #9198a1 }
  .paper { fill: #0d1117 }
  .grid { stroke: #3d444d }
  .one { stroke: #9198a1 }
  .stem { stroke: #7d8590 }
  .stem.ours { stroke: #56b4e9 }
  .mark { fill: #7d8590 }
  .mark.ours { fill: #56b4e9 }
}
"""
_WIDTH: Final = 900
_NAMES: Final = 225
_EDGE: Final = 12
_GAP: Final = 14
_TOP: Final = 62
_ROW: Final = 21
_BOTTOM: Final = 42
_RADIUS: Final = 4.0
_MARGIN: Final = 1.5
"""How much further than its numbers an axis goes in both directions, as a factor."""


@attrs.frozen
class Mark:
    """
    One number.

    Attributes:
        value: Where it stands.
        label: What is said at the end of its line.
    """

    value: float
    label: str


@attrs.frozen
class Line:
    """
    One library.

    Attributes:
        name: Its name.
        ours: Whether it is the one that the chart is about.
        marks: Its number in each panel, by the panel's name.
    """

    name: str
    ours: bool
    marks: Mapping[str, Mark]


@attrs.frozen(kw_only=True)
class Chart:
    """
    Numbers of several libraries, on axes of powers of ten.

    Attributes:
        title: What is shown.
        unit: What the axis counts.
        panels: Names of the panels beside each other.
        groups: The lines below each heading.
        labels: What the marks' labels need at a panel's right, in pixels.
        stem_from: Where the line that leads to a mark begins; it is drawn from top to bottom, too.
    """

    title: str
    unit: str
    panels: tuple[str, ...]
    groups: Mapping[str, Sequence[Line]]
    labels: float
    stem_from: float | None = None


@attrs.frozen
class Axis:
    """
    One panel's axis.

    Attributes:
        left: Where it begins, in pixels.
        right: Where it ends.
        low: Its least number.
        high: Its greatest number.
    """

    left: float
    right: float
    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where a number stands, in pixels."""
        share = log10(value / self.low) / log10(self.high / self.low)
        return round(self.left + share * (self.right - self.left), 1)

    @property
    def ticks(self) -> list[float]:
        """The powers of ten."""
        return [10.0**power for power in range(ceil(log10(self.low)), floor(log10(self.high)) + 1)]


def drawn(chart: Chart) -> str:
    """Return a chart as a document."""
    height = _TOP + _ROW * sum(1 + len(lines) for lines in chart.groups.values()) + _BOTTOM
    axes = dict(zip(chart.panels, _axes(chart), strict=True))
    elements = chain(_frame(chart, height), _scales(chart, axes, height), _lines(chart, axes))
    box = svg.ViewBoxSpec(0, 0, _WIDTH, height)
    return f"{svg.SVG(width=_WIDTH, height=height, viewBox=box, elements=list(elements))}\n"


def _axes(chart: Chart) -> Iterator[Axis]:
    lines = chain.from_iterable(chart.groups.values())
    values = [mark.value for line in lines for mark in line.marks.values()]
    values += [] if chart.stem_from is None else [chart.stem_from]
    low, high = min(values) / _MARGIN, max(values) * _MARGIN
    room = _WIDTH - _NAMES - _EDGE
    width = (room - _GAP * (len(chart.panels) - 1)) / len(chart.panels)
    for place in range(len(chart.panels)):
        left = _NAMES + place * (width + _GAP)
        yield Axis(left, left + width - chart.labels, low, high)


def _frame(chart: Chart, height: int) -> Iterator[svg.Element]:
    yield svg.Style(text=_STYLE)
    yield svg.Rect(width=_WIDTH, height=height, class_=["paper"])
    yield _text(_EDGE, 24, chart.title, "title")
    yield _text(_WIDTH - _EDGE, height - 8, chart.unit, "soft", "right")


def _scales(chart: Chart, axes: Mapping[str, Axis], height: int) -> Iterator[svg.Element]:
    bottom = height - _BOTTOM
    for name, axis in axes.items():
        if name:
            yield _text(axis.left, _TOP - 12, name, "group")
        for tick in axis.ticks:
            yield _upright(axis.place(tick), bottom, "grid")
            yield _text(axis.place(tick), bottom + 15, f"{tick:,g}", "soft", "middle")
        if chart.stem_from is not None:
            yield _upright(axis.place(chart.stem_from), bottom, "one")


def _lines(chart: Chart, axes: Mapping[str, Axis]) -> Iterator[svg.Element]:
    top = _TOP + _ROW / 2
    for heading, lines in chart.groups.items():
        yield _text(_EDGE, top + 4, heading, "group")
        for line in lines:
            top += _ROW
            yield _text(_EDGE + 10, top + 4, line.name, *_kind(line))
            for panel, mark in line.marks.items():
                yield from _marked(axes[panel], line, mark, top, chart.stem_from)
        top += _ROW


def _marked(
    axis: Axis, line: Line, mark: Mark, middle: float, stem_from: float | None
) -> Iterator[svg.Element]:
    x = axis.place(mark.value)
    begin = axis.left if stem_from is None else axis.place(stem_from)
    yield svg.Line(x1=begin, x2=x, y1=middle, y2=middle, class_=["stem", *_kind(line)])
    yield _shape(x, middle, line)
    yield _text(axis.right + 8, middle + 4, mark.label, *_kind(line))


def _shape(x: float, y: float, line: Line) -> svg.Element:
    if not line.ours:
        return svg.Circle(cx=x, cy=y, r=_RADIUS, class_=["mark"])
    side = 2 * _RADIUS
    return svg.Rect(
        x=x - _RADIUS,
        y=y - _RADIUS,
        width=side,
        height=side,
        class_=["mark", "ours"],
        transform=[svg.Rotate(45, x, y)],
    )


def _kind(line: Line) -> Iterable[str]:
    return ("ours",) if line.ours else ()


def _text(x: float, y: float, text: str, *classes: str) -> svg.Text:
    return svg.Text(x=x, y=y, text=text, class_=list(classes))


def _upright(x: float, bottom: float, kind: str) -> svg.Line:
    return svg.Line(x1=x, x2=x, y1=_TOP, y2=bottom, class_=[kind])
