# SPDX-License-Identifier: Apache-2.0
"""Scripts, inputs, saves and events of a manager."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier

import attrs
import pytest
from session_harness.servers import SECRET, Server
from session_harness.stores import FaultyStore

from sessionkit import (
    SessionManager,
    get_current_session,
    get_manager,
)
from sessionkit.errors import (
    InvalidSessionIdError,
    NewerFormatError,
    SerializationError,
    SessionKitError,
    UnavailableError,
)
from sessionkit.events import (
    SaveFailed,
    SessionCreated,
    SessionEvent,
    SessionRestored,
)
from sessionkit.records import SCHEMA_VERSION
from sessionkit.session import UserSession
from sessionkit.settings import Settings
from sessionkit.settings.settings import PersistenceSettings, SecuritySettings

OpenServer = Callable[..., Server]


# -- a script ------------------------------------------------------------------


def test_a_script_gets_the_session_that_it_names(script: Server) -> None:
    """It is trusted; the id may be new."""
    session = script.manager.bootstrap("mine")

    assert "mine" == session.session_id
    assert session is script.manager.bootstrap("mine")
    assert session is script.manager.bootstrap()
    assert session is script.manager.current()


def test_a_script_gets_what_is_stored(script: Server, open_server: OpenServer) -> None:
    """By another process; it is told as an event."""
    session = script.manager.bootstrap("mine")
    session.inputs["a"] = 1
    assert script.manager.flush()
    other = open_server(FaultyStore(script.store.memory), script=True)

    assert {"a": 1} == other.manager.bootstrap("mine").inputs
    assert ["mine"] == [event.session_id for event in other.told(SessionRestored)]
    assert [] == other.told(SessionCreated)


def test_a_script_that_goes_on_to_another_session_keeps_the_first(script: Server) -> None:
    """What it did with it is saved, though it was never stored before."""
    first = script.manager.bootstrap("first")
    script.manager.persist_input("a", 1)
    second = script.manager.bootstrap("second")
    script.manager.persist_input("b", 2)
    assert script.manager.flush()

    assert (first is second, {"a": 1}, {"b": 2}) == (False, first.inputs, second.inputs)
    for name, inputs in (("first", {"a": 1}), ("second", {"b": 2})):
        stored = script.manager.repository.load(name)
        assert stored is not None, f"{name} was not saved"
        assert inputs == stored.inputs


def test_begin_anew_means_anew(script: Server, open_server: OpenServer) -> None:
    """With restore_from_db=False what is stored doesn't come back, now or later."""
    script.manager.bootstrap("mine").inputs["old"] = 1
    assert script.manager.flush()
    other = open_server(FaultyStore(script.store.memory), script=True)
    session = other.manager.bootstrap("mine", restore_from_db=False)
    assert {} == session.inputs
    other.manager.persist_input("new", 2)
    assert other.manager.flush()

    again = other.manager.bootstrap(restore_from_db=False)
    assert session is again
    assert {"new": 2} == again.inputs


def test_begin_anew_without_an_id(script: Server) -> None:
    """A known user's latest session is left alone."""
    script.manager.repository.save(UserSession(session_id="old", user_id="alice"))

    session = script.manager.bootstrap(user_id="alice", restore_from_db=False)

    assert "old" != session.session_id
    assert "alice" == session.user_id


def test_what_cannot_be_an_id_is_refused(script: Server) -> None:
    """Before anybody asks the store for it."""
    for wrong in ("", "x" * 129, "tab\there", 7):
        with pytest.raises(InvalidSessionIdError):
            script.manager.bootstrap(wrong)  # type: ignore[arg-type]
    assert [] == script.store.calls


@pytest.mark.parametrize("name", ["ümläut-🦊", "with blank", "../etc", "'; DROP TABLE", "a" * 128])
def test_odd_ids_are_ids(script: Server, open_server: OpenServer, name: str) -> None:
    """Kept byte for byte."""
    script.manager.bootstrap(name).theme = "dark"
    assert script.manager.flush()
    other = open_server(FaultyStore(script.store.memory), script=True)

    assert "dark" == other.manager.bootstrap(name).theme


# -- inputs and saves ----------------------------------------------------------


def test_persist_input_keeps_a_value_in_session_and_state(server: Server) -> None:
    """At once; a connection without a session gets one."""
    tab = server.tab()
    tab.enter().persist_input("name", "Ada")

    assert "Ada" == tab.connection.state["name"]
    assert {"name": "Ada"} == server.manager.current().inputs
    assert server.manager.is_pending(server.manager.current().session_id)


def test_a_key_is_a_text(server: Server) -> None:
    """Anything else could not be a widget's."""
    server.tab().enter()
    with pytest.raises(TypeError, match="text as key, not int: 7"):
        server.manager.persist_input(7, "x")  # type: ignore[arg-type]


def test_ten_thousand_inputs_make_one_write(server: Server) -> None:
    """In one window."""
    server.tab().run()
    for number in range(10_000):
        server.manager.persist_input(f"key {number % 10}", number)
    assert server.manager.flush()

    assert 1 == len(server.store.writes)
    reread = server.manager.repository.load(server.manager.current().session_id)
    assert reread is not None
    assert 9999 == reread.inputs["key 9"]


def test_the_window_ends_by_itself(open_server: OpenServer) -> None:
    """Nobody has to flush."""
    server = open_server(persistence=PersistenceSettings(debounce_ms=0))
    saved = Barrier(2, timeout=20)
    server.store.on_write = lambda _: (saved.wait(), None)[1]
    server.tab().run()

    saved.wait()
    assert server.manager.flush()
    assert 1 == len(server.store.writes)


def test_an_immediate_save_is_stored_when_it_returns(server: Server) -> None:
    """And leaves nothing to write behind."""
    session = server.tab().run()
    session.theme = "dark"
    server.manager.save(session, immediate=True)
    assert 1 == session.version

    assert server.manager.flush()
    assert 1 == len(server.store.writes)


def test_an_immediate_save_that_is_unavailable_raises_and_is_repeated(server: Server) -> None:
    """By itself, later."""
    session = server.tab().run()
    assert server.manager.flush()
    session.theme = "dark"
    server.store.down = True
    with pytest.raises(UnavailableError):
        server.manager.save(session, immediate=True)
    assert server.manager.is_pending(session.session_id)
    server.store.down = False
    assert server.manager.flush()

    reread = server.manager.repository.load(session.session_id)
    assert reread is not None
    assert "dark" == reread.theme


def test_a_background_save_that_fails_is_told(server: Server) -> None:
    """And whether it is tried again."""
    session = server.tab().run()
    server.store.down = True
    assert not server.manager.flush()
    server.wait_for_events()

    [event] = server.told(SaveFailed)
    assert (session.session_id, "the store is down", True) == (
        event.session_id,
        event.error,
        event.retrying,
    )


def test_a_value_that_cannot_be_saved_fails_no_background_save(server: Server) -> None:
    """There is an event of its own for it; immediate raises."""
    session = server.tab().run()
    server.manager.persist_input("upload", object())
    assert server.manager.flush()
    server.wait_for_events()
    assert [] == server.told(SaveFailed)

    with pytest.raises(SerializationError, match=r"inputs\['upload'\]"):
        server.manager.save(session, immediate=True)


def test_close_saves_what_waits(open_server: OpenServer) -> None:
    """Closing twice is fine."""
    server = open_server()
    session = server.tab().run()
    server.manager.close()
    server.manager.close()

    assert 1 == session.version
    with pytest.raises(SessionKitError):
        server.manager.bootstrap()


# -- observers -----------------------------------------------------------------


def test_a_life_in_events(server: Server) -> None:
    """Created, restored, ended; each once."""
    tab = server.tab()
    session = tab.run()
    tab.run()
    session_id = session.session_id
    assert server.manager.flush()
    again = Server(FaultyStore(server.store.memory))
    moved = tab.beside(again)
    moved.run()
    moved.run()
    moved.enter().end_session()
    again.manager.close()

    def names(events: list[SessionEvent]) -> list[str]:
        return [type(event).__name__ for event in events if event.session_id == session_id]

    assert ["SessionCreated", "SessionSaved"] == names(server.events)
    assert ["SessionRestored", "SessionEnded"] == names(again.events)


def test_the_default_times_are_those_of_the_settings() -> None:
    """Half a second, five at most."""
    in_memory = Settings(storage="memory", security=SecuritySettings(secret_key=SECRET))
    with SessionManager(in_memory) as manager:
        options = manager.persistence._options
        assert (0.5, 5.0, 10.0) == (options.debounce, options.max_wait, options.exit_timeout)
        assert timedelta(hours=24) == manager.settings.expiry.idle
        assert manager is get_manager()
        assert get_current_session() is manager.current()


def test_events_are_logged_with_ids_in_short_form(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids are secrets in full, also inside what an error says."""
    session = server.visited().run()
    stored = server.store.stored(session.session_id)
    newer = attrs.evolve(stored.head, schema_version=SCHEMA_VERSION + 1)
    server.store.memory._sessions[session.session_id] = attrs.evolve(stored, head=newer)
    with pytest.raises(NewerFormatError):
        server.manager.repository.load(session.session_id)
    server.tab().run(session.session_id)

    assert "NewerFormat" in caplog.text
    assert "RestoreRefused" in caplog.text
    assert session.session_id not in caplog.text
