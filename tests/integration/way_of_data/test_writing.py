# SPDX-License-Identifier: Apache-2.0
"""DESIGN section 4, sentence by sentence: payloads, reruns, outages, the background writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Thread, current_thread
from typing import Any

import pytest
from session_harness.replicas import Replica
from session_harness.servers import Server
from session_harness.stores import LANDED, LOST, PATIENCE, FaultyStore, Gate

from sessionkit.encoding.packing import unseal
from sessionkit.errors import UnavailableError
from sessionkit.events import StoreUnavailable
from sessionkit.session import UserSession
from sessionkit.session.fields import to_micros

OpenServer = Callable[..., Server]


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
