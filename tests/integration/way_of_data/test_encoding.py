# SPDX-License-Identifier: Apache-2.0
"""DESIGN section 4, sentence by sentence: parts and packing, encoding, odd values."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

import attrs
import pytest
from session_harness.replicas import Replica
from session_harness.servers import Server

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.encoding import codec, packing
from sessionkit.encoding.packing import JOIN_BELOW, PACKED, SPLIT_ABOVE
from sessionkit.errors import NewerFormatError, SerializationError
from sessionkit.events import NewerFormat, SessionQuarantined, SessionSaved, ValueNotSaved
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import SessionWrite
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]

ONE_PART = {PACKED}


def stored_names(replica: Replica) -> set[str]:
    """Return the names that the session's parts are stored under."""
    return set(replica.store.stored("s").parts)


# -- packing -------------------------------------------------------------------


def test_a_small_session_is_stored_as_one_part(replica: Replica) -> None:
    """One row, one read."""
    replica.new(text="x" * (SPLIT_ABOVE - 1000))

    assert ONE_PART == stored_names(replica)


def test_a_large_session_is_split_so_that_a_save_costs_what_changed(replica: Replica) -> None:
    """A changed preference doesn't write the large part again."""
    session = replica.new(text="x" * SPLIT_ABOVE)
    assert {"profile", "access", "navigation", "inputs", "cache", STAMPS} == stored_names(replica)

    session.theme = "dark"
    replica.save(session)

    assert {"profile", STAMPS} == set(replica.store.writes[-1].put)
    assert "dark" == replica.load().theme


def test_a_session_that_grows_is_split_in_the_write_that_grows_it(replica: Replica) -> None:
    """The one part goes, or it would be read instead of the many."""
    session = replica.new()
    session.inputs["text"] = "x" * SPLIT_ABOVE
    replica.save(session)

    assert 2 == len(replica.store.writes)
    assert (PACKED,) == replica.store.writes[-1].remove
    assert PACKED not in stored_names(replica)
    assert session.inputs == replica.load().inputs


def test_a_session_that_shrinks_is_joined_in_the_write_that_shrinks_it(replica: Replica) -> None:
    """The many parts go, or they would stay for ever."""
    session = replica.new(text="x" * SPLIT_ABOVE)
    names = stored_names(replica)
    session.inputs["text"] = "short"
    replica.save(session)

    assert 2 == len(replica.store.writes)
    assert names == set(replica.store.writes[-1].remove)
    assert ONE_PART == stored_names(replica)
    assert {"text": "short"} == replica.load().inputs


def test_between_the_two_thresholds_the_layout_stays(replica: Replica) -> None:
    """A session near one of them doesn't change its layout at each save."""
    between = "x" * ((SPLIT_ABOVE + JOIN_BELOW) // 2)
    session = replica.new(text=between)
    assert ONE_PART == stored_names(replica)
    session.inputs["text"] = "x" * SPLIT_ABOVE
    replica.save(session)
    session.inputs["text"] = between
    replica.save(session)

    assert "inputs" in stored_names(replica)


def test_a_part_that_goes_is_removed_from_the_store(replica: Replica) -> None:
    """A split session that loses a form loses its part."""
    session = replica.new(text="x" * SPLIT_ABOVE)
    session.get_form_state("order")
    replica.save(session)
    assert "form:order" in stored_names(replica)

    del session.form_states["order"]
    replica.save(session)

    assert "form:order" not in stored_names(replica)
    assert {} == replica.load().form_states


def test_comparison_never_sees_packing(replica: Replica) -> None:
    """What changed is told by logical parts, though one part was written."""
    session = replica.new()
    session.theme = "dark"
    session.add_cache_key("orders")
    replica.save(session)

    assert ("cache", "profile") == replica.told(SessionSaved)[-1].parts


@pytest.mark.parametrize("size", [10, SPLIT_ABOVE])
def test_merge_never_sees_packing(replica: Replica, size: int) -> None:
    """One writer splits or keeps the layout that the other one meets."""
    replica.new()
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.inputs["theirs"] = "x" * size
    other.save(theirs)
    ours.inputs["ours"] = 1
    replica.save(ours)

    assert {"ours": 1, "theirs": "x" * size} == replica.load().inputs
    assert (size > JOIN_BELOW) == (PACKED not in stored_names(replica))


def test_merge_that_joins_again_removes_the_other_layout(replica: Replica) -> None:
    """We knew one part, they split it, and ours makes it small: all of theirs goes."""
    replica.new(text="")
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.inputs["text"] = "x" * SPLIT_ABOVE
    other.save(theirs)
    replica.meet(ours)
    ours.inputs["text"] = "short"
    replica.save(ours)

    assert ONE_PART == stored_names(replica)
    assert "short" == other.load().inputs["text"]


# -- large parts, patched ------------------------------------------------------


def fields(count: int = 100, size: int = 2_000) -> dict[str, str]:
    """Return inputs that are large together."""
    return {f"field {number}": f"{number:05d}" * (size // 5) for number in range(count)}


def written(replica: Replica) -> int:
    """Return how many bytes the last save wrote."""
    return sum(map(len, replica.store.writes[-1].put.values()))


def test_one_input_of_many_costs_what_it_is(replica: Replica) -> None:
    """Of a hundred inputs of 2 kB one is changed: some kB are written, not 198."""
    session = replica.new(**fields())
    for number in range(0, 100, 7):
        session.set_input(f"field {number}", "another text " * (140 + number))
        replica.save(session)

        assert written(replica) <= 8_000
    loaded = replica.load()
    assert session.inputs == loaded.inputs
    assert [*session.inputs] == [*loaded.inputs]


def test_patches_go_when_a_part_is_stored_anew(replica: Replica) -> None:
    """After some of them it is, and when it has become small; nothing is left behind."""
    session = replica.new(**fields())
    whole = stored_names(replica)
    patches = []
    for number in range(40):
        session.set_input(f"field {number}", "x" * number)
        replica.save(session)
        patches.append(len(stored_names(replica) - whole))

    assert {0, 16} == {min(patches), max(patches)}
    assert session.inputs == replica.load().inputs

    for number in range(99):
        session.inputs.pop(f"field {number}", None)
    session.inputs["text"] = "x" * SPLIT_ABOVE
    replica.save(session)

    assert whole == stored_names(replica)
    assert session.inputs == replica.load().inputs

    session.inputs.clear()
    replica.save(session)

    assert ONE_PART == stored_names(replica)


def test_several_large_parts_are_patched(replica: Replica) -> None:
    """Each patch is of its own part."""
    session = replica.new(**fields())
    session.extensions["x"] = fields()
    session.get_form_state("order").data.update(fields())
    replica.save(session)
    for number in range(0, 100, 9):
        session.extensions["x"][f"field {number}"] = "changed"
        session.form_states["order"].data[f"field {number}"] = "changed, too"
        if number % 2:
            session.set_input(f"field {number}", "another")
        replica.save(session)

        assert written(replica) < 5_000
    loaded = replica.load()
    assert session.inputs == loaded.inputs
    assert session.extensions == loaded.extensions
    assert session.form_states["order"].data == loaded.form_states["order"].data


def test_two_writers_change_one_large_part(replica: Replica) -> None:
    """Comparison and merge never see patches, either."""
    replica.new(**fields())
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.set_input("field 90", "theirs")
    other.save(theirs)
    ours.set_input("field 3", "ours")
    replica.save(ours)
    replica.meet(ours)
    other.meet(theirs)

    expected = {**fields(), "field 90": "theirs", "field 3": "ours"}
    assert expected == ours.inputs == theirs.inputs == replica.load().inputs
    assert written(replica) <= 12_000


@pytest.mark.parametrize(("first", "second"), [("json", "msgpack"), ("msgpack", "json")])
def test_a_part_that_another_serializer_has_patched(first: str, second: str) -> None:
    """It is read, kept where nothing changes in it, and stored anew where something does."""
    before = Replica(serializer=first)
    began = before.new(**fields())
    began.set_input("field 7", "patched")
    before.save(began)
    after = before.again(serializer=second)
    session = after.load()
    session.theme = "dark"
    after.save(session)

    assert began.inputs == before.load().inputs == after.load().inputs

    session.set_input("field 5", "changed")
    after.save(session)
    session.set_input("field 50", "changed")
    after.save(session)

    expected = {**began.inputs, "field 5": "changed", "field 50": "changed"}
    assert expected == before.load().inputs == after.load().inputs


@pytest.mark.parametrize("damaged", ["inputs", "#1", "#2"])
def test_a_part_of_which_something_is_damaged_is_kept_aside(replica: Replica, damaged: str) -> None:
    """With its patches; everything else of the session is there, and the next save stores the part anew."""
    session = replica.new(**fields())
    for number in range(2):
        session.set_input(f"field {number}", "changed")
        replica.save(session)
    stored = replica.store.stored("s")
    write = SessionWrite(
        head=attrs.evolve(stored.head, save_id="damaged", version=4),
        expected=stored.head.save_id,
        put={damaged: stored.parts[damaged][:-1]},
    )
    replica.store.memory.write(write)
    other = replica.again()
    found = other.load()

    [event] = other.told(SessionQuarantined)
    copy = replica.store.memory.read(event.quarantine_id)
    assert copy is not None
    assert damaged in copy.parts
    assert found.inputs in ({}, {**fields(), "field 0": "changed"})

    found.set_input("field", "y" * 40_000)
    other.save(found)

    again = replica.again()
    assert found.inputs == again.load().inputs
    assert [] == again.told(SessionQuarantined)


def test_a_process_that_knows_no_patches_loses_none(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To an older release it is a newer format: it neither reads nor writes the session, and an event says why."""
    session = replica.new(**fields())
    older = replica.again()
    theirs = older.load()
    session.set_input("field 5", "changed")
    replica.save(session)
    theirs.set_input("theirs", 1)
    with monkeypatch.context() as patch:
        patch.setattr(packing, "_KINDS", (packing.WHOLE,))
        patch.setattr(codec, "PATCH_BEGINS", b"unknown")
        patch.setattr(packing, "PATCH_BEGINS", b"unknown")
        with pytest.raises(NewerFormatError):
            older.repository.load("s")
        with pytest.raises(NewerFormatError):
            older.save(theirs)

    assert older.told(NewerFormat)
    assert [] == older.told(SessionQuarantined)
    assert {**fields(), "field 5": "changed"} == replica.load().inputs

    older.save(theirs)

    assert {**fields(), "field 5": "changed", "theirs": 1} == replica.load().inputs


# -- encoding ------------------------------------------------------------------


class WatchedLock:
    """A session's lock that knows whether it is held."""

    def __init__(self) -> None:
        """Begin open."""
        self.lock = RLock()
        self.depth = 0

    def __enter__(self) -> None:
        """Come in."""
        self.lock.acquire()
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.depth -= 1
        self.lock.release()


class OddSerializer(MsgpackSerializer):
    """Calls the test before it encodes."""

    before: Callable[[], None] | None = None

    def dumps(self, data: Any) -> bytes:
        """Encode."""
        if self.before is not None:
            self.before()
        return super().dumps(data)


@pytest.fixture(name="serializer")
def _serializer(monkeypatch: pytest.MonkeyPatch) -> OddSerializer:
    serializer = OddSerializer()
    monkeypatch.setattr("session_harness.replicas.serializer_named", lambda _: serializer)
    return serializer


def test_a_session_is_encoded_under_its_own_lock(serializer: OddSerializer) -> None:
    """No session method changes it half-way, and a journal can tell what it kept before from what came after."""
    replica = Replica()
    session = replica.new()
    lock = session.lock = WatchedLock()  # type: ignore[assignment]
    depths: list[int] = []
    serializer.before = lambda: depths.append(lock.depth)

    session.inputs["name"] = "Ada"
    replica.save(session)

    assert len(depths) > 2
    assert min(depths) > 0


def test_the_lock_is_free_while_the_store_works(replica: Replica) -> None:
    """A slow store never holds up the app."""
    session = replica.new()
    lock = session.lock = WatchedLock()  # type: ignore[assignment]
    depths: list[int] = []
    replica.store.on_write = lambda _: depths.append(lock.depth)

    session.inputs["name"] = "Ada"
    replica.save(session)

    assert [0] == depths


def test_an_encode_that_meets_a_runtime_error_is_repeated(serializer: OddSerializer) -> None:
    """The app changed form.data without the lock; soon it doesn't."""
    replica = Replica()
    session = replica.new()
    failures = iter([True] * 5)

    def change_meanwhile() -> None:
        if next(failures, False):
            msg = "dictionary changed size during iteration"
            raise RuntimeError(msg)

    serializer.before = change_meanwhile
    session.inputs["name"] = "Ada"
    replica.save(session)

    assert {"name": "Ada"} == replica.load().inputs


def test_an_encode_that_never_gets_through_fails_and_is_tried_again(
    serializer: OddSerializer,
) -> None:
    """It ends; the next save has it."""
    replica = Replica()
    session = replica.new()

    def change_always() -> None:
        msg = "dictionary changed size during iteration"
        raise RuntimeError(msg)

    serializer.before = change_always
    session.inputs["name"] = "Ada"
    with pytest.raises(RuntimeError, match="changed size"):
        replica.save(session)
    serializer.before = None
    replica.save(session)

    assert {"name": "Ada"} == replica.load().inputs


# -- values that can't be encoded ----------------------------------------------


def test_a_value_that_cannot_be_encoded_keeps_its_last_stored_one(server: Server) -> None:
    """Everything else is saved, and an event names the key, once."""
    tab = server.tab()
    session = tab.run()
    session.inputs.update(upload="a name", name="Ada")
    assert server.manager.flush()
    session.inputs.update(upload=object(), name="Bob")
    session.theme = "dark"
    for _ in range(3):
        session.add_navigation("cart")
        server.manager.schedule_save(session)
        assert server.manager.flush()

    reread = server.manager.repository.load(session.session_id)
    assert reread is not None
    assert ({"upload": "a name", "name": "Bob"}, "dark") == (reread.inputs, reread.theme)
    assert ["inputs['upload']"] == [event.path for event in server.told(ValueNotSaved)]


def test_a_value_that_never_was_encoded_is_left_out(replica: Replica) -> None:
    """There is nothing of it to keep; its neighbours are saved."""
    session = UserSession(session_id="s", inputs={"upload": object(), "name": "Ada"})
    with pytest.raises(SerializationError):
        replica.save(session)

    assert {"name": "Ada"} == replica.load().inputs


def test_a_value_is_told_of_again_after_it_was_right_in_between(replica: Replica) -> None:
    """Once means once a spell."""
    session = replica.new()
    for value in (object(), 1, object()):
        session.inputs["upload"] = value
        replica.repository.save_many([session])

    assert 2 == len(replica.told(ValueNotSaved))


def test_immediate_saves_likewise_and_then_raises(server: Server) -> None:
    """Whoever asks for it now is told now; all else is stored."""
    session = server.tab().run()
    session.inputs.update(upload=object(), scan={1: object()}, name="Ada")

    with pytest.raises(SerializationError, match="all else was") as caught:
        server.manager.save(session, immediate=True)

    assert "inputs['upload']" == caught.value.path
    assert "inputs['scan'][1]" in str(caught.value)
    reread = server.manager.repository.load(session.session_id)
    assert reread is not None
    assert ("Ada", "upload" in reread.inputs) == (reread.inputs["name"], False)
