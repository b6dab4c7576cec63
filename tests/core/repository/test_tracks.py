# SPDX-License-Identifier: Apache-2.0
"""What a repository knows of its live sessions: what became of one in the store, and what two objects of one id share."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from weakref import ref

import attrs
import pytest
from session_harness.replicas import Replica

from sessionkit.events import ConflictResolved, SessionSaved
from sessionkit.records import RECENT_SAVES, SessionHead
from sessionkit.repository.tracks import LastSeen, Track, Tracks, gone_reason, went_back
from sessionkit.session import UserSession


def head(version: int = 1, **fields: Any) -> SessionHead:
    """Return the head of a session whose saves are called by their version."""
    recent = tuple(f"save-{n}" for n in range(version - 1, max(0, version - 1 - RECENT_SAVES), -1))
    values: dict[str, Any] = {
        "session_id": "s",
        "version": version,
        "save_id": f"save-{version}",
        "recent": recent,
        "created_at": 0,
        "last_activity": 0,
    }
    return SessionHead(**(values | fields))


def seen(*, usable: bool = True, **fields: Any) -> LastSeen:
    """Return what a store holds."""
    return LastSeen(head=head(**fields), parts={}, layout={}, usable=usable)


KNOWN = head()

OTHER_BEGINNING: dict[str, Any] = {"created_at": 5}


@pytest.mark.parametrize(
    ("reason", "known", "found", "user"),
    [
        (None, KNOWN, seen(version=2), None),
        (None, KNOWN, None, None),
        (None, None, None, None),
        ("ended", KNOWN, seen(ended=True), None),
        ("ended", None, seen(ended=True), None),
        ("ended", KNOWN, seen(ended=True, usable=False), None),
        (None, None, seen(ended=True, usable=False), None),
        ("replaced", KNOWN, seen(**OTHER_BEGINNING), None),
        (None, None, seen(**OTHER_BEGINNING), None),
        ("owner", None, seen(user_id="a"), "b"),
        (None, None, seen(user_id="a"), "a"),
        (None, None, seen(user_id="a"), None),
        (None, None, seen(), "b"),
        (None, None, seen(user_id="a", usable=False), "b"),
        ("owner", KNOWN, seen(user_id="a"), "b"),
        (None, KNOWN, seen(user_id="a"), None),
        (None, attrs.evolve(KNOWN, user_id="a"), seen(user_id="a"), "renamed"),
    ],
)
def test_why_a_session_is_gone(
    reason: str | None, known: SessionHead | None, found: LastSeen | None, user: str | None
) -> None:
    """Ended, replaced or another user's; a tombstone whose time is over frees the id, and a missing record says nothing."""
    assert reason == gone_reason(known, found, user)


@pytest.mark.parametrize(
    ("back", "known", "found"),
    [
        (False, head(3), head(3)),
        (False, head(3), head(4)),
        (False, head(3), head(3 + RECENT_SAVES)),
        (True, head(3), head(2)),
        (True, head(3), head(3, save_id="other")),
        (True, head(3), head(4, recent=("other", "save-2"))),
        (True, head(3), head(3 + RECENT_SAVES, recent=("x",) * RECENT_SAVES)),
        (False, head(3), head(4 + RECENT_SAVES, recent=("x",) * RECENT_SAVES)),
    ],
)
def test_whether_the_store_went_back(*, back: bool, known: SessionHead, found: SessionHead) -> None:
    """It did if it should still show the save that was acknowledged, and doesn't."""
    assert back == went_back(known, found)


# -- two objects of one id -----------------------------------------------------


def sent(replica: Replica) -> int:
    """Return how many writes were sent to the store, taken or not."""
    return replica.store.calls.count("write")


def test_the_second_object_knows_what_the_first_stored() -> None:
    """Each save is one write that is taken: no compare-and-set fails, nothing is read again."""
    replica = Replica()
    replica.new()
    one, two = replica.load(), replica.load()
    before, reads = sent(replica), replica.store.calls.count("read")
    for number in range(5):
        for name, session in (("one", one), ("two", two)):
            session.inputs[name] = number
            replica.save(session)

    assert 10 == sent(replica) - before
    assert reads == replica.store.calls.count("read")
    assert {"one": 4, "two": 4} == replica.load().inputs


def test_it_is_a_conflict_all_the_same() -> None:
    """The strategy is asked, and an event tells."""
    replica = Replica()
    replica.new()
    one, two = replica.load(), replica.load()
    one.inputs["a"], two.inputs["a"] = 1, 2
    replica.save(one)
    replica.save(two)

    (event,) = replica.told(ConflictResolved)
    assert ("inputs['a']", "ours") == (event.report.fields[0].path, event.report.fields[0].taken)


def test_threads_that_increment_lose_nothing_and_hardly_retry() -> None:
    """Eight objects, saved at once: the local lock is in front of the compare-and-set."""
    replica = Replica()
    replica.new()
    sessions = [replica.load() for _ in range(8)]
    before = sent(replica)
    barrier = Barrier(8)

    def work(name: str, session: UserSession) -> None:
        barrier.wait(10)
        for number in range(25):
            session.inputs[name] = number + 1
            session.add_navigation("page")
            replica.save(session)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, map(str, range(8)), sessions))

    stored = replica.load()
    assert {str(number): 25 for number in range(8)} == stored.inputs
    assert {"page": 200} == stored.page_views
    assert 200 == len(replica.told(SessionSaved)) - 1 == sent(replica) - before


def test_another_process_is_met_in_the_store() -> None:
    """Nothing is shared with it but the store."""
    replica = Replica()
    replica.new()
    other = replica.again()
    one, two = replica.load(), other.load()
    one.inputs["one"] = two.inputs["two"] = 1
    replica.save(one)
    before = sent(other)
    other.save(two)

    assert 2 == sent(other) - before
    assert {"one": 1, "two": 1} == replica.load().inputs


def test_who_was_replaced_meanwhile_finds_out_in_the_store() -> None:
    """What another object of the id saved is no news to a session that began before it."""
    replica = Replica()
    replica.new()
    old = replica.load()
    replica.store.memory.delete("s")
    replica.new()
    again = replica.load()
    for number in range(3):
        again.inputs["n"] = number
        replica.save(again)
    old.inputs["late"] = 1
    outcome = replica.repository.save_many([old])

    assert "replaced" in str(outcome[0])
    assert {"n": 2} == replica.load().inputs


def test_a_place_is_kept_as_long_as_a_session() -> None:
    """Ids that nobody holds cost no memory."""
    tracks = Tracks()
    one, two = UserSession(session_id="s"), UserSession(session_id="s")
    tracks.put(one, Track(base=None))
    shared = tracks.get_or_make(two, lambda: Track(base=None)).shared
    first = tracks.get(one)
    assert first is not None
    assert shared is first.shared

    held = ref(shared)
    del one, two, first, shared
    gc.collect()
    assert held() is None
