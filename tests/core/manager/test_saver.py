# SPDX-License-Identifier: Apache-2.0
"""How a manager saves, and what it says about the saves of one session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Barrier

import attrs
import pytest
from session_harness.replicas import Clock, Replica
from session_harness.servers import LATER, Server, token_for
from session_harness.stores import FaultyStore

from sessionkit.conflict import Conflict
from sessionkit.errors import (
    PartlySavedError,
    SerializationError,
    UnavailableError,
)
from sessionkit.events import SaveFailed, SessionEvent, SessionSaved
from sessionkit.records import SCHEMA_VERSION
from sessionkit.session import UserSession
from sessionkit.settings.settings import PersistenceSettings
from sessionkit.status import PersistenceStatus

OpenServer = Callable[..., Server]


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
    server.manager.persist_input("typed", 1)

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
    session.inputs["typed"] = 1
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


# -- what a user is told of the saves of their session -------------------------


def state(server: Server, session: UserSession) -> str:
    """Return the one word."""
    return server.manager.save_status(session).state


def test_saving_and_saved(server: Server) -> None:
    """It is about this session, not about others."""
    session, other = server.tab().run(), server.tab().run()
    assert ("saving", "saving") == (state(server, session), state(server, other))
    server.manager.flush(session.session_id)
    assert ("saved", "saving") == (state(server, session), state(server, other))


def test_offline(server: Server) -> None:
    """Since when; saved when the store is back."""
    session = server.tab().run()
    session.inputs["typed"] = 1
    server.store.down = True
    assert not server.manager.flush()
    status = server.manager.save_status(session)
    assert "offline" == status.state
    assert status.offline_since is not None
    server.store.down = False
    assert server.manager.flush()
    assert "saved" == state(server, session)


def test_a_session_that_stays_in_memory(server: Server) -> None:
    """It is never saved, whatever waits: a newer release has stored it."""
    session = server.visited().run()
    server.manager.flush()
    stored = server.store.stored(session.session_id)
    head = attrs.evolve(stored.head, schema_version=SCHEMA_VERSION + 1)
    server.store.memory._sessions["newer"] = attrs.evolve(
        stored, head=attrs.evolve(head, session_id="newer")
    )
    in_memory = server.tab(token_for("newer")).run()
    status = server.manager.save_status(in_memory)
    assert "rejected" == status.state
    assert "newer release" in str(status.last_error)
    assert "saved" == state(server, session)


def test_a_session_that_was_turned_away(open_server: OpenServer) -> None:
    """It waits nowhere, which is not the same as being saved; until there is room and it is let in."""
    limits = attrs.evolve(LATER, max_pending=1, when_full="raise")
    server = open_server(persistence=limits)
    tab = server.visited()
    server.store.down = True
    server.tab().run()
    session = tab.run()
    status = server.manager.save_status(session)
    assert "rejected" == status.state
    assert "can't wait to be saved" in str(status.last_error)
    server.store.down = False
    assert server.manager.flush()
    assert "rejected" == state(server, session)
    tab.run()
    assert "saving" == state(server, session)
    assert server.manager.flush()
    assert "saved" == state(server, session)


def test_a_session_that_was_turned_away_and_saved_at_once(open_server: OpenServer) -> None:
    """Whoever saved it, it is saved."""
    limits = attrs.evolve(LATER, max_pending=1, when_full="raise")
    server = open_server(persistence=limits)
    server.tab().run()
    session = server.tab().run()
    assert "rejected" == state(server, session)
    server.manager.repository.save(session)
    assert "saved" == state(server, session)


# -- values that can't be kept ---------------------------------------------------


def test_a_value_that_cannot_be_kept_is_not_called_saved(server: Server) -> None:
    """Which one and why, of the session, of its id and of all; another session has no part in it."""
    session, other = server.tab().run(), server.tab().run()
    session.inputs.update(scan=object(), name="Ada")
    server.manager.schedule_save(session)
    assert "saving" == state(server, session)
    assert server.manager.flush()

    status = server.manager.save_status(session)
    assert ("incomplete", 0) == (status.state, status.pending)
    assert ["inputs['scan']"] == [one.path for one in status.not_kept]
    assert "can't be kept" in status.not_kept[0].reason
    persistence = server.manager.persistence
    assert status == persistence.status(session.session_id) == persistence.status()
    assert "saved" == state(server, other)


def test_until_it_is_right_or_gone(server: Server) -> None:
    """The save that finds nothing wrong says so."""
    session = server.tab().run()
    for value, word in ((object(), "incomplete"), ("a key", "saved"), (object(), "incomplete")):
        session.inputs["scan"] = value
        server.manager.schedule_save(session)
        server.manager.flush()
        assert (word, word) == (state(server, session), server.manager.persistence.status().state)
    del session.inputs["scan"]
    server.manager.schedule_save(session)
    server.manager.flush()
    assert PersistenceStatus(state="saved") == server.manager.save_status(session)


def test_saved_at_once_it_is_the_same(server: Server) -> None:
    """Who asked is told by an exception; the save is no rejected one, for all else is stored."""
    session = server.tab().run()
    session.inputs["scan"] = object()
    with pytest.raises(PartlySavedError, match=r"inputs\['scan'\].*all else was"):
        server.manager.save(session, immediate=True)
    status = server.manager.save_status(session)
    assert ("incomplete", ()) == (status.state, status.rejected)


def test_what_is_worse_is_said_first(server: Server) -> None:
    """The store is down: then nothing is kept for now."""
    session = server.tab().run()
    session.inputs["scan"] = object()
    server.manager.schedule_save(session)
    server.manager.flush()
    session.theme = "dark"
    server.store.down = True
    server.manager.schedule_save(session)
    server.manager.flush()
    assert "offline" == state(server, session)
    server.store.down = False
    server.manager.flush()
    assert "incomplete" == state(server, session)


def test_a_session_that_ended_lacks_nothing(server: Server) -> None:
    """Nor does one that nobody holds any more."""
    tab = server.tab()
    session = tab.run()
    session.inputs["scan"] = object()
    server.manager.schedule_save(session)
    server.manager.flush()
    server.manager.end_session(session)
    assert "saved" == server.manager.persistence.status().state


# -- what plugins raise that is no Exception -------------------------------------


class Cancelled(BaseException):
    """As ``asyncio.CancelledError`` or gevent's ``Timeout``."""


def test_a_strategy_that_ends_a_save_holds_no_other_session_up(open_server: OpenServer) -> None:
    """The session that it was asked about waits by itself, and is told of."""

    class Strategy:
        def resolve(self, _: Conflict) -> UserSession | None:
            raise Cancelled

    server = open_server(strategy=Strategy())
    ours = server.visited().run()
    theirs = server.manager.repository.load(ours.session_id)
    assert theirs is not None
    theirs.inputs["x"] = 1
    server.manager.repository.save(theirs)
    ours.inputs["x"] = 2
    others = [server.tab().run() for _ in range(5)]
    for session in (ours, *others):
        session.inputs["y"] = 1
        server.manager.save(session)
    assert not server.manager.flush()

    assert all(server.store.stored(one.session_id).head.version for one in others)
    [failed] = server.told(SaveFailed)
    assert (ours.session_id, True) == (failed.session_id, failed.retrying)
    assert "broken off by Cancelled" in failed.error
    assert not any(map(server.manager.is_pending, (one.session_id for one in others)))
    assert "saving" == server.manager.persistence.status().state


@pytest.mark.parametrize("ending", [Cancelled, SystemExit])
def test_an_observer_that_ends_fails_no_save(
    server: Server, ending: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the writer's own thread nobody waits for what it raises; who saves on their own thread gets it."""
    session = server.tab().run()
    session.inputs["typed"] = 1
    told: list[SessionEvent] = []

    def observe(event: SessionEvent) -> None:
        told.append(event)
        raise ending

    monkeypatch.setattr(server.manager.plugins, "emit", observe)
    assert server.manager.flush()
    assert "saved" == server.manager.save_status(session).state
    assert [SessionSaved] == [type(event) for event in told]

    session.inputs["x"] = 1
    with pytest.raises(ending):
        server.manager.save(session, immediate=True)
    assert server.manager.flush()
    assert 2 == server.store.stored(session.session_id).head.version


# -- what changes while something takes long ---------------------------------------


def test_what_a_long_job_changes_is_stored_while_it_lasts(server: Server) -> None:
    """By a thread or a job that says that it uses the session, and announces nothing else; and after its end."""
    session = server.visited().run()
    manager, repository = server.manager, server.manager.repository
    assert manager.flush()
    with manager.in_use(session):
        session.inputs["answer"] = ["first"]
        assert manager.flush()
        stored = repository.load(session.session_id)
        assert stored is not None
        assert {"answer": ["first"]} == stored.inputs
        session.inputs["answer"].append("second")
    assert manager.is_pending(session.session_id)
    assert manager.flush()

    assert not manager.persistence._writer.in_use
    stored = repository.load(session.session_id)
    assert stored is not None
    assert {"answer": ["first", "second"]} == stored.inputs


def test_an_orderly_end_stores_what_nobody_announced(open_server: OpenServer) -> None:
    """Of sessions that were stored before, and not of one that has ended."""
    server = open_server()
    session, ended = server.visited().run(), server.visited().run()
    assert server.manager.flush()
    server.manager.end_session(ended)
    session.inputs["late"] = ended.inputs["late"] = 1
    server.manager.close()

    found = Replica(server.store.memory).repository
    stored = found.load(session.session_id)
    assert stored is not None
    assert {"late": 1} == stored.inputs
    assert found.load(ended.session_id) is None


def test_what_is_never_stored_is_not_looked_at(server: Server) -> None:
    """Such as a session that a newer release has stored."""
    tab = server.visited()
    session = tab.run()
    server.manager._live._unsaved.add(session)
    server.manager._live.all_saved = False

    with server.manager.in_use(session):
        assert not server.manager.persistence._writer.in_use


# -- when a change was made ----------------------------------------------------


def _type(server: Server, session: UserSession, text: str) -> None:
    server.manager.persist_input("x", text)
    assert text == session.inputs["x"]


def _capture(server: Server, session: UserSession, text: str) -> None:
    session.set_input("x", text)
    server.manager.schedule_save(session)


def _fill_in(server: Server, session: UserSession, text: str) -> None:
    session.get_form_state("f").data["x"] = text
    server.manager.save(session)


def _prefer(server: Server, session: UserSession, text: str) -> None:
    session.theme = text
    server.manager.save(session)


def _shown(session: UserSession) -> object:
    form = session.form_states.get("f")
    return next(
        iter([*session.inputs.values(), *(form.data.values() if form else ()), session.theme])
    )


@pytest.mark.parametrize("change", [_type, _capture, _fill_in, _prefer])
@pytest.mark.parametrize("journal", [False, True])
def test_the_later_change_is_stored_whichever_is_saved_first(
    clock: Clock,
    open_server: OpenServer,
    tmp_path: Path,
    change: Callable[[Server, UserSession, str], None],
    *,
    journal: bool,
) -> None:
    """A save that waited, for its pause or for the store, brings the older change."""
    kept = attrs.evolve(LATER, journal=tmp_path / "journal") if journal else LATER
    one = open_server(script=True, now=clock, persistence=kept)
    other = open_server(FaultyStore(one.store.memory), script=True, now=clock)
    session = one.manager.bootstrap("s")
    one.manager.save(session, immediate=True)
    beside = other.manager.bootstrap("s")
    change(one, session, "earlier")
    clock.advance(seconds=1)
    change(other, beside, "later")
    clock.advance(seconds=1)
    assert other.manager.flush()
    clock.advance(minutes=5)
    assert one.manager.flush()

    stored = one.manager.repository.load("s")
    assert stored is not None
    assert "later" == _shown(stored)


def test_each_input_has_the_time_at_which_it_was_set(clock: Clock, open_server: OpenServer) -> None:
    """Also where one save stores several of them."""
    one = open_server(script=True, now=clock)
    other = open_server(FaultyStore(one.store.memory), script=True, now=clock)
    session = one.manager.bootstrap("s")
    one.manager.save(session, immediate=True)
    other.manager.bootstrap("s")
    one.manager.persist_input("early", "mine")
    clock.advance(seconds=1)
    for key in ("early", "late"):
        other.manager.persist_input(key, "theirs")
    clock.advance(seconds=1)
    one.manager.persist_input("late", "mine")
    assert other.manager.flush()
    assert one.manager.flush()

    stored = one.manager.repository.load("s")
    assert stored is not None
    assert {"early": "theirs", "late": "mine"} == stored.inputs


def test_a_change_that_nobody_announced_was_made_when_it_is_found(
    clock: Clock, open_server: OpenServer
) -> None:
    """What was said of changes before counts for those alone."""
    one = open_server(script=True, now=clock)
    other = open_server(FaultyStore(one.store.memory), script=True, now=clock)
    session = one.manager.bootstrap("s")
    one.manager.persist_input("x", 1)
    assert one.manager.flush()
    beside = other.manager.bootstrap("s")
    clock.advance(minutes=1)
    beside.theme = "dark"
    other.manager.save(beside, immediate=True)
    clock.advance(minutes=1)
    session.theme = "light"
    one.manager.save(session, immediate=True)

    stored = one.manager.repository.load("s")
    assert stored is not None
    assert "light" == stored.theme
