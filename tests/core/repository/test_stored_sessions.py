# SPDX-License-Identifier: Apache-2.0
"""Stored sessions: what can't be read or is newer; lists, counts, touches and removals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import attrs
import ormsgpack
import pytest
from session_harness.replicas import Clock, Replica, rewrite
from session_harness.stores import FaultyStore

from sessionkit.encoding.packing import seal, unseal
from sessionkit.errors import (
    NewerFormatError,
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import NewerFormat, SessionQuarantined
from sessionkit.records import SCHEMA_VERSION, StoredSession
from sessionkit.repository.expiry import Expiry
from sessionkit.session import UserSession

# -- what can't be read --------------------------------------------------------

Damage = Callable[[dict[str, bytes]], dict[str, bytes]]


def cut_off(parts: dict[str, bytes]) -> dict[str, bytes]:
    """Lose the second half."""
    return {name: data[: len(data) // 2] for name, data in parts.items()}


def no_envelope(parts: dict[str, bytes]) -> dict[str, bytes]:
    """Hold something else altogether."""
    return dict.fromkeys(parts, b"\x00garbage")


def wrong_types(_: dict[str, bytes]) -> dict[str, bytes]:
    """Hold a readable part that is no session's."""
    return {"profile": seal(ormsgpack.packb({"created_at": "never"}), "msgpack")}


DAMAGES = pytest.mark.parametrize("damage", [cut_off, no_envelope, wrong_types])


def kept_aside(store: FaultyStore) -> dict[str, StoredSession]:
    """Return what is in quarantine."""
    return {name: one for name, one in store.keep().items() if name.startswith("quarantine-")}


@DAMAGES
def test_what_cannot_be_read_is_kept_aside_and_a_fresh_session_takes_its_place(
    replica: Replica, damage: Damage
) -> None:
    """The bytes are copied, once, before anything replaces them; an event says where."""
    replica.new()
    damaged = rewrite(replica, damage)

    assert replica.repository.load("s") is None
    assert replica.repository.load("s") is None
    [(name, kept)] = kept_aside(replica.store).items()
    assert damaged.parts == kept.parts
    assert damaged == replica.store.stored("s")

    replica.save(UserSession(session_id="s", inputs={"fresh": 1}))
    assert {"fresh": 1} == replica.load().inputs
    assert kept == replica.store.stored(name)


def test_an_event_tells_once_of_what_was_kept_aside(replica: Replica) -> None:
    """Not at each look."""
    replica.new()
    rewrite(replica, cut_off)
    for _ in range(3):
        replica.repository.load("s")
    [name] = kept_aside(replica.store)

    assert [("s", name)] == [
        (event.session_id, event.quarantine_id) for event in replica.told(SessionQuarantined)
    ]
    assert "damaged" in replica.told(SessionQuarantined)[0].reason


def test_what_is_kept_aside_is_found_by_nobody(replica: Replica) -> None:
    """It is no session: not in lists, not its owner's, and a list makes no copies of it."""
    session = replica.new()
    session.user_id = "alice"
    replica.save(session)
    rewrite(replica, cut_off)
    replica.repository.load("s")

    for _ in range(3):
        for head in list(replica.repository.heads()):
            replica.repository.load(head.session_id)

    assert 1 == len(kept_aside(replica.store))
    assert {"s"} >= {head.session_id for head in replica.repository.heads()}
    assert {"s"} >= {head.session_id for head in replica.repository.heads_of("alice")}


def test_a_session_that_was_damaged_under_a_live_one_is_written_again(replica: Replica) -> None:
    """The live object has it all; the damaged bytes are kept aside nevertheless."""
    session = replica.new(a=1)
    rewrite(replica, cut_off, save_id="another", version=2)
    session.theme = "dark"
    replica.save(session)

    assert ({"a": 1}, "dark") == (replica.load().inputs, replica.load().theme)
    assert 1 == len(kept_aside(replica.store))


def test_while_the_copy_cannot_be_made_nothing_is_replaced(replica: Replica) -> None:
    """The bytes are safe first."""
    replica.new()
    damaged = rewrite(replica, cut_off)
    late = UserSession(session_id="s", inputs={"late": 1})
    replica.store.on_write = lambda write: setattr(
        replica.store, "down", write.head.session_id != "s"
    )
    with pytest.raises(UnavailableError):
        replica.save(late)

    assert damaged == replica.store.stored("s")


# -- heads that can't be read --------------------------------------------------

HEADS: Final[dict[str, dict[str, Any]]] = {
    "a text for a time": {"expires_at": "garbage"},
    "a time that no calendar has": {"last_activity": 1 << 62},
    "bytes for earlier saves": {"recent": b"\xff"},
    "no save": {"save_id": None},
    "a text for a format": {"schema_version": ""},
    "a number for a truth": {"ended": 7},
    "nothing right": dict.fromkeys(
        ("version", "save_id", "recent", "created_at", "ended", "schema_version")
    ),
}


@pytest.fixture(name="damaged", params=HEADS)
def _damaged(replica: Replica, request: pytest.FixtureRequest) -> StoredSession:
    """Return the record of a session with a damaged head, beside a sound one."""
    for name in ("s", "t"):
        session = UserSession(session_id=name, inputs={"a": 1})
        session.user_id = "alice"
        replica.save(session)
    stored = replica.store.stored("s")
    damaged = attrs.evolve(stored, head=attrs.evolve(stored.head, **HEADS[request.param]))
    replica.store.memory._sessions["s"] = damaged
    return damaged


def test_a_damaged_head_is_kept_aside_and_a_fresh_session_takes_its_place(
    replica: Replica, damaged: StoredSession
) -> None:
    """An event tells what can't be read, and where the bytes are now."""
    other = replica.again()
    assert other.repository.load("s") is None

    [kept] = kept_aside(replica.store).values()
    assert damaged.parts == kept.parts
    [event] = other.told(SessionQuarantined)
    assert (kept.head.session_id, True) == (
        event.quarantine_id,
        event.reason.endswith("can't be read"),
    )
    other.save(UserSession(session_id="s", inputs={"fresh": 1}))
    assert {"fresh": 1} == other.load().inputs


@pytest.mark.usefixtures("damaged")
def test_a_damaged_head_breaks_no_list(replica: Replica) -> None:
    """Neither that of all nor that of its user; all others are in them."""
    repository = replica.again().repository

    assert ["t"] == [head.session_id for head in repository.heads()]
    assert ["t"] == [head.session_id for head in repository.heads_of("alice")]
    assert not repository.touch("s")


@pytest.mark.usefixtures("damaged")
def test_a_damaged_session_can_be_ended(replica: Replica) -> None:
    """A tombstone takes its place, as that of any other."""
    repository = replica.again().repository

    assert repository.end("s")
    assert replica.store.stored("s").head.ended


def test_a_live_session_is_stored_again_over_a_damaged_head(replica: Replica) -> None:
    """Who has it open loses nothing."""
    other = replica
    session = UserSession(session_id="t2", inputs={"a": 1})
    other.save(session)
    stored = replica.store.stored("t2")
    replica.store.memory._sessions["t2"] = attrs.evolve(
        stored,
        head=attrs.evolve(stored.head, save_id="other", expires_at="x"),  # type: ignore[arg-type]  # the damage
    )
    session.inputs["b"] = 2
    other.save(session)

    assert {"a": 1, "b": 2} == replica.again().load("t2").inputs


# -- what a newer release wrote ------------------------------------------------


def newer_schema(replica: Replica) -> None:
    """Store a newer record."""
    rewrite(replica, dict, schema_version=SCHEMA_VERSION + 1, save_id="newer")


def newer_envelope(replica: Replica) -> None:
    """Store a newer envelope."""
    rewrite(replica, lambda parts: {n: b"\x02" + d[1:] for n, d in parts.items()}, save_id="newer")


def unknown_flags(replica: Replica) -> None:
    """Store something compressed or encrypted."""
    rewrite(
        replica, lambda parts: {n: b"\x01\x02" + d[2:] for n, d in parts.items()}, save_id="newer"
    )


def unknown_serializer(replica: Replica) -> None:
    """Store what a plugin wrote that isn't installed here."""
    rewrite(
        replica,
        lambda parts: {n: seal(unseal(d).payload, "cbor") for n, d in parts.items()},
        save_id="newer",
    )


NEWER = pytest.mark.parametrize(
    "store", [newer_schema, newer_envelope, unknown_flags, unknown_serializer]
)


@NEWER
def test_what_a_newer_release_wrote_is_neither_read_nor_written_over(
    replica: Replica, store: Callable[[Replica], None]
) -> None:
    """Nor put into quarantine; an event says why."""
    session = replica.new()
    store(replica)
    newer = replica.store.stored("s")
    other = replica.again()
    with pytest.raises(NewerFormatError):
        other.repository.load("s")
    assert 1 == len(other.told(NewerFormat))

    session.theme = "dark"
    for writer, one in ((replica, session), (other, UserSession(session_id="s"))):
        for _ in range(2):
            with pytest.raises(NewerFormatError):
                writer.save(one)

    assert {"s": newer} == replica.store.keep()


@NEWER
def test_a_round_trip_never_writes_over_what_a_newer_release_wrote(
    replica: Replica, store: Callable[[Replica], None]
) -> None:
    """Not even with the save_id that is stored."""
    copy = UserSession.from_dict(replica.new().to_dict())
    store(replica)
    newer = replica.store.stored("s")
    copy.save_id, copy.theme = "newer", "dark"

    with pytest.raises(NewerFormatError):
        replica.again().save(copy)
    assert newer == replica.store.stored("s")


def test_newer_fails_its_own_session_only(replica: Replica) -> None:
    """In a batch, the others are saved."""
    session = replica.new()
    newer_schema(replica)
    session.theme = "dark"
    right = UserSession(session_id="right")

    outcomes = replica.repository.save_many([session, right])

    assert [NewerFormatError, type(None)] == [type(outcome) for outcome in outcomes]
    assert replica.load("right")


# -- listing and removing ------------------------------------------------------


def test_the_latest_session_of_a_user(replica: Replica) -> None:
    """By activity, not by age; nobody else's."""
    for number, user in enumerate(("alice", "alice", "bob")):
        replica.save(UserSession(session_id=f"s{number}", user_id=user))
    assert "s1" == next(replica.repository.heads_of("alice")).session_id
    session = replica.load("s0")
    session.last_activity += timedelta(minutes=5)
    replica.save(session)

    assert "s0" == next(replica.repository.heads_of("alice")).session_id
    assert [] == list(replica.repository.heads_of("carol"))


def test_lists_leave_out_what_expired_and_what_ended(clock: Clock) -> None:
    """Over all pages."""
    replica = Replica(expiry=Expiry(idle=timedelta(hours=1), absolute=None), now=clock)
    for number in range(130):
        replica.save(UserSession(session_id=f"old{number}", user_id="alice"))
    clock.advance(hours=2)
    for number in range(130):
        replica.save(
            UserSession(
                session_id=f"new{number}",
                user_id="alice",
                created_at=clock(),
                last_activity=clock(),
            )
        )
    replica.repository.end("new7")

    wanted = {f"new{number}" for number in range(130)} - {"new7"}
    assert wanted == {head.session_id for head in replica.repository.heads()}
    assert wanted == {head.session_id for head in replica.repository.heads_of("alice")}


def test_purge_removes_what_has_expired(clock: Clock) -> None:
    """In batches, until nothing is left."""
    replica = Replica(expiry=Expiry(idle=timedelta(hours=1), absolute=None), now=clock)
    for number in range(230):
        replica.new(f"s{number}")
    clock.advance(hours=2)
    replica.save(UserSession(session_id="s", created_at=clock(), last_activity=clock()))

    assert 230 == replica.repository.purge()
    assert ["purge"] * 3 == [call for call in replica.store.calls if call == "purge"]
    assert {"s"} == set(replica.store.keep())
    assert 0 == replica.repository.purge()


def test_purge_removes_what_was_idle_for_so_long(clock: Clock) -> None:
    """A tombstone stays: its id must not come free."""
    replica = Replica(now=clock)
    replica.new("idle")
    replica.new("ended")
    replica.repository.end("ended")
    clock.advance(hours=3)
    replica.save(UserSession(session_id="busy", created_at=clock(), last_activity=clock()))

    assert 1 == replica.repository.purge(idle=timedelta(hours=2))
    assert {"ended", "busy"} == set(replica.store.keep())


def test_delete_removes_all_data_at_once(replica: Replica) -> None:
    """And says whether there was one; what stays says no more than that the id is taken."""
    replica.save(UserSession(session_id="s", user_id="ada", inputs={"name": "Ada"}))

    assert replica.repository.delete("s")
    assert not replica.repository.delete("s")
    left = replica.store.stored("s")
    assert (True, None, {}) == (left.head.ended, left.head.user_id, dict(left.parts))


def test_delete_of_a_free_id_leaves_it_free(replica: Replica) -> None:
    """Whatever ids an app tries, none is taken."""
    assert not replica.repository.delete("s")
    assert {} == replica.store.keep()


def test_a_late_save_brings_nothing_deleted_back(replica: Replica) -> None:
    """Of a tab that is open on another replica."""
    other = replica.again()
    session = other.new(a=1)
    replica.repository.delete("s")
    session.inputs["late"] = 1

    with pytest.raises(SessionGoneError, match="ended"):
        other.save(session)
    assert {} == dict(replica.store.stored("s").parts)


def test_delete_removes_what_was_kept_aside(replica: Replica) -> None:
    """A copy of what can't be read is nobody's session: nothing of it is left."""
    replica.new()
    replica.store.memory._sessions["s"] = attrs.evolve(
        replica.store.stored("s"), parts={"*": b"garbage"}
    )
    assert replica.repository.load("s") is None
    [copy] = replica.told(SessionQuarantined)

    assert replica.repository.delete(copy.quarantine_id)
    assert replica.store.memory.read(copy.quarantine_id) is None


def test_active_sessions_are_counted(clock: Clock) -> None:
    """Those with activity within the time."""
    replica = Replica(now=clock)
    replica.new("old")
    clock.advance(minutes=31)
    replica.save(UserSession(session_id="new", created_at=clock(), last_activity=clock()))

    assert 1 == replica.repository.count_active(timedelta(minutes=30))
    assert 2 == replica.repository.count_active(timedelta(minutes=32))


def test_only_what_is_there_is_touched(replica: Replica) -> None:
    """No session is made, and no tombstone moved."""
    assert not replica.repository.touch("s")
    replica.new()
    assert replica.repository.touch("s")
    replica.repository.end("s")

    assert not replica.repository.touch("s")
