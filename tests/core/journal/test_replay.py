# SPDX-License-Identifier: Apache-2.0
"""A manager with a journal: what was persisted and not stored is there at the next start."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from session_harness.carts import AttrsCart, AttrsLine
from session_harness.journals import abandon
from session_harness.servers import LATER, Server
from session_harness.stores import PATIENCE, FaultyStore, Gate

from sessionkit.events import JournalFailed, SaveFailed, SessionCreated
from sessionkit.journal import replay
from sessionkit.session import UserSession
from sessionkit.settings import load_settings
from sessionkit.settings.settings import PersistenceSettings

Start = Callable[..., Server]


@pytest.fixture(name="start")
def _start(open_server: Callable[..., Server], tmp_path: Path) -> Start:
    """Start a script, over a store that others share; it saves nothing by itself before it is flushed."""

    def start(before: Server | None = None, **changes: Any) -> Server:
        memory = None if before is None else before.store.memory
        persistence = attrs.evolve(LATER, journal=tmp_path / "journal", **changes)
        return open_server(FaultyStore(memory), script=True, persistence=persistence)

    return start


def kill(server: Server) -> None:
    """End a process without a word: nothing that waits in it is ever written."""
    assert server.manager._recovery is not None
    abandon(server.manager._recovery.journal)
    server.store.down = True


def persist(server: Server, session_id: str = "s", **inputs: Any) -> UserSession:
    """Persist inputs in a session."""
    session = server.manager.bootstrap(session_id)
    for key, value in inputs.items():
        session.set_input(key, value)
        server.manager.schedule_save(session)
    return session


def test_what_was_put_into_an_object_is_restored(start: Start) -> None:
    """Typed state is recorded as inputs are, nested changes too."""
    before = start()
    session = persist(before, name="Ada")
    cart = session.state(AttrsCart)
    cart.note = "x"
    before.manager.schedule_save(session)
    cart.lines.append(AttrsLine("tea"))
    before.manager.schedule_save(session)
    kill(before)
    after = start(before).manager.bootstrap("s").state(AttrsCart)

    assert AttrsCart(lines=[AttrsLine("tea")], note="x") == after


def stored_in(server: Server) -> int:
    """Return how many sessions its store holds."""
    return len(server.store.memory.find(limit=1000).heads)


def test_what_was_persisted_is_restored(start: Start) -> None:
    """A session is handed out after the journal was replayed."""
    first = start()
    persist(first, name="Ada")
    kill(first)
    second = start(first)

    assert {"name": "Ada"} == second.manager.bootstrap("s").inputs
    assert [] == second.told(SessionCreated)


def test_what_was_flushed_leaves_nothing(start: Start, tmp_path: Path) -> None:
    """And closing leaves not even a folder."""
    server = start()
    persist(server, name="Ada")
    assert server.manager.flush()
    server.manager.close()

    assert [] == list((tmp_path / "journal").iterdir())


def test_what_could_not_be_flushed_is_left(start: Start, tmp_path: Path) -> None:
    """To the next start."""
    first = start()
    persist(first, name="Ada")
    first.store.down = True
    first.manager.close(timeout=0.1)
    assert 1 == len(list((tmp_path / "journal").iterdir()))

    assert {"name": "Ada"} == start(first).manager.bootstrap("s").inputs


def test_a_store_that_is_down_at_the_start_gets_it_later(start: Start) -> None:
    """The writer replays when the store is back; what was provisional till then joins it."""
    first = start()
    persist(first, name="Ada")
    assert first.manager.flush()
    persist(first, name="Bob", town="Paris")
    kill(first)
    second = start(first)
    second.store.down = True
    session = persist(second, country="France")
    assert {"country": "France"} == session.inputs
    second.store.down = False
    assert second.manager.flush(timeout=PATIENCE)

    third = start(second)
    expected = {"name": "Bob", "town": "Paris", "country": "France"}
    assert expected == third.manager.bootstrap("s").inputs


def test_a_long_replay_goes_on_in_the_background(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces, between which others are saved; it is no outage."""
    monkeypatch.setattr(replay, "_PATIENCE", 0.0)
    monkeypatch.setattr(replay, "_PIECE", 0.0)
    first = start()
    for number in range(120):
        persist(first, f"s{number}", name="Ada")
    kill(first)
    second = start(first, debounce_ms=0)
    session = persist(second, "new", name="Bob")
    deadline = time.monotonic() + PATIENCE
    while second.manager.persistence.status().pending or stored_in(second) < 121:
        assert time.monotonic() < deadline

    assert "saved" == second.manager.save_status(session).state
    assert second.manager.persistence.status().last_error is None
    assert [] == second.told(SaveFailed)


def test_a_store_that_hangs_holds_no_caller_up(start: Start) -> None:
    """A session is kept while it is being written."""
    server = start(debounce_ms=0)
    gate = Gate()
    server.store.on_write = gate
    session = persist(server, name="Ada")
    assert gate.reached.wait(PATIENCE)
    persist(server, name="Bob")
    kill(server)
    gate.opened.set()
    server.manager.flush(timeout=0)

    assert "Bob" == session.inputs["name"]
    assert {"name": "Bob"} == start(server).manager.bootstrap("s").inputs


def test_an_ended_session_is_not_kept(start: Start, tmp_path: Path) -> None:
    """Nothing of it is left in the files."""
    server = start()
    session = persist(server, name="Ada")
    other = persist(server, "other", name="Bob")
    files = list((tmp_path / "journal").glob("*.db*"))
    assert b"Ada" in b"".join(path.read_bytes() for path in files)
    server.manager.end_session(session)
    assert b"Ada" not in b"".join(path.read_bytes() for path in files)
    server.manager.end_session(other)

    assert b"Bob" not in b"".join(path.read_bytes() for path in files)


def spoil(server: Server, folder: Path) -> None:
    """Let the journal's folder be none, once the server has started: before, that is an error of the settings."""
    server.manager.check_store()
    folder.rmdir()
    folder.write_text("no folder")


def test_a_folder_that_can_not_be_used_any_more_fails_no_app(start: Start, tmp_path: Path) -> None:
    """An event tells, once; saves go on."""
    server = start()
    spoil(server, tmp_path / "journal")
    persist(server, name="Ada", town="Paris")

    assert 1 == len([event for event in server.told(JournalFailed) if event.session_id])
    assert server.manager.flush()
    (tmp_path / "journal").unlink()
    assert {"name": "Ada", "town": "Paris"} == start(server).manager.bootstrap("s").inputs


@pytest.mark.usefixtures("bare")
def test_the_journal_is_off_where_nobody_asks_for_it() -> None:
    """It is a path, relative to the working directory."""
    assert load_settings().persistence.journal is None
    on = load_settings(persistence={"journal": ".sessionkit/journal", "journal_fsync": True})
    assert Path(".sessionkit/journal") == on.persistence.journal
    assert PersistenceSettings().journal_fsync is False
