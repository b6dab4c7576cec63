# SPDX-License-Identifier: Apache-2.0
"""What is saved is loaded, expires and is ended."""

from __future__ import annotations

from datetime import timedelta

import ormsgpack
import pytest
from session_harness.replicas import Clock, Replica, rewrite, with_field

from sessionkit.encoding.packing import PACKED, SPLIT_ABOVE, seal, unseal
from sessionkit.errors import (
    RejectedError,
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import SessionEnded
from sessionkit.records import SessionWrite
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.tracks import Absence
from sessionkit.session import UserSession
from sessionkit.session.fields import to_micros

# -- loading and saving --------------------------------------------------------


def test_what_is_saved_is_loaded(replica: Replica) -> None:
    """As another object with the same content."""
    session = UserSession(
        session_id="s",
        user_id="alice",
        roles={"editor"},
        inputs={"size": (1, 2)},
        extensions={"tour": {"step": 1}},
        theme="dark",
    )
    session.add_navigation("cart", {"items": 3})
    form = session.get_form_state("order")
    form.data["city"] = "Paris"
    form.snapshot("before")
    session.mark_form_dirty("order")
    session.add_cache_key("orders", {"user"})
    replica.save(session)

    again = replica.load()
    assert session is not again
    assert session.to_dict() == again.to_dict()


def test_a_save_sets_version_and_save_id(replica: Replica) -> None:
    """They are those of the stored head."""
    session = replica.new()
    for version in (1, 2, 3):
        session.add_navigation("cart")
        replica.save(session)
        head = replica.store.stored("s").head
        assert (version + 1, version + 1) == (session.version, head.version)
        assert head.save_id == session.save_id == replica.load().save_id


def test_a_head_remembers_eight_earlier_saves(replica: Replica) -> None:
    """Newest first; that is how a lost answer is recognised."""
    session = replica.new()
    saves = [session.save_id]
    for _ in range(11):
        session.add_navigation("cart")
        replica.save(session)
        saves.append(session.save_id)

    assert tuple(reversed(saves[-9:-1])) == replica.store.stored("s").head.recent


def test_save_ids_are_random(replica: Replica) -> None:
    """64 bits and more, new for each save."""
    ids = {replica.new(f"s{number}").save_id for number in range(50)}

    assert 50 == len(ids)
    assert all(isinstance(one, str) and len(one) >= 16 for one in ids)


def test_the_head_says_who_owns_the_session(replica: Replica) -> None:
    """It is what a user's sessions are found by."""
    session = replica.new()
    assert replica.store.stored("s").head.user_id is None
    session.user_id = "alice"
    replica.save(session)

    assert "alice" == replica.store.stored("s").head.user_id


def test_nothing_is_found_where_nothing_is(replica: Replica) -> None:
    """The id is free."""
    assert replica.repository.load("s") is None
    assert Absence.FREE is replica.repository.load_result("s").absence


def test_a_session_that_is_too_large_is_rejected(replica: Replica) -> None:
    """The error names the limit and the largest part; what was stored stays."""
    small = Replica(replica.store.memory, max_bytes=2000)
    session = small.new(a=1)
    session.inputs["text"] = "x" * 2000

    with pytest.raises(RejectedError, match=r"limits\.session_bytes = 2000.*'inputs'"):
        small.save(session)
    assert {"a": 1} == replica.load().inputs
    session.inputs["text"] = "short"
    small.save(session)
    assert {"a": 1, "text": "short"} == replica.load().inputs


def test_what_a_newer_release_stored_next_to_ours_is_kept(replica: Replica) -> None:
    """Parts and fields that this version doesn't know are written back, split or not."""
    replica.new(text="x" * SPLIT_ABOVE)
    pack = replica.repository.codec.serializer
    rewrite(replica, lambda parts: {**parts, "future": seal(pack.dumps({"a": 1}), "msgpack")})
    rewrite(replica, lambda parts: {**parts, "cache": with_field(parts["cache"], "hint", 7)})
    session = replica.load()
    session.inputs["text"] = "short"
    session.add_cache_key("orders")
    replica.save(session)

    stored = replica.store.stored("s").parts
    parts = ormsgpack.unpackb(unseal(stored[PACKED]).payload)
    assert {"a": 1} == pack.loads(parts["future"])
    assert 7 == pack.loads(parts["cache"])["hint"]


def test_what_another_serializer_wrote_is_read_and_rewritten(replica: Replica) -> None:
    """The record says how to read itself; comparison sees through it."""
    replica.new(size=(1, 2))
    as_json = replica.again(serializer="json")
    session = as_json.load()
    as_json.save(session)
    assert [] == as_json.store.writes
    session.theme = "dark"
    as_json.save(session)

    assert "json" == unseal(replica.store.stored("s").parts[PACKED]).serializer
    assert ((1, 2), "dark") == (replica.load().inputs["size"], replica.load().theme)


# -- expiry --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "hours"),
    [
        (Expiry(idle=timedelta(hours=1), absolute=None), 1),
        (Expiry(idle=None, absolute=timedelta(hours=3)), 3),
        (Expiry(idle=timedelta(hours=2), absolute=timedelta(hours=1)), 1),
    ],
)
def test_the_earlier_end_counts(clock: Clock, expiry: Expiry, hours: int) -> None:
    """The storage returns it all the same: the repository alone decides."""
    replica = Replica(expiry=expiry, now=clock)
    replica.new()
    clock.advance(hours=hours, seconds=-1)
    assert replica.repository.load("s") is not None
    clock.advance(seconds=2)

    assert replica.repository.load("s") is None
    assert Absence.FREE is replica.repository.load_result("s").absence
    assert replica.store.stored("s")


def test_without_an_end_a_session_stays(clock: Clock) -> None:
    """Never means never."""
    replica = Replica(now=clock)
    replica.new()
    clock.advance(days=4000)

    assert replica.repository.load("s") is not None
    assert replica.store.stored("s").head.expires_at is None


def test_activity_moves_the_idle_end_not_the_absolute_one(clock: Clock) -> None:
    """A touch without a save does it, too."""
    expiry = Expiry(idle=timedelta(hours=1), absolute=timedelta(hours=3))
    replica = Replica(expiry=expiry, now=clock)
    session = replica.new()
    for _ in range(5):
        clock.advance(minutes=30)
        assert replica.repository.touch("s")
    assert replica.repository.load("s") is not None
    clock.advance(minutes=30, seconds=1)

    assert replica.repository.load("s") is None
    assert not replica.repository.touch("s")
    assert 1 == session.version


def test_a_live_session_expires_by_what_was_stored(clock: Clock) -> None:
    """So that it ends when nobody uses it, though somebody holds it."""
    replica = Replica(expiry=Expiry(idle=timedelta(hours=1), absolute=None), now=clock)
    session = replica.new()
    assert not replica.repository.has_expired(session)
    clock.advance(hours=2)

    assert replica.repository.has_expired(session)
    assert not replica.repository.has_expired(UserSession())


# -- ending --------------------------------------------------------------------


def test_the_end_is_a_tombstone(clock: Clock) -> None:
    """No user, no parts; the id stays taken as long as a cookie lives."""
    replica = Replica(now=clock)
    session = replica.new(text="x" * SPLIT_ABOVE)
    session.user_id = "alice"
    replica.save(session)
    replica.repository.end("s", session)

    stored = replica.store.stored("s")
    assert (True, None, {}) == (stored.head.ended, stored.head.user_id, dict(stored.parts))
    assert 3 == stored.head.version
    assert stored.head.expires_at is not None
    assert stored.head.expires_at >= to_micros(clock() + timedelta(days=399))
    assert Absence.ENDED is replica.repository.load_result("s").absence
    assert ["s"] == [event.session_id for event in replica.told(SessionEnded)]


def test_an_id_is_ended_once(replica: Replica) -> None:
    """Ending it again changes nothing."""
    replica.new()
    replica.repository.end("s")
    before = replica.store.stored("s")
    replica.repository.end("s")

    assert before == replica.store.stored("s")
    assert 1 == len(replica.told(SessionEnded))


def test_an_id_that_was_never_stored_is_ended_too(replica: Replica) -> None:
    """A tab may hold a session that it has not saved yet."""
    replica.repository.end("s")

    assert replica.store.stored("s").head.ended


def test_a_session_ends_once_the_store_was_told(replica: Replica) -> None:
    """Not before: the cookie is good until then, and whoever logs out has to know."""
    session = replica.new()
    replica.store.down = True
    with pytest.raises(UnavailableError):
        replica.repository.end("s", session)
    replica.store.down = False
    assert replica.repository.why_gone(session) is None

    replica.repository.end("s", session)

    assert "ended" == replica.repository.why_gone(session)
    with pytest.raises(SessionGoneError):
        replica.save(session)


def test_an_end_wins_over_a_save_at_the_same_time(replica: Replica) -> None:
    """It meets the other writer, looks again and ends what it finds."""
    session = replica.new()
    other = replica.again()
    session.theme = "dark"

    def save_first(_: SessionWrite) -> None:
        other.store.on_write = None
        replica.save(session)

    other.store.on_write = save_first
    other.repository.end("s")

    assert (True, 3) == (
        replica.store.stored("s").head.ended,
        replica.store.stored("s").head.version,
    )


def test_an_end_that_never_gets_through_says_so(replica: Replica) -> None:
    """It is bounded, and may be tried again."""
    session = replica.new()
    other = replica.again()

    def save_first(_: SessionWrite) -> None:
        session.add_navigation("cart")
        replica.save(session)

    other.store.on_write = save_first
    with pytest.raises(UnavailableError, match="could not be ended"):
        other.repository.end("s")
