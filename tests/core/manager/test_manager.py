# SPDX-License-Identifier: Apache-2.0
"""One manager a process: configured once, overridden in tests, found again by its sessions."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from session_harness.servers import SECRET, Server

from sessionkit import (
    SessionManager,
    bootstrap_session,
    configure,
    get_manager,
    persist_input,
    save_session,
)
from sessionkit.errors import (
    ConfigError,
    PluginError,
    SessionKitError,
)
from sessionkit.manager import default_manager
from sessionkit.session import UserSession
from sessionkit.settings import Settings
from sessionkit.settings.settings import SecuritySettings

OpenServer = Callable[..., Server]


@pytest.fixture(name="fresh_process")
def _fresh_process(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be a process without a manager, in an empty folder; close what it opened."""
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)
    yield bare
    if default_manager._DEFAULT.manager is not None:
        default_manager._DEFAULT.manager.close()


def in_memory() -> Settings:
    """Return settings that leave nothing behind."""
    return Settings(storage="memory", security=SecuritySettings(secret_key=SECRET))


# -- the manager in force ------------------------------------------------------


def test_a_process_has_one_manager(fresh_process: Path) -> None:
    """Made when it is first asked for, by whichever thread; nothing is opened yet."""
    barrier, found = Barrier(4), []

    def ask() -> None:
        barrier.wait()
        found.append(get_manager())

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == len(set(map(id, found)))
    assert [] == list(fresh_process.iterdir())


def test_equal_settings_return_the_same_manager(fresh_process: Path) -> None:
    """A page calls configure at every rerun."""
    first = configure(storage="memory", persistence={"debounce_ms": 100})
    again = configure(persistence={"debounce_ms": 100}, storage="memory")

    assert first is again is get_manager()
    assert 100 == first.settings.persistence.debounce_ms
    assert fresh_process.exists()


@pytest.mark.usefixtures("fresh_process")
def test_different_settings_are_an_error() -> None:
    """They would be ignored in silence otherwise; the manager stays as it was."""
    first = configure(storage="memory")

    with pytest.raises(ConfigError, match=r"configure\(\.\.\.\) came too late"):
        configure(storage="memory", serializer="json")
    assert first is get_manager()


@pytest.mark.usefixtures("fresh_process")
def test_settings_after_the_first_use_are_an_error() -> None:
    """The manager in use has others."""
    get_manager()

    with pytest.raises(ConfigError, match="came too late"):
        configure(storage="memory")


@pytest.mark.usefixtures("fresh_process")
def test_the_error_shows_no_secret() -> None:
    """Though it shows the settings that are in use."""
    configure(storage="memory", security={"secret_key": SECRET})

    with pytest.raises(ConfigError) as caught:
        configure(storage="sqlite", security={"secret_key": SECRET})
    assert SECRET not in str(caught.value)


@pytest.mark.usefixtures("fresh_process")
def test_a_manager_as_context_takes_the_place_of_the_default_one() -> None:
    """Inside, and nowhere else; contexts nest."""
    default = configure(storage="memory")
    with SessionManager(in_memory()) as outer:
        assert outer is get_manager()
        with SessionManager(in_memory()) as inner:
            assert inner is get_manager()
        assert outer is get_manager()
        session = bootstrap_session()
        assert session is outer.current()
        assert default is _manager_of_another_thread()

    assert default is get_manager()
    with pytest.raises(SessionKitError, match="close"):
        outer.schedule_save(session)


def _manager_of_another_thread() -> SessionManager:
    seen: list[SessionManager] = []
    thread = Thread(target=lambda: seen.append(get_manager()))
    thread.start()
    thread.join()
    (manager,) = seen
    return manager


@pytest.mark.usefixtures("fresh_process")
def test_a_manager_as_context_counts_in_all_threads_while_there_is_no_default_one() -> None:
    """A test's page runs in a thread that the test did not start."""
    with SessionManager(in_memory()) as outer:
        with SessionManager(in_memory()) as inner:
            assert inner is _manager_of_another_thread()
        assert outer is _manager_of_another_thread()

    default = configure(storage="memory")
    assert default is _manager_of_another_thread()


@pytest.mark.usefixtures("fresh_process")
def test_a_manager_as_context_is_closed_after_an_error_too() -> None:
    """And gives the place back."""
    default = configure(storage="memory")

    with pytest.raises(ZeroDivisionError), SessionManager(in_memory()) as inside:
        raise ZeroDivisionError

    assert default is get_manager()
    with pytest.raises(SessionKitError, match="close"):
        inside.persist_input("name", "Ada")


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
