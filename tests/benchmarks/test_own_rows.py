# SPDX-License-Identifier: Apache-2.0
"""The rows of what an app waits for: a value that is kept, a rerun, classes to bytes, the import."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from session_benchmarks import imports
from session_benchmarks.backends import Backend, memory, sqlite
from session_benchmarks.bursts import burst_rows
from session_benchmarks.callers import (
    input_rows,
    locked_assignment,
    rerun_rows,
    schedule_rows,
)
from session_benchmarks.codecs import codec_rows
from session_benchmarks.data import SMALL
from session_benchmarks.imports import import_rows
from session_benchmarks.journals import journal_rows
from session_benchmarks.pages import page_rows
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Point, Row, Target
from session_benchmarks.sampling import Samples, sampled
from session_benchmarks.timing import Pair

ONCE = Plan(rounds_share=0.0)


@pytest.fixture(name="store")
def _store() -> Iterator[Backend]:
    """Return an empty store."""
    with sqlite("NORMAL") as store:
        yield store


def test_burst_is_one_write(store: Backend) -> None:
    """Ten thousand changes in one window are written once, as the row says and judges."""
    [row] = burst_rows(store, ONCE, Target(writes=1))

    assert (1, Point("sessionkit", "SQLite NORMAL", "burst", "2 kB")) == (row.writes, row.point)
    assert ("<= 1 write", "yes, 1 write for 10,000 changes") == row.cells()[-2:]


def test_rerun_that_changes_nothing_writes_nothing(store: Backend) -> None:
    """Bootstrap, save and flush of a session that is as it is stored write nothing."""
    [row] = rerun_rows(store, ONCE)

    assert ("<= 0 writes", "yes, 0 writes for 4 reruns") == row.cells()[-2:]


def test_input_rows_show_the_slow_calls_too(store: Backend) -> None:
    """``persist_input`` has a row for half of its calls and one for all but a hundredth."""
    half, most = input_rows(store, ONCE, sizes=(SMALL,))

    assert "persist_input, session of 2 kB on SQLite NORMAL" == half.measured
    assert f"{half.measured}: 99 % of the calls" == most.measured
    assert half.pair.ours <= most.pair.ours
    assert (True, False) == (half.steady, most.steady)


def test_a_journal_has_rows_for_first_and_further_changes(store: Backend) -> None:
    """Of both sizes, with and without it, and with what nothing could do without."""
    rows = list(journal_rows(store, ONCE))

    name = "persist_input with a journal, session of"
    assert [
        f"{name} {size} kB, {which}"
        for size in (2, 20)
        for which in ("first change", "further changes")
    ] == [row.measured for row in rows]
    assert all(row.pair.ours > 0 for row in rows)
    for row in rows:
        assert all(part in row.note for part in ("adds ", "SQLite alone ", "encoding alone "))


def test_scheduling_and_codec_are_measured(store: Backend) -> None:
    """Scheduling and both directions of the codec have a row each."""
    with memory() as nowhere:
        found = [*schedule_rows(store, ONCE), *codec_rows(nowhere, ONCE)]

    assert [
        "schedule_save, session waiting",
        "encode a session of 194 kB for the first time",
        "encode a session of 194 kB again",
        "decode a session of 194 kB",
    ] == [row.measured for row in found]
    assert all(row.pair.ours > 0 for row in found)


def test_import_adds_to_a_bare_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an import takes is what it adds, and both imports that users write have a row."""
    taken = {"pass": 1.0, "import sessionkit": 1.5, "from sessionkit import bootstrap_session": 3.5}
    run: list[str] = []
    monkeypatch.setattr(imports, "_interpreter", run.append)
    monkeypatch.setattr(imports, "seconds_of", lambda step, _: step(0) or taken[run[-1]])

    with memory() as nowhere:
        package, name = import_rows(nowhere, ONCE)

    assert Pair(1.0, 0.5, 2.0) == package.pair
    assert Pair(1.0, 2.5, 0.4) == name.pair
    assert "`import sessionkit`, on top of the interpreter" == package.measured
    assert "`from sessionkit import bootstrap_session`, on top of the interpreter" == name.measured


def test_interpreters_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed is a new process that keeps its bytecode, and one that fails is not a time."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    imports._interpreter("import sys; sys.exit(sys.dont_write_bytecode)")
    with pytest.raises(subprocess.CalledProcessError):
        imports._interpreter("import sys; sys.exit(1)")


def test_each_call_is_a_sample() -> None:
    """Each call is timed by itself, with a number of its own, half a thousand in a turn."""
    calls: list[int] = []
    samples = sampled(locked_assignment(), calls.append, turns=2)

    assert list(range(1000)) == calls
    assert (1000, 1000) == (len(samples.baseline), len(samples.ours))


def test_medians_and_slow_calls_of_samples() -> None:
    """The median overlooks a slow hundredth, and the 99th percentile begins there."""
    samples = Samples([1.0] * 99 + [5.0] * 3, [2.0] * 99 + [10.0] * 3)

    assert (Pair(1.0, 2.0, 0.5), Pair(5.0, 10.0, 0.5)) == (samples.medians, samples.slow)


@pytest.mark.parametrize(("writes", "verdict"), [(0, "yes"), (1, "yes"), (2, "no")])
def test_writes_are_judged(writes: int, verdict: str) -> None:
    """A row that needs more writes than it may has not reached what it has to."""
    row = Row(
        measured="burst",
        against="raw",
        pair=Pair(1.0, 1.0, 1.0),
        target=Target(writes=1),
        writes=writes,
    )

    assert ("<= 1 write", verdict) == row.cells()[-2:]


def test_a_page_is_compared_with_the_same_page_plain(store: Backend) -> None:
    """Both ways to keep its fields, a rerun that changes nothing and one that does, and the first page of all."""
    rows = [row for row in page_rows(store, ONCE, fields=(2,)) if "page-state" not in row.measured]
    ways = ("persist(*keys)", "persist_input each")
    changes = ("nothing changed", "one changed")

    assert [
        *(f"{way}: rerun of 2 fields, {change}" for change in changes for way in ways),
        "first page with 50 restored fields, SQLite NORMAL",
    ] == [row.measured for row in rows]
    assert all("the same page, plain" == row.against and "adds " in row.note for row in rows)
    assert [">= 0.95"] * 4 == [row.cells()[5] for row in rows[:4]]
