# SPDX-License-Identifier: Apache-2.0
"""What visitors are shown, and what stands in logs and reprs: words and short ids, never what is secret."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
import pytest
from session_harness.servers import LATER, Server
from session_harness.stores import FaultyStore

import sessionkit
import sessionkit_streamlit
from sessionkit import UserSession
from sessionkit.errors import (
    ConflictError,
    InvalidSessionIdError,
    QueueFullError,
    RejectedError,
    SessionGoneError,
    SessionKitError,
    UnavailableError,
)
from sessionkit.events import SessionRotated
from sessionkit.manager.claims import Claims
from sessionkit.manager.lifecycle import SessionSummary
from sessionkit.records import SCHEMA_VERSION, SessionPage, short_repr
from sessionkit.session.fields import check_session_id
from sessionkit.tokens import Tokens
from sessionkit_streamlit import StatusTexts
from sessionkit_streamlit.connection import Connection

CONFIG: Final = "/srv/canary/sessionkit.toml"
URL: Final = "redis://canary:canary-password@10.9.8.7:6379/0"
SERVER: Final = (CONFIG, URL, "canary", "10.9.8.7")
WRONG: Final = f"{CONFIG}: plugin canary can't use {URL}"

# -- what the list of failures is made of -----------------------------------------


def saved(server: Server) -> UserSession:
    """Return a session that is stored, and changed since."""
    session = server.visited().run()
    server.manager.save(session, immediate=True)
    session.inputs["name"] = "Ada"
    return session


def says(error: type[SessionKitError]) -> Callable[[Server], UserSession]:
    """Return a failure: the store refuses the write, and says all that it knows."""

    def fail(server: Server) -> UserSession:
        session = saved(server)

        def refuse(_: object) -> None:
            msg = f"{WRONG} for {session.session_id}"
            raise error(msg)

        server.store.on_write = refuse
        return session

    return fail


def says_a_bug(server: Server) -> UserSession:
    """Fail by a plugin's own bug."""
    session = saved(server)

    def fail(_: object) -> None:
        msg = f"{WRONG}: {session.session_id!r}"
        raise ValueError(msg)

    server.store.on_write = fail
    return session


def met_another_writer(server: Server) -> UserSession:
    """Meet another save where the strategy refuses."""
    session = saved(server)
    other = Server(server.store, conflict_strategy="refuse", script=True)
    theirs = other.manager.bootstrap(session.session_id)
    theirs.inputs["name"] = "Eva"
    other.manager.save(theirs, immediate=True)
    return session


def ended_elsewhere(server: Server) -> UserSession:
    """Be ended by another process."""
    session = saved(server)
    other = Server(server.store, script=True)
    other.manager.end_session(other.manager.bootstrap(session.session_id))
    return session


def stored_by_a_newer_release(server: Server) -> UserSession:
    """Find what a newer release has stored."""
    session = saved(server)
    stored = server.store.stored(session.session_id)
    head = attrs.evolve(stored.head, schema_version=SCHEMA_VERSION + 1, save_id="newer")
    server.store.memory._sessions[session.session_id] = attrs.evolve(stored, head=head)
    return session


def no_room(server: Server) -> UserSession:
    """Wait where nobody has room."""
    session = saved(server)
    server.store.down = True
    other = server.tab().run()
    other.inputs["x"] = 1
    server.manager.schedule_save(other)
    return session


FAILURES: Final = {
    "down": (says(UnavailableError), "Offline since"),
    "refused": (says(RejectedError), "Not saved: it can't be stored as it is"),
    "conflict": (met_another_writer, "Not saved: it was changed elsewhere meanwhile"),
    "newer": (stored_by_a_newer_release, "Not saved: a newer version of this app has saved it"),
    "bug": (says_a_bug, "Not saved: something is wrong on the server"),
    "full": (no_room, "Not saved: too much waits to be saved"),
    "ended": (ended_elsewhere, ""),
}


@pytest.fixture(name="server")
def _server(caplog: pytest.LogCaptureFixture) -> Iterator[Server]:
    """Be one process, with all that it logs."""
    caplog.set_level(logging.DEBUG, "sessionkit")
    limits = attrs.evolve(LATER, max_pending=1, when_full="raise")
    server = Server(FaultyStore(), conflict_strategy="refuse", persistence=limits)
    yield server
    server.manager.persistence.close(timeout=0)


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_shows_visitors_words_and_the_log_short_ids(
    server: Server, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The status line has neither path, address, plugin nor id; the log has the reason, and the id's beginning."""
    fail, line = FAILURES[name]
    session = fail(server)
    session_id = session.session_id
    server.manager.schedule_save(session)
    server.manager.flush(timeout=0 if name == "full" else 5)
    status = server.manager.save_status(session)
    shown = StatusTexts().of(status, UTC)
    assert shown.startswith(line)
    assert [] == [secret for secret in (*SERVER, session_id) if secret in shown]

    server.manager.persistence.close(timeout=0)
    reprs = [repr(one) for one in (session, status, server.events, *status.rejected)]
    logged = [record.getMessage() for record in caplog.records]
    assert [] == [text for text in (*reprs, *logged, caplog.text) if session_id in text]
    assert session_id[:8] in caplog.text
    if name in {"refused", "bug"}:
        assert CONFIG in caplog.text, "the log has the reason"


@pytest.mark.parametrize("name", ["conflict", "newer", "ended", "full"])
def test_what_is_raised_in_a_page_bears_no_full_id(server: Server, name: str) -> None:
    """Streamlit shows what a page raises to whoever looks at it."""
    fail, _ = FAILURES[name]
    session = fail(server)
    with pytest.raises(SessionKitError) as raised:
        server.manager.save(session, immediate=name != "full")
    assert session.session_id not in f"{raised.value!s}{raised.value!r}"


def raised_by(call: Callable[[], object]) -> BaseException:
    """Return what a call raises."""
    with pytest.raises(Exception, match=r".") as raised:
        call()
    return raised.value


ID: Final = "an-id-that-nobody-else-knows"


def test_no_error_of_sessionkit_bears_a_full_id(server: Server) -> None:
    """Those that are about one session say its beginning."""
    session, persistence = UserSession(session_id=ID), server.manager.persistence
    other = UserSession(session_id=f"{ID}-2")
    persistence.close()
    errors = [
        ConflictError(ID),
        SessionGoneError(ID, "ended"),
        raised_by(lambda: persistence.schedule_save(ID, other)),
        raised_by(lambda: persistence.schedule_save(None, session)),
        raised_by(lambda: check_session_id(f"{ID}\n")),
    ]
    assert [] == [error for error in errors if ID in f"{error!s}{error!r}"]
    assert [] == [error for error in errors if "an-id-th" not in str(error)]
    assert isinstance(errors[-1], InvalidSessionIdError)
    assert issubclass(QueueFullError, UnavailableError)


# -- reprs ------------------------------------------------------------------------


def test_reprs_show_short_ids_and_no_token() -> None:
    """Of what an app may print, log or hand to ``st.write``."""
    tokens = Tokens("a secret of enough characters")
    token, now = tokens.issue(ID), datetime.now(UTC)
    claims = Claims(tokens=lambda: tokens, emit=lambda _: None)
    connection = Connection(session=UserSession(session_id=ID), session_id=ID)
    connection.identity.granted = connection.identity.ticket = token
    connection.identity.replaced.add(token)
    shown: list[object] = [
        UserSession(session_id=ID),
        SessionSummary(session_id=ID, created_at=now, last_activity=now + timedelta(hours=1)),
        SessionRotated(session_id=ID, old_id=f"{ID}-2"),
        SessionPage(heads=(), cursor=f"1:{ID}"),
        tokens.inspect(token),
        tokens,
        claims,
        connection,
    ]
    assert [] == [one for one in map(repr, shown) if ID in one or token in one]


_IDS: Final = {"session_id", "old_id", "token_id"}


def classes() -> list[type]:
    """Return every class of the core and of the plugin for Streamlit."""
    modules = [
        importlib.import_module(found.name)
        for package in (sessionkit, sessionkit_streamlit)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if ".testing" not in found.name and ".demo" not in found.name
    ]
    found: dict[type, Any] = {
        one: None
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__
    }
    return list(found)


def test_each_class_that_has_an_id_shows_it_short() -> None:
    """Also those that are made later: its ``repr`` ends up in a log or on a page some day."""
    wrong = [
        f"{one.__module__}.{one.__qualname__}.{field.name}"
        for one in classes()
        if attrs.has(one)
        for field in attrs.fields(one)
        if field.name in _IDS and field.repr not in {False, short_repr}
    ]
    tuples = [one for one in classes() if issubclass(one, tuple) and _IDS & set(vars(one))]
    assert ([], []) == (wrong, tuples), "the repr of a tuple shows all that is in it"
