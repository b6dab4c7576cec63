# SPDX-License-Identifier: Apache-2.0
"""A repository moves sessions to fresh ids: nothing is lost, and the old id never comes back."""

from __future__ import annotations

import pytest
from session_harness.replicas import Clock, Replica, rewrite
from session_harness.stores import LANDED, LOST, REJECTED

from sessionkit.errors import (
    ConflictError,
    RejectedError,
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import SessionEnded, SessionGone
from sessionkit.merge.strategies import Refuse
from sessionkit.repository.expiry import Expiry
from sessionkit.session import UserSession


def rotate(replica: Replica, session: UserSession, new_id: str = "new") -> UserSession:
    """Move a session and end its old id; return the one to go on with."""
    rotation = replica.repository.rotation
    former = rotation.rotate(session, new_id)
    rotation.finish(former)
    return former.session


def kept(replica: Replica, session_id: str) -> UserSession | None:
    """Return what another process finds under an id."""
    return replica.again().repository.load(session_id)


def assert_ended(replica: Replica, session_id: str = "s") -> None:
    """An id holds a tombstone, and nothing else."""
    stored = replica.store.stored(session_id)
    assert (True, None, {}) == (stored.head.ended, stored.head.user_id, dict(stored.parts))


def test_a_session_moves_with_all_its_state(replica: Replica) -> None:
    """Unsaved changes too; the old id is ended."""
    session = replica.new(a=1)
    session.inputs["b"] = 2
    session.add_navigation("cart")

    session = rotate(replica, session)

    assert ("new", 1, {"a": 1, "b": 2}) == (session.session_id, session.version, session.inputs)
    assert_ended(replica)
    found = kept(replica, "new")
    assert found is not None
    assert ({"a": 1, "b": 2}, {"cart": 1}) == (found.inputs, found.page_views)
    assert found.created_at == session.created_at
    assert 1 == len(replica.told(SessionEnded))


def test_it_costs_two_writes_and_no_read(replica: Replica) -> None:
    """The new id, then the tombstone."""
    session = replica.new()
    replica.store.calls.clear()

    rotate(replica, session)

    assert ["write", "write"] == replica.store.calls
    assert ["new", "s"] == [write.head.session_id for write in replica.store.writes[-2:]]


def test_a_moved_session_is_saved_as_before(replica: Replica) -> None:
    """Under its new id."""
    session = replica.new(a=1)
    session = rotate(replica, session)
    session.inputs["a"] = 2
    replica.save(session)

    assert {"a": 2} == replica.load("new").inputs
    assert 2 == session.version


def test_a_session_that_was_never_stored_moves(replica: Replica) -> None:
    """Its old id can't be begun any more."""
    session = UserSession(session_id="s", inputs={"a": 1})

    rotate(replica, session)

    assert {"a": 1} == replica.load("new").inputs
    assert_ended(replica)


def test_a_late_save_under_the_old_id_is_gone(replica: Replica) -> None:
    """Another process held it, and it is never stored."""
    session = replica.new(a=1)
    other = replica.again()
    late, unsaved = other.load(), UserSession(session_id="s")
    rotate(replica, session)
    for one in (late, unsaved):
        one.inputs["late"] = 1
        with pytest.raises(SessionGoneError, match="ended"):
            other.save(one)

    assert_ended(replica)
    assert {"a": 1} == replica.load("new").inputs


def test_a_store_that_is_down_changes_nothing(replica: Replica) -> None:
    """The session is as it was, and is saved under its id later."""
    session = replica.new(a=1)
    before = (session.session_id, session.version, session.save_id)
    session.inputs["b"] = 2
    replica.store.down = True
    with pytest.raises(UnavailableError):
        rotate(replica, session)
    replica.store.down = False

    assert before == (session.session_id, session.version, session.save_id)
    assert ({"a": 1, "b": 2}, False) == (session.inputs, session.ended)
    replica.save(session)
    assert {"a": 1, "b": 2} == replica.load().inputs
    assert kept(replica, "new") is None


def test_a_refused_write_changes_nothing(replica: Replica) -> None:
    """The store is full."""
    session = replica.new(a=1)
    replica.store.next_writes(REJECTED)
    with pytest.raises(RejectedError):
        rotate(replica, session)

    assert "s" == session.session_id
    session.inputs["b"] = 2
    replica.save(session)
    assert {"a": 1, "b": 2} == replica.load().inputs


@pytest.mark.parametrize("fate", [LANDED, LOST])
def test_a_lost_answer_for_the_new_id_leaves_the_old_one(replica: Replica, fate: str) -> None:
    """A copy may be stored that nobody knows of; the session goes on under the old id."""
    session = replica.new(a=1)
    replica.store.next_writes(fate)
    with pytest.raises(UnavailableError):
        rotate(replica, session)
    session.page_views["cart"] = 1
    replica.save(session)

    assert ("s", {"cart": 1}) == (session.session_id, replica.load().page_views)
    rotate(replica, session, "newer")
    assert {"cart": 1} == replica.load("newer").page_views


@pytest.mark.parametrize("fate", [LANDED, LOST])
def test_the_end_of_the_old_id_is_repeated(replica: Replica, fate: str) -> None:
    """Whether or not the tombstone landed: the session has moved."""
    session = replica.new(a=1)
    rotation = replica.repository.rotation
    former = rotation.rotate(session, "new")
    replica.store.next_writes(fate)
    with pytest.raises(UnavailableError):
        rotation.finish(former)

    assert not rotation.finish(former)
    assert_ended(replica)
    assert {"a": 1} == replica.load("new").inputs
    assert [] == replica.told(SessionGone)


def test_in_between_both_are_there(replica: Replica) -> None:
    """After a crash the old id is what it was last stored as."""
    session = replica.new(a=1)
    session.inputs["b"] = 2
    replica.repository.rotation.rotate(session, "new")

    assert {"a": 1} == replica.load().inputs
    assert {"a": 1, "b": 2} == replica.load("new").inputs


def test_what_others_saved_before_moves_along(replica: Replica) -> None:
    """Seen or not seen yet."""
    session = replica.new(a=1)
    other = replica.again()
    theirs = other.load()
    theirs.inputs["seen"] = 1
    other.save(theirs)
    replica.repository.refresh(session)
    theirs.inputs["unseen"] = 2
    theirs.page_views["cart"] = 1
    other.save(theirs)

    session = rotate(replica, session)

    assert 1 == session.inputs["seen"]
    assert {"a": 1, "seen": 1, "unseen": 2} == replica.load("new").inputs
    replica.meet(session)
    assert ({"a": 1, "seen": 1, "unseen": 2}, {"cart": 1}) == (session.inputs, session.page_views)


@pytest.mark.parametrize("fates", [(LANDED,), (LOST,), (None, LANDED), (None, LOST)])
def test_what_others_saved_meanwhile_moves_along_once(
    replica: Replica, fates: tuple[str | None, ...]
) -> None:
    """Though answers are lost on the way: a counter that moved twice would tell."""
    session = replica.new()
    session.page_views["cart"] = 1
    other = replica.again()
    theirs = other.load()
    rotation = replica.repository.rotation
    former = rotation.rotate(session, "new")
    theirs.page_views["cart"] = 2
    other.save(theirs)
    replica.store.next_writes(None, *fates)
    with pytest.raises(UnavailableError):
        rotation.finish(former)

    rotation.finish(former)

    assert {"cart": 3} == replica.load("new").page_views
    assert_ended(replica)


def test_a_write_in_doubt_moves_once(replica: Replica) -> None:
    """It landed under the old id with its answer lost: it is settled before the move."""
    session = replica.new()
    session.page_views["cart"] = 1
    replica.store.next_writes(LANDED)
    with pytest.raises(UnavailableError):
        replica.save(session)

    rotate(replica, session)

    assert {"cart": 1} == replica.load("new").page_views
    assert_ended(replica)


@pytest.mark.parametrize("fate", [LANDED, LOST])
def test_a_write_in_doubt_is_left_behind_while_the_store_is_down(
    replica: Replica, fate: str
) -> None:
    """Leaving in memory asks no store; what landed is not counted again."""
    session = replica.new()
    session.page_views["cart"] = 1
    replica.store.next_writes(fate)
    with pytest.raises(UnavailableError):
        replica.save(session)
    replica.store.down = True
    former = replica.repository.rotation.rotate_in_memory(session, "new", lambda _: None)
    replica.store.down = False
    replica.save(former.session)
    replica.repository.rotation.finish(former)

    assert {"cart": 1} == replica.load("new").page_views
    assert_ended(replica)


def test_someone_on_top_of_a_write_in_doubt_moves_along(replica: Replica) -> None:
    """Both their change and ours, each once."""
    session = replica.new()
    session.page_views["cart"] = 1
    replica.store.next_writes(LANDED)
    with pytest.raises(UnavailableError):
        replica.save(session)
    other = replica.again()
    theirs = other.load()
    theirs.page_views["cart"] += 1
    other.save(theirs)
    replica.store.down = True
    former = replica.repository.rotation.rotate_in_memory(session, "new", lambda _: None)
    replica.store.down = False
    replica.save(former.session)
    replica.repository.rotation.finish(former)

    assert {"cart": 2} == replica.load("new").page_views


def test_a_conflict_is_decided_before_the_move(replica: Replica) -> None:
    """The strategy refuses: nothing moves."""
    refusing = replica.again(strategy=Refuse())
    replica.new(a=1)
    session = refusing.load()
    theirs = replica.load()
    theirs.inputs["a"] = 2
    replica.save(theirs)
    session.inputs["a"] = 3
    refusing.repository.refresh(session)
    with pytest.raises(ConflictError):
        rotate(refusing, session)

    assert "s" == session.session_id
    assert {"a": 2} == replica.load().inputs


@pytest.mark.parametrize("how", ["end", "delete"])
def test_a_session_that_is_gone_does_not_move(replica: Replica, how: str) -> None:
    """Ended or deleted elsewhere: nothing of it lives on under a new id."""
    session = replica.new(a=1)
    getattr(replica.again().repository, how)("s")

    with pytest.raises(SessionGoneError, match="ended"):
        rotate(replica, session)

    assert kept(replica, "new") is None
    with pytest.raises(SessionGoneError):
        replica.save(session)
    assert 1 == len(replica.told(SessionGone))


def test_two_processes_move_a_session_at_once(replica: Replica) -> None:
    """One of them wins; the other one's session is gone, and so is its copy."""
    ours = replica.new(a=1)
    other = replica.again()
    theirs = other.load()
    former = replica.repository.rotation.rotate(ours, "ours")
    rotate(other, theirs, "theirs")
    with pytest.raises(SessionGoneError, match="ended"):
        replica.repository.rotation.finish(former)

    assert kept(replica, "ours") is None
    assert {"a": 1} == replica.load("theirs").inputs


def test_an_id_that_is_somebody_elses_now_stays(replica: Replica) -> None:
    """It was bound to another user meanwhile: theirs is not ended, and ours is gone."""
    session = replica.new(a=1)
    other = replica.again()
    hers = other.load()
    rotation = replica.repository.rotation
    former = rotation.rotate(session, "new")
    former.session.user_id = "bob"
    hers.user_id = "alice"
    other.save(hers)
    with pytest.raises(SessionGoneError, match="owner"):
        rotation.finish(former)

    assert "alice" == replica.load().user_id
    assert kept(replica, "new") is None


def test_an_old_id_that_expired_meanwhile_is_ended(clock: Clock) -> None:
    """What lies there is over; it neither moves nor stays."""
    replica = Replica(now=clock, expiry=Expiry(idle=None, absolute=None))
    session = replica.new(a=1)
    former = replica.repository.rotation.rotate(session, "new")
    rewrite(replica, lambda parts: parts, save_id="other", expires_at=1)

    assert not replica.repository.rotation.finish(former)
    assert_ended(replica)


def test_after_a_failover_the_old_state_does_not_come_along(replica: Replica) -> None:
    """The store lost our last save of the old id: what it has instead is older than what moved."""
    session = replica.new(a=1)
    before = replica.store.keep()
    session.inputs["a"] = 2
    session.page_views["cart"] = 1
    replica.save(session)
    former = replica.repository.rotation.rotate(session, "new")
    moved = replica.store.keep()["new"]
    replica.store.go_back({**before, "new": moved})

    replica.repository.rotation.finish(former)

    found = replica.load("new")
    assert ({"a": 2}, {"cart": 1}) == (found.inputs, found.page_views)
    assert_ended(replica)


def test_a_value_that_cannot_be_kept_keeps_its_last_one(replica: Replica) -> None:
    """As in any save."""
    session = replica.new(upload=1)
    session.inputs["upload"] = object()

    rotate(replica, session)

    assert {"upload": 1} == replica.load("new").inputs


def test_a_change_is_stored_under_the_new_id_only(replica: Replica) -> None:
    """Who knows the old one never sees whose the session has become."""
    session = replica.new(a=1)

    def own(moved: UserSession) -> None:
        moved.user_id = "alice"

    former = replica.repository.rotation.rotate_in_memory(session, "new", own)
    replica.save(former.session)
    replica.repository.rotation.finish(former)

    owners = {write.head.user_id for write in replica.store.writes if write.head.session_id == "s"}
    assert {None} == owners
    assert "alice" == replica.load("new").user_id
