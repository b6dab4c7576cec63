# SPDX-License-Identifier: Apache-2.0
"""DESIGN section 4, sentence by sentence: parts and packing, encoding, writing, reruns, outages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import RLock, Thread, current_thread
from typing import Any

import pytest
from session_harness.replicas import Replica
from session_harness.servers import Server
from session_harness.stores import LANDED, LOST, PATIENCE, FaultyStore, Gate

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.envelope import unseal
from sessionkit.errors import SerializationError, UnavailableError
from sessionkit.events import SessionSaved, StoreUnavailable, ValueNotSaved
from sessionkit.moments import to_micros
from sessionkit.packing import JOIN_BELOW, PACKED, SPLIT_ABOVE
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
    assert {"profile", "access", "navigation", "inputs", "cache"} == stored_names(replica)

    session.theme = "dark"
    replica.save(session)

    assert {"profile"} == set(replica.store.writes[-1].put)
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
    """No session method changes it half-way."""
    replica = Replica()
    session = replica.new()
    lock = session.lock = WatchedLock()  # type: ignore[assignment]
    depths: list[int] = []
    serializer.before = lambda: depths.append(lock.depth)

    session.inputs["name"] = "Ada"
    replica.save(session)

    assert depths
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


# -- payloads ------------------------------------------------------------------


def test_the_payload_is_made_when_it_is_written_not_when_it_is_scheduled(server: Server) -> None:
    """What changed since is in it: that is the coalescing."""
    session = server.tab().run()
    server.manager.persist_input("name", "Ada")
    session.inputs["name"] = "Bob"
    session.theme = "dark"
    assert server.manager.flush()

    reread = server.manager.repository.load(session.session_id)
    assert reread is not None
    assert ("Bob", "dark") == (reread.inputs["name"], reread.theme)
    assert 1 == len(server.store.writes)


@pytest.mark.parametrize("fate", [LANDED, LOST])
def test_after_unavailable_the_very_same_write_is_sent_again_before_newer_state(
    replica: Replica, fate: str
) -> None:
    """It may have landed; the newer state follows in a write of its own."""
    session = replica.new()
    session.add_navigation("cart")
    replica.store.next_writes(fate)
    with pytest.raises(UnavailableError):
        replica.save(session)
    session.add_navigation("help")
    replica.save(session)

    _, tried, repeated, newer = replica.store.writes
    assert tried is repeated
    assert tried.head.save_id == newer.expected
    assert {"cart": 1, "help": 1} == replica.load().page_views
    assert 3 == replica.store.stored("s").head.version


@pytest.mark.parametrize("fate", [LANDED, LOST])
def test_the_first_write_of_all_is_repeated_likewise(replica: Replica, fate: str) -> None:
    """A session that may have been created is not created twice."""
    session = UserSession(session_id="s")
    session.add_navigation("cart")
    replica.store.next_writes(fate, fate)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            replica.save(session)
    replica.save(session)

    assert 1 == len({write.head.save_id for write in replica.store.writes})
    assert {"cart": 1} == replica.load().page_views


# -- a rerun that changes nothing ----------------------------------------------


def settled(server: Server) -> UserSession:
    """Return the session of a tab that has saved everything."""
    session = server.tab().run()
    server.manager.persist_input("name", "Ada")
    assert server.manager.flush()
    return session


def test_a_rerun_that_changes_nothing_costs_no_write(server: Server) -> None:
    """Nor a read: the store hears nothing at all."""
    session = settled(server)
    before = list(server.store.calls)
    for _ in range(10):
        assert session is server.manager.bootstrap()
        server.manager.persist_input("name", "Ada")
        assert server.manager.flush()

    assert before == server.store.calls
    assert 1 == session.version


def test_a_rerun_makes_no_blocking_call(server: Server) -> None:
    """A store that hangs in a write holds up no rerun and no input."""
    session = settled(server)
    gate = Gate()
    server.store.on_write = gate
    session.theme = "dark"
    server.manager.schedule_save(session)
    assert not server.manager.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)

    def rerun() -> None:
        server.manager.bootstrap()
        server.manager.persist_input("name", "Bob")
        server.manager.save(session)
        server.manager.flush(timeout=0)

    thread = Thread(target=rerun, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    blocked = thread.is_alive()
    gate.opened.set()

    assert not blocked
    assert {"name": "Bob"} == session.inputs


def test_interaction_count_moves_only_in_session_methods(server: Server) -> None:
    """A rerun is no interaction, and neither is an attribute."""
    session = settled(server)
    before = session.interaction_count
    for _ in range(3):
        server.manager.bootstrap()
    session.theme = "dark"
    session.touch()
    assert before == session.interaction_count

    session.add_navigation("cart")
    assert before + 1 == session.interaction_count


def test_last_activity_lives_in_the_head(replica: Replica) -> None:
    """Another moment changes no part's bytes."""
    session = replica.new()
    before = parts_of(replica.store)
    session.last_activity += timedelta(hours=1)
    replica.save(session)

    assert before == parts_of(replica.store)
    assert to_micros(session.last_activity) == replica.store.stored("s").head.last_activity
    assert session.last_activity == replica.load().last_activity


def parts_of(store: FaultyStore) -> Mapping[str, bytes]:
    """Return the payloads that are stored."""
    return {name: unseal(data).payload for name, data in store.stored("s").parts.items()}


def test_last_activity_is_touched_at_most_once_a_minute(replica: Replica) -> None:
    """And a touch is no new version."""
    session = replica.new()
    head = replica.store.stored("s").head
    touched = []
    for seconds in (0, 30, 59, 61, 90, 119, 122):
        session.last_activity = session.created_at + timedelta(seconds=seconds)
        before = replica.store.calls.count("touch")
        replica.save(session)
        if replica.store.calls.count("touch") > before:
            touched.append(seconds)

    assert [61, 122] == touched
    assert 1 == len(replica.store.writes)
    now = replica.store.stored("s").head
    assert (head.version, head.save_id) == (now.version, now.save_id)


def test_last_activity_is_touched_in_the_background(server: Server) -> None:
    """Not by the rerun that notes it."""
    session = settled(server)
    session.last_activity += timedelta(minutes=5)
    before = list(server.store.calls)
    server.manager.bootstrap()
    assert before == server.store.calls

    assert server.manager.flush()
    assert [*before, "touch"] == server.store.calls


# -- the store is down at bootstrap --------------------------------------------


def test_a_store_that_is_down_at_bootstrap_gives_a_provisional_session(
    open_server: OpenServer,
) -> None:
    """After few calls; it has nothing of the stored one, above all no roles; an event says so."""
    first, second, tab = moved_while_down(open_server)

    session = tab.run()

    assert 1 == len(second.store.calls)
    assert [session.session_id] == [event.session_id for event in second.told(StoreUnavailable)]
    assert (set(), set(), {}) == (session.roles, session.permissions, session.inputs)
    assert session is tab.run()
    assert 1 == len(second.store.calls)
    assert first.store.stored(session.session_id)


def test_a_provisional_session_is_merged_when_the_store_answers(open_server: OpenServer) -> None:
    """Both what was stored and what was typed meanwhile are there, roles too."""
    _, second, tab = moved_while_down(open_server)
    session = tab.run()
    second.manager.persist_input("meanwhile", 2)
    session.add_navigation("cart")
    assert not second.manager.flush()
    second.store.down = False
    assert second.manager.flush()

    assert session is tab.run()
    assert {"before": 1, "meanwhile": 2} == session.inputs
    assert {"cart": 2} == session.page_views
    assert ({"editor"}, {"write"}) == (session.roles, session.permissions)
    reread = second.manager.repository.load(session.session_id)
    assert reread is not None
    assert session.to_dict() == {
        **reread.to_dict(),
        "last_activity": session.to_dict()["last_activity"],
    }


def moved_while_down(open_server: OpenServer) -> tuple[Server, Server, Any]:
    """Return a server with a stored session, one whose store is down, and the user's tab there."""
    first = open_server()
    tab = first.tab()
    session = tab.run()
    session.roles.add("editor")
    session.permissions.add("write")
    session.inputs["before"] = 1
    session.add_navigation("cart")
    assert first.manager.flush()
    second = open_server(FaultyStore(first.store.memory))
    second.store.down = True
    return first, second, tab.beside(second)


# -- the background writer -----------------------------------------------------


def test_the_background_writer_never_asks_the_host(server: Server) -> None:
    """It sees sessions and plain data; a thread without the framework's context would get a mock."""
    session = settled(server)
    session.theme = "dark"
    server.manager.schedule_save(session)
    assert server.manager.flush()

    assert {"MainThread"} == server.web.threads


def test_the_background_writer_is_a_thread_of_its_own(server: Server) -> None:
    """The one above would pass, too, if the script's thread saved."""
    names: list[str] = []
    server.store.on_write = lambda _: names.append(current_thread().name)
    settled(server)

    assert ["sessionkit-writer"] == names
