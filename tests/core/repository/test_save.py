# SPDX-License-Identifier: Apache-2.0
"""Saves, one and many: what is no conflict is settled before any strategy is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from session_harness.replicas import Clock, Replica
from session_harness.stores import LANDED, LOST, REJECTED, FaultyBatchStore, FaultyStore

from sessionkit.conflict import Conflict
from sessionkit.encoding.packing import PACKED, SPLIT_ABOVE
from sessionkit.errors import (
    PluginError,
    RejectedError,
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import (
    ConflictResolved,
    SessionGone,
    SessionSaved,
    SessionStoredAgain,
    StoreWentBack,
    ValueNotSaved,
)
from sessionkit.repository.expiry import Expiry
from sessionkit.session import UserSession


class NeverAsked:
    """A strategy where no conflict is."""

    def resolve(self, conflict: Conflict) -> UserSession | None:
        """Fail the test."""
        msg = f"asked about {conflict.session_id}"
        raise AssertionError(msg)


# -- our own write, whose answer was lost --------------------------------------


def lose_an_answer(replica: Replica) -> UserSession:
    """Return a session whose second view of the cart landed, but nobody knows."""
    session = replica.new()
    session.add_navigation("cart")
    replica.save(session)
    session.add_navigation("cart")
    replica.store.next_writes(LANDED)
    with pytest.raises(UnavailableError):
        replica.save(session)
    return session


def write_on_top(replica: Replica, times: int = 1) -> None:
    """Let someone else save the session."""
    other = replica.again()
    theirs = other.load()
    for _ in range(times):
        theirs.add_navigation("cart")
        other.save(theirs)


def test_a_lost_answer_is_no_conflict() -> None:
    """The store holds our own save_id."""
    replica = Replica(strategy=NeverAsked())
    session = lose_an_answer(replica)
    replica.save(session)

    assert {"cart": 2} == replica.load().page_views
    assert 3 == session.version


@pytest.mark.parametrize("times", [1, 8])
def test_a_lost_answer_with_foreign_writes_on_top_is_never_applied_twice(
    replica: Replica, times: int
) -> None:
    """Our save_id is among the recent ones: it landed before theirs."""
    session = lose_an_answer(replica)
    write_on_top(replica, times)
    replica.save(session)
    assert {"cart": 2 + times} == replica.load().page_views

    session.add_navigation("cart")
    replica.save(session)
    replica.meet(session)

    assert {"cart": 3 + times} == session.page_views == replica.load().page_views
    assert 3 + times == session.interaction_count


def test_a_lost_answer_is_remembered_through_a_read_that_fails(replica: Replica) -> None:
    """The conflict was noticed, but not what is stored: the next try still knows our write."""
    session = lose_an_answer(replica)
    write_on_top(replica)
    replica.store.failing_reads = 1
    with pytest.raises(UnavailableError):
        replica.save(session)
    replica.save(session)

    assert {"cart": 3} == replica.load().page_views


def test_a_lost_answer_is_remembered_through_a_rejection(replica: Replica) -> None:
    """The disk is full when it is sent again: that it landed the first time is still true."""
    session = lose_an_answer(replica)
    replica.store.next_writes(REJECTED)
    with pytest.raises(RejectedError):
        replica.save(session)
    session.add_navigation("cart")
    replica.save(session)

    assert {"cart": 3} == replica.load().page_views


def test_a_write_that_never_arrived_meets_the_foreign_one_as_a_conflict(replica: Replica) -> None:
    """Our save_id is nowhere: ours is merged, once."""
    session = replica.new()
    session.add_navigation("cart")
    replica.store.next_writes(LOST)
    with pytest.raises(UnavailableError):
        replica.save(session)
    write_on_top(replica)
    session.add_navigation("cart")
    replica.save(session)

    assert {"cart": 3} == replica.load().page_views
    assert 1 == len(replica.told(ConflictResolved))


def test_nothing_is_absorbed_while_an_answer_is_lost(replica: Replica) -> None:
    """What is stored is not known: the next save finds out."""
    session = lose_an_answer(replica)
    write_on_top(replica)

    assert () == replica.meet(session)
    assert {"cart": 2} == session.page_views


def test_what_waits_to_be_absorbed_waits_until_the_lost_answer_is_settled(
    replica: Replica,
) -> None:
    """Or base would go back to what was sent, and what came in would count as ours."""
    session = replica.new()
    write_on_top(replica)
    session.theme = "dark"
    replica.save(session)
    session.add_navigation("cart")
    replica.store.next_writes(LOST)
    with pytest.raises(UnavailableError):
        replica.save(session)

    assert () == replica.repository.absorb(session)
    replica.save(session)
    replica.meet(session)
    replica.save(session)

    assert {"cart": 2} == session.page_views == replica.load().page_views


# -- the store went back -------------------------------------------------------


@pytest.mark.parametrize("text", ["", "x" * SPLIT_ABOVE])
def test_a_store_that_went_back_gets_all_parts_again(text: str) -> None:
    """It lacks what it had acknowledged; an event says so, and no strategy is asked."""
    replica = Replica(strategy=NeverAsked())
    session = replica.new(text=text)
    kept = replica.store.keep()
    session.theme = "dark"
    session.add_navigation("cart")
    replica.save(session)
    replica.store.go_back(kept)
    session.language = "en"
    replica.save(session)

    reread = replica.load()
    assert ("dark", "en", {"cart": 1}) == (reread.theme, reread.language, reread.page_views)
    assert set(replica.store.stored("s").parts) == set(replica.store.writes[-1].put)
    assert [(2, 1)] == [(e.acknowledged, e.found) for e in replica.told(StoreWentBack)]
    session.add_navigation("cart")
    replica.save(session)
    assert {"cart": 2} == replica.load().page_views


def test_a_store_that_went_back_to_another_layout_is_cleaned(replica: Replica) -> None:
    """What it has under other names goes in the same write."""
    session = replica.new()
    kept = replica.store.keep()
    session.inputs["text"] = "x" * SPLIT_ABOVE
    replica.save(session)
    replica.store.go_back(kept)
    session.inputs["more"] = 1
    replica.save(session)

    assert PACKED not in replica.store.stored("s").parts
    assert session.inputs == replica.load().inputs


def test_a_store_that_went_back_is_noticed_by_a_refresh(replica: Replica) -> None:
    """A new tab refreshes the session: what was lost is written, though nothing changed since."""
    session = replica.new()
    kept = replica.store.keep()
    session.theme = "dark"
    replica.save(session)
    replica.store.go_back(kept)

    assert () == replica.meet(session)
    assert "dark" == session.theme
    replica.save(session)

    assert "dark" == replica.load().theme


def test_a_foreign_save_is_not_taken_for_a_store_that_went_back(replica: Replica) -> None:
    """Its recent saves have ours, up to eight later."""
    session = replica.new()
    write_on_top(replica, times=8)
    session.theme = "dark"
    replica.save(session)

    assert [] == replica.told(StoreWentBack)
    assert {"cart": 8} == replica.load().page_views


def test_a_far_newer_save_is_a_conflict(replica: Replica) -> None:
    """With more than eight between, nothing can be told from the recent ones."""
    session = replica.new()
    write_on_top(replica, times=12)
    session.theme = "dark"
    replica.save(session)

    assert [] == replica.told(StoreWentBack)
    assert ("dark", {"cart": 12}) == (replica.load().theme, replica.load().page_views)


# -- gone ----------------------------------------------------------------------


def end(replica: Replica) -> None:
    """End the session elsewhere."""
    replica.again().repository.end("s")


def lose(replica: Replica) -> None:
    """Have no record and no tombstone of the session, as after a purge, or where the store was emptied."""
    replica.store.memory.delete("s")


def replace(replica: Replica) -> None:
    """Lose the session, and begin another under its id."""
    lose(replica)
    replica.again().new(another=1)


@pytest.mark.parametrize(("go", "reason"), [(end, "ended"), (replace, "replaced")])
def test_a_session_that_is_gone_is_not_brought_back(go: object, reason: str) -> None:
    """A late save writes nothing; what was not saved stays readable; an event tells, once."""
    replica = Replica(strategy=NeverAsked())
    session = replica.new()
    go(replica)  # type: ignore[operator]
    before = replica.store.memory.read("s")
    session.inputs["late"] = 1

    for _ in range(2):
        with pytest.raises(SessionGoneError) as caught:
            replica.save(session)
        assert reason == caught.value.reason

    assert before == replica.store.memory.read("s")
    assert {"late": 1} == session.inputs
    assert [reason] == [event.reason for event in replica.told(SessionGone)]


@pytest.mark.parametrize(("go", "reason"), [(end, "ended"), (replace, "replaced")])
def test_a_refresh_finds_that_a_session_is_gone(replica: Replica, go: object, reason: str) -> None:
    """An event tells, as it does when a save finds out; later saves don't tell again."""
    session = replica.new()
    go(replica)  # type: ignore[operator]
    with pytest.raises(SessionGoneError):
        replica.repository.refresh(session)
    with pytest.raises(SessionGoneError):
        replica.save(session)

    assert reason == replica.repository.why_gone(session)
    assert [reason] == [event.reason for event in replica.told(SessionGone)]


def test_a_touch_finds_that_a_session_is_gone(replica: Replica) -> None:
    """Activity alone brings nothing back either, and the event has the right reason."""
    session = replica.new()
    end(replica)
    session.last_activity += timedelta(minutes=5)
    with pytest.raises(SessionGoneError):
        replica.save(session)

    assert ["ended"] == [event.reason for event in replica.told(SessionGone)]


# -- the record is missing -------------------------------------------------------


@pytest.mark.parametrize("how", ["saves", "touches", "refreshes"])
def test_a_session_whose_record_is_missing_is_stored_again(clock: Clock, how: str) -> None:
    """Whole, by whatever finds out first: no tombstone means no logout, and this process has it."""
    replica = Replica(strategy=NeverAsked(), now=clock)
    session = replica.new(a=1)
    session.inputs["b"] = 2
    replica.save(session)
    began = session.created_at
    lose(replica)
    if how == "saves":
        session.inputs["c"] = 3
    elif how == "touches":
        session.last_activity += timedelta(minutes=5)
    else:
        replica.repository.refresh(session)
        assert replica.repository.is_lost(session)
    replica.save(session)

    assert session.inputs == replica.load().inputs
    assert {"a": 1, "b": 2} == {name: session.inputs[name] for name in "ab"}
    assert (began, 3) == (replica.load().created_at, session.version)
    assert [("s", 3)] == [
        (event.session_id, event.version) for event in replica.told(SessionStoredAgain)
    ]
    assert [] == [*replica.told(SessionGone), *replica.told(StoreWentBack)]
    assert not replica.repository.is_lost(session)


def test_two_replicas_store_a_lost_session_again_as_one(replica: Replica) -> None:
    """Who comes second meets what the first one stored, as another save of the same session."""
    session = replica.new(a=1)
    other = replica.again()
    theirs = other.load()
    lose(replica)
    theirs.inputs["theirs"] = 1
    session.inputs["ours"] = 1
    session.add_navigation("cart")
    other.save(theirs)
    replica.save(session)
    other.meet(theirs)

    assert {"a": 1, "ours": 1, "theirs": 1} == replica.load().inputs == theirs.inputs
    assert {"cart": 1} == replica.load().page_views
    assert [] == [*replica.told(StoreWentBack), *replica.told(SessionStoredAgain)]


def test_what_others_had_saved_of_a_lost_session_is_stored_again(replica: Replica) -> None:
    """Also where the live object has not absorbed it yet."""
    session = replica.new(a=1)
    write_on_top(replica)
    replica.repository.refresh(session)
    lose(replica)
    session.inputs["b"] = 2
    replica.save(session)

    assert ({"a": 1, "b": 2}, {"cart": 1}) == (replica.load().inputs, replica.load().page_views)


def test_a_lost_session_that_ends_elsewhere_stays_ended(replica: Replica) -> None:
    """Between finding out that it is missing, and storing it again."""
    session = replica.new(a=1)
    lose(replica)
    replica.repository.refresh(session)
    end(replica)
    session.inputs["late"] = 1

    with pytest.raises(SessionGoneError, match="ended"):
        replica.save(session)
    assert {} == dict(replica.store.stored("s").parts)


def test_a_record_that_is_back_is_no_conflict() -> None:
    """Such as a backup that was put back before the next save."""
    replica = Replica(strategy=NeverAsked())
    session = replica.new(a=1)
    kept = replica.store.keep()
    lose(replica)
    replica.repository.refresh(session)
    replica.store.go_back(kept)
    session.inputs["b"] = 2
    replica.save(session)

    assert {"a": 1, "b": 2} == replica.load().inputs


def test_a_lost_answer_and_a_lost_record(replica: Replica) -> None:
    """The write landed, nobody knew, and its record went: it is stored again, and counts once."""
    session = lose_an_answer(replica)
    lose(replica)
    replica.save(session)

    assert {"cart": 2} == replica.load().page_views


def test_what_could_not_be_stored_again_waits(replica: Replica) -> None:
    """The store is down by then: nothing is told before it is stored."""
    session = replica.new(a=1)
    lose(replica)
    session.inputs["b"] = 2
    replica.store.next_writes(None, LANDED)
    with pytest.raises(UnavailableError):
        replica.save(session)
    assert [] == replica.told(SessionStoredAgain)
    replica.save(session)

    assert {"a": 1, "b": 2} == replica.load().inputs
    assert 1 == len(replica.told(SessionStoredAgain))


def test_a_tab_that_never_saved_cannot_create_an_ended_id(replica: Replica) -> None:
    """The tombstone takes the id, though this writer knows nothing of what was there."""
    replica.new()
    end(replica)
    late = UserSession(session_id="s", inputs={"late": 1})

    with pytest.raises(SessionGoneError, match="ended"):
        replica.save(late)

    assert replica.store.stored("s").head.ended


def test_a_lost_write_does_not_bring_an_ended_session_back(replica: Replica) -> None:
    """It is sent again after the logout."""
    session = replica.new()
    session.theme = "dark"
    replica.store.next_writes(LOST)
    with pytest.raises(UnavailableError):
        replica.save(session)
    end(replica)

    with pytest.raises(SessionGoneError, match="ended"):
        replica.save(session)
    assert {} == dict(replica.store.stored("s").parts)


# -- a session that was never stored -------------------------------------------


def test_a_session_that_was_never_stored_has_the_empty_session_as_its_base() -> None:
    """Two replicas made one for the same cookie: no strategy is asked, both are kept."""
    replica = Replica(strategy=NeverAsked())
    ours = UserSession(session_id="s", inputs={"ours": 1}, theme="dark")
    ours.add_navigation("cart")
    theirs = UserSession(session_id="s", inputs={"theirs": 2}, roles={"editor"}, language="en")
    theirs.add_navigation("cart")
    replica.again().save(theirs)
    replica.save(ours)

    reread = replica.load()
    assert {"ours": 1, "theirs": 2} == reread.inputs
    assert ("dark", "en", {"editor"}) == (reread.theme, reread.language, reread.roles)
    assert ({"cart": 2}, 2) == (reread.page_views, reread.interaction_count)
    assert theirs.created_at == reread.created_at
    assert 2 == ours.version


def test_a_never_stored_session_without_changes_takes_what_is_stored(replica: Replica) -> None:
    """Nothing is written for it."""
    replica.again().new(theirs=2)
    ours = UserSession(session_id="s")
    replica.save(ours)
    replica.repository.absorb(ours)

    assert {"theirs": 2} == ours.inputs
    assert 1 == replica.store.stored("s").head.version


def test_a_never_stored_session_of_another_owner_gets_nothing(replica: Replica) -> None:
    """The stored one is somebody else's: they are not brought together."""
    replica.save(UserSession(session_id="s", user_id="alice", inputs={"diary": 1}))
    other = replica.again()
    session = UserSession(session_id="s", user_id="bob", inputs={"mine": 2})
    with pytest.raises(SessionGoneError, match="owner"):
        other.save(session)

    assert {"diary": 1} == replica.load().inputs
    assert {"mine": 2} == session.inputs
    assert () == other.repository.absorb(session)


def test_an_expired_session_is_replaced_by_compare_and_set(clock: Clock) -> None:
    """With all its parts; what was in it does not come back."""
    hour = Expiry(idle=timedelta(hours=1), absolute=None)
    replica = Replica(expiry=hour, now=clock)
    replica.new(old="x" * SPLIT_ABOVE)
    expired = replica.store.stored("s")
    clock.advance(hours=2)
    fresh = UserSession(
        session_id="s", inputs={"new": 1}, last_activity=clock(), created_at=clock()
    )

    replica.save(fresh)

    assert expired.head.save_id == replica.store.writes[-1].expected
    assert {PACKED} == set(replica.store.stored("s").parts)
    assert ({"new": 1}, fresh.created_at) == (replica.load().inputs, replica.load().created_at)
    assert 1 == replica.told(SessionSaved)[-1].version


def test_who_replaces_an_expired_session_second_joins_the_first(clock: Clock) -> None:
    """Two tabs come back after a night: compare-and-set lets one begin, and both are kept."""
    hour = Expiry(idle=timedelta(hours=1), absolute=None)
    replica = Replica(expiry=hour, now=clock)
    replica.new(old=1)
    clock.advance(hours=2)
    other = replica.again(expiry=hour, now=clock)
    tabs = [
        UserSession(session_id="s", inputs={name: 1}, last_activity=clock(), created_at=clock())
        for name in ("one", "two")
    ]
    replica.save(tabs[0])
    other.save(tabs[1])

    assert {"one": 1, "two": 1} == replica.load().inputs


# -- many sessions saved together ----------------------------------------------


class Buggy:
    """A strategy that fails."""

    def resolve(self, conflict: Conflict) -> UserSession:
        """Fail."""
        raise KeyError(conflict.session_id)


STORES = pytest.mark.parametrize("kind", [FaultyStore, FaultyBatchStore])


@STORES
def test_save_many_stores_each(kind: Callable[[], FaultyStore]) -> None:
    """In one write where the storage can; an outcome for each, in their order."""
    replica = Replica(store=kind())
    sessions = [UserSession(session_id=name) for name in ("b", "a", "c")]

    assert [None] * 3 == replica.repository.save_many(sessions)

    assert {"a", "b", "c"} == set(replica.store.keep())
    assert (kind is FaultyBatchStore) == ("write_many" in replica.store.calls)
    assert ["a", "b", "c"] == sorted(str(e.session_id) for e in replica.told(SessionSaved))


@STORES
def test_one_that_fails_fails_no_other(kind: Callable[[], FaultyStore]) -> None:
    """A buggy strategy, a session that is gone, one too large, one whose write is lost."""
    replica = Replica(store=kind(), strategy=Buggy(), max_bytes=2000)
    names = ("buggy", "gone", "large", "lost", "right")
    sessions = [replica.new(name) for name in names]
    buggy, gone, large, lost, right = sessions
    theirs = replica.again().repository
    other = theirs.load("buggy")
    assert other is not None
    other.theme = "light"
    theirs.save(other)
    theirs.end("gone")
    for session in sessions:
        session.theme = "dark"
    large.inputs["text"] = "x" * 2000
    lost.theme = "lost"
    replica.store.on_write = lambda write: (
        replica.store.next_writes(LOST) if write.head.session_id == "lost" else None
    )

    outcomes = replica.repository.save_many([buggy, gone, large, lost, right])

    kinds = [PluginError, SessionGoneError, RejectedError, UnavailableError, type(None)]
    assert kinds == [type(outcome) for outcome in outcomes]
    assert "dark" == replica.load("right").theme
    assert "light" == replica.load("buggy").theme


@STORES
def test_two_objects_under_one_id_are_both_saved(kind: Callable[[], FaultyStore]) -> None:
    """One after the other: the second meets the first."""
    replica = Replica(store=kind())
    replica.new()
    one, two = replica.load(), replica.load()
    one.inputs["one"] = 1
    one.add_navigation("cart")
    two.inputs["two"] = 2
    two.add_navigation("cart")

    assert [None, None, None] == replica.repository.save_many([one, two, one])

    assert ({"one": 1, "two": 2}, {"cart": 2}) == (replica.load().inputs, replica.load().page_views)


def test_save_many_tells_of_refused_values_by_events_only(replica: Replica) -> None:
    """All else was saved: that is no failure of the background save."""
    session = UserSession(session_id="s", inputs={"upload": object(), "name": "Ada"})

    assert [None] == replica.repository.save_many([session])

    assert {"name": "Ada"} == replica.load().inputs
    assert 1 == len(replica.told(ValueNotSaved))


def test_save_many_of_nothing_is_nothing(replica: Replica) -> None:
    """An empty batch asks no store."""
    assert [] == replica.repository.save_many([])
    assert [] == replica.store.calls
