# SPDX-License-Identifier: Apache-2.0
"""Measurements of many writers: what they count must be there, and who fails must be heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Self

import pytest
from session_benchmarks import contention
from session_benchmarks.backends import Backend, memory, sqlite
from session_benchmarks.contention import RawCounting, contention_rows
from session_benchmarks.data import SMALL
from session_benchmarks.merges import meeting_in
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.raw_sqlite import RawSqlite
from session_benchmarks.refreshes import refresh_rows
from session_benchmarks.rows import NO_TARGET
from session_benchmarks.storage_swaps import StorageSwaps
from session_harness.counting import Counting
from session_harness.crews import Crew, Member

from sessionkit.merge.merger import Merger

FEW = Plan(rounds_share=0.01)

NO_NUMBER = partial(int, "no number")
"""Fails, in whatever process."""

IDLE = partial(nullcontext, [int])
"""Has one task, which does nothing."""


@pytest.fixture(name="backend")
def _backend() -> Iterator[Backend]:
    """Return a SQLite of the test's own."""
    with sqlite("NORMAL") as backend:
        yield backend


def test_failing_task_ends_the_work() -> None:
    """One process that fails is told at once, and none stays behind."""
    with (
        Crew([partial(nullcontext, [NO_NUMBER]), IDLE], rounds=1) as crew,
        pytest.raises(RuntimeError, match="failed"),
    ):
        crew.work()

    assert not any(process.is_alive() for process in crew._processes)


def test_process_that_cannot_be_prepared() -> None:
    """A crew that can't begin says so instead of waiting."""
    with pytest.raises(RuntimeError, match="failed"):
        Crew([NO_NUMBER, IDLE], rounds=1)


class Alone:
    """A crew whose members work in this process, one after the other."""

    def __init__(self, members: Sequence[Member], rounds: int) -> None:
        """Prepare all."""
        self._stack = ExitStack()
        self._tasks = [task for member in members for task in self._stack.enter_context(member())]
        self._left = rounds

    def work(self) -> None:
        """Work for one round."""
        self._left -= 1
        for task in self._tasks:
            task()

    def __enter__(self) -> Self:
        """Return the crew."""
        return self

    def __exit__(self, *_: object) -> None:
        """Send all home."""
        self._stack.close()
        assert 0 == self._left


def test_contention_counts_all(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways store every update that they were to make; tests/integration has the processes."""
    monkeypatch.setattr(contention, "Crew", Alone)
    rows = list(contention_rows(backend, FEW, NO_TARGET))

    live, own = "a process has one live session", "each thread has its own object"
    assert [f"none lost; {objects}" for objects in (live, own, own)] == [row.note for row in rows]
    assert all(row.pair.baseline > 0 < row.pair.ours for row in rows)


def test_storage_as_a_driver_compares(backend: Backend) -> None:
    """Our storage alone refuses what was not read last, as the raw drivers do."""
    with opened(backend) as storage, opened(backend) as other:
        one, two = StorageSwaps(storage), StorageSwaps(other)
        assert one.swap("a", 1, {"x": 1})
        assert (1, {"x": 1}) == two.read("a") == one.read("a")
        assert two.swap("a", 2, {"x": 2})
        assert not one.swap("a", 2, {"x": 3})

        assert (2, {"x": 2}) == one.read("a")


def test_raw_counting_begins_at_zero(tmp_path: Path) -> None:
    """What ours is compared with counts the same keys in the same session."""
    counting = Counting(opener=NO_NUMBER, times=2)  # type: ignore[arg-type] - never opened
    raw = RawCounting(counting, partial(RawSqlite, tmp_path / "raw.db", "NORMAL"))
    raw.begin()
    begun = raw.found
    for process in range(counting.processes):
        with raw.tasks(process) as tasks:
            for task in tasks:
                task()

    assert dict.fromkeys(counting.expected, 0) == begun
    assert counting.expected == raw.found


def test_refresh_reads_one_head(backend: Backend) -> None:
    """A refresh that finds nothing new costs one read of the head, however large the session is."""
    notes = {row.note for row in refresh_rows(backend, FEW)}

    assert {"head reads: 1, whole reads: 0"} == notes


def test_merge_is_of_two_changes() -> None:
    """The merge that is timed is that of a real save: both writers' fields are in its result."""
    with memory() as store, opened(store):
        codec, base, ours, theirs = meeting_in(store, SMALL)
    merged = codec.decode("s", Merger().encoded(codec, base, ours, theirs))
    fields = merged.form_states["form_0"].data

    assert ("changed by one", "changed by the other") == (fields["field_0"], fields["field_10"])
    assert base not in (ours, theirs)
