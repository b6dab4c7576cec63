# SPDX-License-Identifier: Apache-2.0
"""Nothing done, nothing stored: who only opens a page leaves no record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from session_harness.servers import LATER, Server
from session_harness.stores import FaultyStore

from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


def show(server: Server, session: UserSession) -> None:
    """Do what a page does by being shown."""
    server.manager.persist_input("name", "")
    server.manager.persist_input("wanted", False)  # noqa: FBT003 - a value
    session.get_form_state("order")
    session.add_navigation("home")


def test_a_visitor_who_does_nothing_is_not_stored(server: Server) -> None:
    """However often the page runs, and at its end."""
    for _ in range(20):
        tab = server.tab()
        session = tab.run()
        show(server, session)
        tab.run()
    assert server.manager.flush()
    assert "saved" == server.manager.save_status(session).state
    server.manager.close()

    assert [] == server.store.writes


@pytest.mark.parametrize(
    "do",
    [
        lambda session: session.set_input("name", "Ada"),
        lambda session: session.inputs.update(name="Ada"),
        lambda session: (session.set_input("name", "Ada"), session.set_input("name", "")),
        lambda session: session.add_navigation("about"),
        lambda session: session.get_form_state("order").data.update(article="tea"),
        lambda session: session.mark_form_dirty("order"),
        lambda session: setattr(session, "theme", "dark"),
        lambda session: session.roles.add("editor"),
        lambda session: session.add_cache_key("k"),
        lambda session: session.extensions.update(other=1),
    ],
)
def test_whatever_is_done_is_stored_with_all_that_was_shown(
    server: Server, do: Callable[[UserSession], object]
) -> None:
    """From the first click on, and nothing is lost when the process ends then."""
    tab = server.tab()
    session = tab.run()
    show(server, session)
    assert server.manager.flush()
    do(session)
    server.manager.close()

    stored = server.store.stored(session.session_id)
    assert 1 == stored.head.version
    assert session.version


def test_a_user_is_stored_at_once(server: Server) -> None:
    """Their devices are listed, and can be ended."""
    session = server.tab().run(user_id="ada")
    assert server.manager.flush()

    assert session.session_id in {one.session_id for one in server.manager.list_sessions("ada")}
    assert server.store.stored(session.session_id)


def test_who_asks_for_a_save_gets_it(server: Server) -> None:
    """An app that saves a session means it, whatever is in there; soon or at once."""
    for immediate in (False, True):
        session = server.tab().run()
        server.manager.save(session, immediate=immediate)
        assert server.manager.flush()
        assert server.store.stored(session.session_id)


def test_a_script_stores_what_it_begins(script: Server) -> None:
    """Nobody opens one by chance."""
    session = script.manager.bootstrap("job")
    assert script.manager.flush()

    assert 1 == session.version


def test_a_session_that_was_stored_is_stored_when_it_is_emptied(server: Server) -> None:
    """Else what was typed would come back."""
    tab = server.tab()
    session = tab.run()
    server.manager.persist_input("name", "Ada")
    assert server.manager.flush()
    server.manager.persist_input("name", "")
    assert server.manager.flush()

    loaded = server.manager.repository.load(session.session_id)
    assert loaded is not None
    assert {"name": ""} == loaded.inputs


def test_a_browser_whose_session_was_not_stored_goes_on_under_its_id(
    server: Server, open_server: OpenServer
) -> None:
    """At another server, or after a restart: its cookie stays good."""
    tab = server.tab()
    session = tab.run()
    assert server.manager.flush()
    other = open_server(FaultyStore(server.store.memory))
    moved = tab.reload(other)
    again = moved.run()
    assert session.session_id == again.session_id
    again.inputs["typed"] = 1
    assert other.manager.flush()

    assert {"typed": 1} == tab.reload(open_server(FaultyStore(server.store.memory))).run().inputs


def test_what_another_replica_stored_meanwhile_is_shown(
    server: Server, open_server: OpenServer
) -> None:
    """At the next rerun, and after F5, though nothing of the session was ever stored here."""
    other = open_server(FaultyStore(server.store.memory))
    tab = server.tab()
    tab.run()
    assert server.manager.flush()
    beside = tab.beside(other).run()
    beside.inputs["typed"] = 1
    assert other.manager.flush()

    assert {"typed": 1} == tab.beside().run().inputs
    assert {"typed": 1} == tab.run().inputs


def test_both_are_kept_where_two_replicas_began_it(server: Server, open_server: OpenServer) -> None:
    """Neither had stored it."""
    other = open_server(FaultyStore(server.store.memory))
    tab = server.tab()
    one, two = tab.run(), tab.beside(other).run()
    assert server.manager.flush()
    assert other.manager.flush()
    one.inputs["one"] = 1
    two.inputs["two"] = 2
    server.manager.schedule_save(one)
    other.manager.schedule_save(two)
    assert server.manager.flush()
    assert other.manager.flush()

    loaded = server.manager.repository.load(one.session_id)
    assert loaded is not None
    assert {"one": 1, "two": 2} == loaded.inputs


def test_a_process_that_dies_leaves_none_either(open_server: OpenServer, tmp_path: Path) -> None:
    """What a journal keeps of a visitor who did nothing is nothing."""
    kept = attrs.evolve(LATER, journal=tmp_path / "journal")
    server = open_server(persistence=kept)
    server.tab().run()

    def size() -> int:
        return sum(one.stat().st_size for one in (tmp_path / "journal").rglob("*"))

    before = size()
    show(server, server.tab().run())
    shown = size()
    server.manager.persist_input("name", "Ada")

    assert before == shown < size()
