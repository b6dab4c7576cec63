# SPDX-License-Identifier: Apache-2.0
"""The small parts that the benchmarks are made of."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from session_benchmarks.data import (
    SIZES,
    SMALL,
    Size,
    as_document,
    change,
    change_document,
    make_session,
)
from session_benchmarks.plan import FULL, QUICK
from session_benchmarks.raw_sqlite import RawSqlite
from session_benchmarks.rows import NO_TARGET, Row, Target, duration, markdown
from session_benchmarks.timing import Pair, interleaved, longest_gap, summary

PAIR = Pair(baseline=0.002, ours=0.001, ratio=2.0)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sessions_have_their_size(size: Size) -> None:
    """A session is as large as its name says, give or take a field."""
    assert size.document_bytes == pytest.approx(
        len(orjson.dumps(as_document(make_session(size)))), abs=120
    )


def test_same_change_in_session_and_document() -> None:
    """The raw driver stores the very change that our repository stores."""
    session = make_session(SMALL)
    document = as_document(session)

    change(session, 5)
    change_document(document, 5)

    assert as_document(session) == document


def test_each_number_changes_one_field() -> None:
    """Two changes in a row differ in one field, so that each save has something to do."""
    session = make_session(SIZES[1])
    before = as_document(session)["form_states"]
    change(session, 1)
    after = as_document(session)["form_states"]

    changed = [form for form, state in after.items() if state != before[form]]

    assert ["form_1"] == changed


def test_both_ways_take_turns_in_being_first() -> None:
    """What the first of a pair costs the second, such as a full cache, evens out."""
    order: list[str] = []

    interleaved(
        lambda number: order.append(f"raw {number}"),
        lambda number: order.append(f"ours {number}"),
        rounds=2,
    )

    assert ["raw 0", "ours 0", "ours 1", "raw 1", "raw 2", "ours 2"] == order


def test_summary_is_of_medians() -> None:
    """One slow round moves neither time nor ratio."""
    rounds = [(2.0, 1.0), (4.0, 2.0), (3.0, 900.0)]

    assert Pair(baseline=3.0, ours=2.0, ratio=2.0) == summary(rounds)


def test_longest_gap() -> None:
    """The longest pause between neighbours counts, and a single moment has none."""
    assert 4.0 == longest_gap([1.0, 2.0, 6.0, 7.0])
    assert 0.0 == longest_gap([1.0])


@pytest.mark.parametrize(
    ("target", "text", "verdict"),
    [
        (Target(ratio=2), ">= 2", "yes"),
        (Target(ratio=2.5), ">= 2.5", "no"),
        (Target(seconds=0.001), "<= 1.00 ms", "yes"),
        (Target(seconds=0.0005), "<= 500.0 us", "no"),
        (NO_TARGET, "", ""),
    ],
)
def test_targets_are_told_and_judged(target: Target, text: str, verdict: str) -> None:
    """A row says what it had to reach and whether it did."""
    assert (text, verdict) == (str(target), target.verdict(PAIR))


def test_table_has_a_line_a_row() -> None:
    """The table says what was measured, both times, the ratio and the verdict."""
    row = Row(measured="save", against="raw", pair=PAIR, target=Target(ratio=1), note="loud")

    assert "| save | raw | 2.00 ms | 1.00 ms | 2.00 | >= 1 | yes, loud |" in markdown([row])


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.50 s"), (0.0014, "1.40 ms"), (0.0000182, "18.2 us")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    """A time is given in the unit that suits it."""
    assert text == duration(seconds)


def test_quick_plans_do_less() -> None:
    """A quick run does a few of everything, but never too few for a median."""
    assert (100, 3) == (FULL.rounds(100), QUICK.rounds(10))
    assert QUICK.rows(1_000_000) < FULL.rows(1_000_000)


def test_raw_save_checks_the_version(tmp_path: Path) -> None:
    """What we are compared with guards against lost updates, too."""
    raw = RawSqlite(tmp_path / "raw.db", "NORMAL")
    raw.save("a", 1, {"x": 1})
    raw.save("a", 2, {"x": 2})

    with pytest.raises(RuntimeError, match="version 2 was not stored"):
        raw.save("a", 2, {"x": 3})

    assert {"x": 2} == raw.load("a")
    raw.close()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_no_change_keeps_the_length(size: Size) -> None:
    """Not one of many changes leaves the document as long as it was: SQLite would write less of it."""
    document = as_document(make_session(size))
    lengths = []
    for number in range(-120, 120):
        change_document(document, number)
        lengths.append(len(orjson.dumps(document)))

    assert all(before != after for before, after in pairwise(lengths))
