# SPDX-License-Identifier: Apache-2.0
"""Nothing done, nothing stored: who only opens a page leaves no record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from session_harness.journals import abandon
from session_harness.servers import LATER, Server, Tab
from session_harness.stores import FaultyStore

from sessionkit.events import ConflictResolved
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]

NEVER_REFRESHED = attrs.evolve(LATER, refresh="never")


def show(server: Server, session: UserSession) -> None:
    """Do what a page does by being shown."""
    server.manager.persist_input("name", "")
    server.manager.persist_input("wanted", False)  # noqa: FBT003 - a value
    session.get_form_state("order")


def test_a_visitor_who_does_nothing_is_not_stored(server: Server) -> None:
    """However often the page runs, and at its end."""
    for _ in range(20):
        tab = server.tab()
        session = tab.run()
        show(server, session)
        session.add_navigation("home")
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
        lambda session: session.invalidate("orders"),
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
    session.add_navigation("home")
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
        tab = server.tab()
        session = tab.run()
        server.manager.save(session, immediate=immediate)
        tab.run()
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

    assert {"name": ""} == stored(server, session).inputs


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

    assert {"one": 1, "two": 2} == stored(server, one).inputs


@pytest.fixture(name="replicas")
def _replicas(open_server: OpenServer) -> tuple[Tab, Tab]:
    """Return a tab at each of two replicas that began one session; its page was shown in both, and nothing is stored."""
    one = open_server()
    first = one.tab()
    show(one, first.run())
    two = open_server(FaultyStore(one.store.memory))
    second = first.beside(two)
    show(two, second.run())
    return first, second


def stored(server: Server, session: UserSession) -> UserSession:
    """Return what is stored of a session."""
    loaded = server.manager.repository.load(session.session_id)
    assert loaded is not None
    return loaded


def keep(tab: Tab, key: str, value: object) -> UserSession:
    """Let a tab's user do something, and store it."""
    session = tab.run()
    tab.server.manager.persist_input(key, value)
    assert tab.server.manager.flush()
    return session


@pytest.mark.parametrize("looked", [True, False], ids=["after the first save's time", "at once"])
def test_a_replica_that_has_only_shown_a_session_has_no_changes_in_it(
    replicas: tuple[Tab, Tab], *, looked: bool
) -> None:
    """It takes what another one stored first, whole, and stores nothing: nobody is told of a conflict, nor rerun."""
    first, second = replicas
    if looked:
        assert first.server.manager.flush()
        assert second.server.manager.flush()
    done = keep(first, "name", "Ada")
    session = second.beside().run()
    assert second.server.manager.flush()

    assert [] == second.server.store.writes
    assert done.to_dict() == {**session.to_dict(), "last_activity": done.to_dict()["last_activity"]}
    assert () == second.server.manager.decisions(session)


def test_visits_count_wherever_they_are_met(replicas: tuple[Tab, Tab]) -> None:
    """Two replicas have shown a page: that is no conflict, and two views."""
    first, second = replicas
    for tab in replicas:
        tab.run().add_navigation("home")
        assert tab.server.manager.flush()
    done = keep(first, "name", "Ada")
    session = second.beside().run()
    assert second.server.manager.flush()
    first.beside().run()

    assert {"home": 2} == session.page_views == done.page_views
    assert 5 == session.interaction_count == done.interaction_count
    assert [] == second.server.told(ConflictResolved)


def test_what_was_only_shown_changes_nothing_elsewhere(open_server: OpenServer) -> None:
    """Though it was shown later than that was done, and is stored with what is done here."""
    one = open_server(persistence=NEVER_REFRESHED)
    two = open_server(FaultyStore(one.store.memory), persistence=NEVER_REFRESHED)
    first = one.tab()
    first.run()
    second = first.beside(two)
    second.run()
    keep(first, "name", "Ada")
    show(two, second.run())
    session = keep(second, "city", "Ghent")

    assert {"name": "Ada", "wanted": False, "city": "Ghent"} == stored(two, session).inputs
    assert [] == two.told(ConflictResolved)


def test_what_was_only_shown_and_is_stored_loses_against_what_was_done_before(
    open_server: OpenServer,
) -> None:
    """It is no change, whenever it was shown: it has no time."""
    one = open_server()
    tab = one.tab()
    session = tab.run()
    one.manager.persist_input("name", "Ada")
    two = open_server(FaultyStore(one.store.memory))
    beside = tab.beside(two)
    show(two, beside.run())
    keep(beside, "city", "Ghent")
    assert one.manager.flush()

    assert {"name": "Ada", "wanted": False, "city": "Ghent"} == stored(one, session).inputs


def test_what_a_page_showed_while_the_store_was_down_changes_nothing_there(
    server: Server, open_server: OpenServer
) -> None:
    """The session comes back when the store does, as it was."""
    tab = server.tab()
    show(server, tab.run())
    keep(tab, "name", "Ada")
    other = open_server(FaultyStore(server.store.memory))
    other.store.down = True
    beside = tab.beside(other)
    session = beside.run()
    show(other, session)
    assert session.provisional
    assert not other.manager.flush()
    other.store.down = False
    assert other.manager.flush()
    assert not session.provisional

    assert [] == [write for write in other.store.writes if write.expected is not None]
    assert "Ada" == beside.run().inputs["name"]


def test_what_a_dead_process_had_only_shown_changes_nothing(
    open_server: OpenServer, tmp_path: Path
) -> None:
    """Its journal is stored after another replica's change."""
    kept = attrs.evolve(NEVER_REFRESHED, journal=tmp_path / "journal")
    one = open_server(persistence=kept)
    two = open_server(FaultyStore(one.store.memory))
    first = one.tab()
    session = first.run()
    keep(first.beside(two), "name", "Ada")
    show(one, first.run())
    first.run()
    one.manager.persist_input("city", "Ghent")
    assert one.manager._recovery is not None
    abandon(one.manager._recovery.journal)
    again = open_server(FaultyStore(one.store.memory), persistence=kept)
    again.manager.check_store()

    assert {"name": "Ada", "wanted": False, "city": "Ghent"} == stored(again, session).inputs


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
