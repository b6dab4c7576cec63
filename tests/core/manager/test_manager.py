# SPDX-License-Identifier: Apache-2.0
"""One app's manager: its inputs, its events, its end, and what it is without settings."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from session_harness.servers import SECRET, Server
from session_harness.stores import FaultyStore

from sessionkit import (
    SessionManager,
    bootstrap_session,
    configure,
    get_current_session,
    get_manager,
    persist_input,
    save_session,
)
from sessionkit.errors import (
    NewerFormatError,
    PluginError,
    SessionKitError,
)
from sessionkit.events import (
    SessionEvent,
)
from sessionkit.records import SCHEMA_VERSION
from sessionkit.session import UserSession
from sessionkit.settings import Settings
from sessionkit.settings.settings import SecuritySettings

OpenServer = Callable[..., Server]


def in_memory() -> Settings:
    """Return settings that leave nothing behind."""
    return Settings(storage="memory", security=SecuritySettings(secret_key=SECRET))


@pytest.mark.usefixtures("fresh_process")
def test_a_session_is_saved_through_its_own_manager() -> None:
    """Not through the one that happens to be in force."""
    default = configure(storage="memory")
    with SessionManager(in_memory()) as own:
        session = bootstrap_session()
    own = SessionManager(in_memory())
    session = own.bootstrap()
    session.theme = "dark"

    save_session(session, immediate=True)

    assert own.storage.read(session.session_id) is not None
    assert default.storage.read(session.session_id) is None
    own.close()


@pytest.mark.usefixtures("fresh_process")
def test_a_recovered_session_is_saved_through_its_own_manager() -> None:
    """It came from there."""
    configure(storage="memory")
    with SessionManager(in_memory()) as own:
        own.repository.save(UserSession(session_id="s"))
        session = own.recover("s")
        assert session is not None
    session.theme = "dark"
    with pytest.raises(SessionKitError, match="close"):
        save_session(session)


def test_without_a_file_everything_works_on_sqlite(fresh_process: Path) -> None:
    """In a private folder with private files."""
    session = bootstrap_session()
    persist_input("name", "Ada")
    assert get_manager().flush()
    assert get_manager().tokens.cookie_name

    folder = fresh_process / ".sessionkit"
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert {"sessions.db", "secret"} <= set(files)
    assert {0o600} == set(files.values())
    get_manager().close()
    with SessionManager() as restarted:
        again = restarted.bootstrap(session.session_id)
        assert {"name": "Ada"} == again.inputs


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions, which this system lacks")
def test_the_folder_is_private_whatever_the_umask(fresh_process: Path) -> None:
    """A careless umask opens nothing."""
    before = os.umask(0)
    try:
        bootstrap_session()
        get_manager().flush()
        assert get_manager().tokens.cookie_name
    finally:
        os.umask(before)

    folder = fresh_process / ".sessionkit"
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_an_observer_that_is_not_there_is_an_error_at_once() -> None:
    """Not at the first event."""
    with pytest.raises(PluginError):
        SessionManager(Settings(storage="memory", plugins=("no_such_plugin",)))


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


def test_close_saves_what_waits(open_server: OpenServer) -> None:
    """Closing twice is fine."""
    server = open_server()
    session = server.tab().run()
    session.inputs["typed"] = 1
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
    session.inputs["typed"] = 1
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
        persistence = manager.persistence
        assert (0.5, 5.0, 10.0) == (
            persistence._debounce,
            persistence._max_wait,
            persistence._exit_timeout,
        )
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
