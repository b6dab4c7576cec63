# SPDX-License-Identifier: Apache-2.0
"""However many writers added to a history, it is no longer than it may be; and any order of them ends alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.data import make_codec
from session_harness.replicas import Replica

from sessionkit.encoding.codec import EncodedParts
from sessionkit.merge.merger import Merger
from sessionkit.session import UserSession
from sessionkit.session.forms import FormSnapshot
from sessionkit.session.session import NavigationEntry

CODEC = make_codec()
MERGER = Merger()
EARLY = datetime(2026, 1, 31, tzinfo=UTC)


def entry(name: str, minute: int) -> NavigationEntry:
    """Return a page that was opened in some minute."""
    return NavigationEntry(page=name, entry_id=name, timestamp=EARLY + timedelta(minutes=minute))


def step(name: str, minute: int) -> FormSnapshot:
    """Return a snapshot that was taken in some minute."""
    time = EARLY + timedelta(minutes=minute)
    return FormSnapshot(form_id="f", data={"n": name}, snapshot_id=name, timestamp=time)


def pages(session: UserSession) -> list[str]:
    """Return the pages of a session's history."""
    return [one.page for one in session.navigation_history]


def encoded(session: UserSession) -> EncodedParts:
    """Return its parts."""
    return CODEC.encode(session, {}).parts


def test_a_history_that_two_writers_added_to_keeps_the_newest(replica: Replica) -> None:
    """In the store and, after the next rerun, in both live sessions."""
    other = replica.again()
    began = UserSession(session_id="s", max_history_size=3)
    for name in ("p0", "p1", "p2"):
        began.add_navigation(name)
    replica.save(began)
    mine, yours = replica.load(), other.load()
    mine.add_navigation("x")
    replica.save(mine)
    yours.add_navigation("y1")
    yours.add_navigation("y2")
    other.save(yours)

    assert ["x", "y1", "y2"] == pages(replica.again().load())
    replica.meet(mine)
    other.meet(yours)
    assert ["x", "y1", "y2"] == pages(mine) == pages(yours)
    writes = replica.store.calls
    replica.save(mine)
    assert writes == replica.store.calls


def test_a_bound_that_one_writer_lowered_holds_for_what_the_other_one_added() -> None:
    """Though neither of them had more than it allowed itself."""
    base = UserSession(session_id="s", created_at=EARLY, max_history_size=3)
    base.navigation_history = [entry("a", 1)]
    lowered, longer = (CODEC.decode("s", encoded(base)) for _ in range(2))
    lowered.max_history_size = 2
    longer.navigation_history += [entry("b", 2), entry("c", 3)]
    sides = encoded(lowered), encoded(longer)

    for one, other in (sides, sides[::-1]):
        merged = CODEC.decode("s", MERGER.encoded(CODEC, encoded(base), one, other))
        assert ["b", "c"] == pages(merged)


def test_steps_to_undo_and_redo_keep_to_their_bound() -> None:
    """Of each form by its own."""

    def with_steps(undo: str, redo: str) -> UserSession:
        session = UserSession(session_id="s", created_at=EARLY)
        form = session.get_form_state("f")
        form.max_snapshots = 3
        form.snapshots = [step(name, int(name[1])) for name in undo.split()]
        form.redo_snapshots = [step(name, int(name[1])) for name in redo.split()]
        return session

    base, one, other = (
        encoded(with_steps("s1 s2", "r1")),
        encoded(with_steps("s1 s2 a3", "r1 a5 a7")),
        encoded(with_steps("s1 s2 b4", "r1 b6 b8")),
    )
    merged = CODEC.decode("s", MERGER.encoded(CODEC, base, one, other)).form_states["f"]

    assert ["s2", "a3", "b4"] == [one.snapshot_id for one in merged.snapshots]
    assert ["b6", "a7", "b8"] == [one.snapshot_id for one in merged.redo_snapshots]


@settings(max_examples=150)
@given(
    kept=st.lists(st.sets(st.integers(0, 3)), min_size=3, max_size=3),
    added=st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=3, max_size=3),
)
def test_any_order_of_three_writers_ends_alike(kept: list[set[int]], added: list[Any]) -> None:
    """Also where clocks differ, and where the app itself takes entries away."""

    def session(make: Callable[[], list[NavigationEntry]]) -> EncodedParts:
        one = UserSession(session_id="s", created_at=EARLY, max_history_size=4)
        one.navigation_history = make()
        return encoded(one)

    old = [entry(f"old{i}", 4 + i) for i in range(4)]
    base = session(lambda: list(old))
    sides = [
        session(
            lambda i=i, keep=keep, new=new: [  # type: ignore[misc]
                *(old[k] for k in sorted(keep)),
                *(entry(f"new{i}{n}", minute) for n, minute in enumerate(sorted(new))),
            ]
        )
        for i, (keep, new) in enumerate(zip(kept, added, strict=True))
    ]

    ends = set()
    for first, second, third in permutations(sides):
        merged = MERGER.encoded(CODEC, base, MERGER.encoded(CODEC, base, first, second), third)
        found = pages(CODEC.decode("s", merged))
        assert len(found) <= 4
        ends.add(tuple(found))
    assert 1 == len(ends)
