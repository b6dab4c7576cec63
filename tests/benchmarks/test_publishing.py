# SPDX-License-Identifier: Apache-2.0
"""The measured part of a page, its tables and its plots."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from session_benchmarks import command
from session_benchmarks.catalogue import MEASUREMENTS, Measurement
from session_benchmarks.comparing import (
    burst_table,
    by_library,
    page_table,
    ratio_chart,
    ratio_table,
)
from session_benchmarks.plots import Axis, Chart, Line, Mark, drawn
from session_benchmarks.publishing import BEGIN, END, check_page, publish
from session_benchmarks.rows import Point, Row
from session_benchmarks.timing import Pair

GUIDE = Path(__file__).parents[2] / "docs" / "performance.md"
SVG = "{http://www.w3.org/2000/svg}"


def _row(library: str, verb: str, size: str, ratio: float, note: str = "") -> Row:
    return Row(
        measured=f"{library}: {verb} {size}",
        against="raw",
        pair=Pair(ratio * 1e-3, 1e-3, ratio),
        note=note,
        point=Point(library, "SQLite", verb, size),
    )


ROWS = [
    _row("sessionkit", "save", "2 kB", 0.5),
    _row("sessionkit", "save", "20 kB", 2.0),
    _row("other 1.0", "save", "2 kB", 0.05),
    _row("sessionkit", "burst", "2 kB", 20.0, "1 write for 10,000 changes"),
    Row(measured="elsewhere", against="raw", pair=Pair(1.0, 1.0, 1.0)),
]


@pytest.fixture(name="page")
def _page(tmp_path: Path) -> Path:
    """Return a page with a place for what is measured."""
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter.\n", encoding="utf-8")
    return page


def test_libraries_stand_below_each_other() -> None:
    """A table has a line for each library, and a size that was not measured stays empty."""
    text = ratio_table(by_library(ROWS, "save"))

    assert "| store | library | 2 kB | 20 kB | 194 kB | 970 kB |" in text
    assert "| SQLite | sessionkit | 0.50 | 2.00 |  |  |" in text
    assert "| SQLite | other 1.0 | 0.05 |  |  |  |" in text


def test_bursts_tell_time_and_writes() -> None:
    """What a change costs, and what the store sees of it."""
    text = burst_table(by_library(ROWS, "burst"))

    assert "| SQLite | sessionkit | 1.00 ms | 1 write for 10,000 changes |" in text


def test_a_page_is_told_as_people_ask() -> None:
    """How many times as long it takes, and how much that is."""
    row = _row("persist(*keys)", "page", "", 0.8, "adds 0.25 ms")
    text = page_table(by_library([row], "page"))

    assert "| SQLite | persist(*keys) | 1.25 | adds 0.25 ms | 800.0 us |" in text


def test_page_gets_its_measured_part(page: Path) -> None:
    """What was between the markers is replaced, again and again, and the rest of the page stays."""
    publish(page, ROWS, "On some machine.\n")
    once = page.read_text(encoding="utf-8")
    publish(page, ROWS, "On some machine.\n")

    assert once == page.read_text(encoding="utf-8")
    assert once.startswith(f"# Before\n\n{BEGIN}\n\n### Saves\n")
    assert once.endswith(f"On some machine.\n\n{END}\n\nAfter.\n")
    assert "old" not in once
    assert "| elsewhere | raw |" in once


def test_page_has_plots_of_what_was_measured(page: Path) -> None:
    """Each plot that the page shows is there, and none of what was not measured."""
    publish(page, ROWS, "")
    text = page.read_text(encoding="utf-8")

    assert ["performance-burst.svg", "performance-save.svg"] == sorted(
        plot.name for plot in (page.parent / "images").iterdir()
    )
    assert "](images/performance-burst.svg)" in text
    assert "](images/performance-save.svg)" in text
    assert "### Loads" not in text


@pytest.mark.parametrize(("text", "missing"), [("", BEGIN), (BEGIN, END), (END + BEGIN, END)])
def test_page_without_place_is_refused(
    page: Path, text: str, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that has no place for what is measured is found out before it is measured."""
    page.write_text(text, encoding="utf-8")

    with pytest.raises(SystemExit):
        command.main(["--publish", str(page)])

    assert f"{page}: no line {missing!r}" in capsys.readouterr().err


def test_guide_can_be_filled() -> None:
    """The documentation has the place that the command fills."""
    check_page(GUIDE)

    assert "--publish docs/performance.md" in GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("other", ["--two-writers", "--set-floors"])
def test_only_measurements_are_published(
    other: str, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has no rows can't fill the page, and nothing is begun."""
    with pytest.raises(SystemExit):
        command.main([other, "--publish", str(page)])

    assert "--publish goes with measurements" in capsys.readouterr().err


def _elements(chart: Chart, kind: str) -> list[ET.Element]:
    return list(ET.fromstring(drawn(chart)).iter(SVG + kind))  # noqa: S314 - our own text


def test_plot_has_a_mark_and_a_label_for_each_number() -> None:
    """Ours differs by its shape, too, and each number can be read."""
    chart = ratio_chart(by_library(ROWS, "save"), "save")
    texts = [element.text for element in _elements(chart, "text")]
    marks = [shape for shape in _elements(chart, "rect") if "ours" in shape.attrib["class"]]

    assert (2, 1) == (len(marks), len(_elements(chart, "circle")))
    assert {"sessionkit", "other 1.0", "SQLite", "0.50", "2.00", "0.05"} <= set(texts)


def test_plot_is_read_in_light_and_dark() -> None:
    """It brings its own background, and other colours for whoever prefers dark ones."""
    chart = Chart(
        title="t", unit="u", panels=("p",), groups={"g": [Line("a", False, {})]}, labels=9,  # noqa: FBT003
        stem_from=1.0,
    )  # fmt: skip
    [style] = _elements(chart, "style")
    paper = _elements(chart, "rect")[0]

    assert "@media (prefers-color-scheme: dark)" in str(style.text)
    assert "paper" == paper.attrib["class"]


def test_ten_times_as_much_is_always_as_far() -> None:
    """The axis is one of powers of ten, with a tick for each that lies on it."""
    axis = Axis(left=100, right=400, low=0.1, high=100)

    assert [100, 200, 300, 400] == [axis.place(value) for value in (0.1, 1, 10, 100)]
    assert [0.1, 1, 10, 100] == pytest.approx(axis.ticks)


def test_marks_stand_where_their_numbers_are() -> None:
    """What is twice as fast stands further right than what is half as fast, in any panel."""
    lines = [
        Line("a", False, {"p": Mark(2.0, "2")}),  # noqa: FBT003 - as in the module
        Line("b", False, {"p": Mark(0.5, "0.5")}),  # noqa: FBT003 - as above
    ]
    chart = Chart(title="t", unit="u", panels=("p",), groups={"g": lines}, labels=30)
    fast, slow = (float(circle.attrib["cx"]) for circle in _elements(chart, "circle"))

    assert fast > slow


def test_command_publishes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: Path
) -> None:
    """``--publish`` fills the page, with the machine and how to repeat it."""
    rows: Measurement[None] = Measurement(nullcontext, lambda *_: iter(ROWS))
    monkeypatch.setitem(MEASUREMENTS, "merge", rows)
    command.main(["--quick", "--only", "merge", "--publish", str(page)])
    text = page.read_text(encoding="utf-8")

    assert "| elsewhere | raw |" in capsys.readouterr().out
    assert "cores" in text
    assert f"`python benchmarks/run.py --quick --only merge --publish {page}`" in text


def test_quick_run_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What takes long is not part of a quick run, unless it is asked for by name."""
    ran: list[str] = []
    for name, measurement in list(MEASUREMENTS.items()):
        monkeypatch.setitem(
            MEASUREMENTS,
            name,
            Measurement(
                nullcontext,
                lambda *_, name=name: iter(ran.append(name) or ()),  # type: ignore[misc]
                slow=measurement.slow,
            ),
        )
    command.main(["--quick"])
    printed = capsys.readouterr().out
    left_out = [name for name in MEASUREMENTS if name not in ran]

    assert f"Left out, as they take long: {', '.join(left_out)}." in printed
    assert "sqlite-contention" in left_out
    command.main(["--quick", "--only", "sqlite-contention"])
    assert "sqlite-contention" == ran[-1]
    assert "Left out" not in capsys.readouterr().out
