# SPDX-License-Identifier: Apache-2.0
"""Which session a connection of a web host gets (DESIGN section 5, Host)."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from session_harness.replicas import Clock
from session_harness.servers import Server, session_of, token_for
from session_harness.visitors import ALICE, BOB, keep, refusals, secret_of

from sessionkit.errors import InvalidSessionIdError
from sessionkit.events import (
    NewerFormat,
    RestoreRefused,
    SessionCreated,
    SessionQuarantined,
    SessionRestored,
)
from sessionkit.records import SCHEMA_VERSION

OpenServer = Callable[..., Server]

# -- the browser's cookie ------------------------------------------------------


def test_a_browser_without_a_cookie_gets_a_fresh_session_and_a_cookie(server: Server) -> None:
    """Signed, with the session's id."""
    tab = server.tab()
    session = tab.run()

    assert [session.session_id] == [session_of(token) for token in tab.connection.given]
    assert [session.session_id] == [event.session_id for event in server.told(SessionCreated)]
    assert session is tab.run()
    assert 1 == len(tab.connection.given)


def test_two_browsers_get_a_session_each(server: Server) -> None:
    """Neither sees the other's."""
    one, two = server.tab().run(), server.tab().run()

    assert one.session_id != two.session_id
    one.inputs["a"] = 1
    assert {} == two.inputs


def test_the_cookies_browser_gets_its_session(server: Server) -> None:
    """After a restart, too; it is given no new cookie."""
    keep(server, "s", inputs={"a": 1})
    tab = server.tab(token_for("s"))

    assert {"a": 1} == tab.run().inputs
    assert [] == tab.connection.given
    assert ["s"] == [event.session_id for event in server.told(SessionRestored)]


def test_a_cookie_of_an_id_that_is_free_begins_a_session_there(server: Server) -> None:
    """Two tabs that open at once share it."""
    tab = server.tab(token_for("mine"))
    session = tab.run()

    assert "mine" == session.session_id
    assert session is server.tab(token_for("mine")).run()
    assert [] == tab.connection.given


@pytest.mark.parametrize(
    "token",
    [
        "s",
        "",
        "x" * 5000,
        "ümläut",
        token_for("s", "another app's secret"),
        token_for("s")[:-1] + "!",
    ],
)
def test_a_tampered_cookie_restores_nothing(server: Server, token: str) -> None:
    """The browser gets a fresh session and a new cookie, and an event tells."""
    secret_of(server)
    tab = server.tab(token)
    session = tab.run()

    assert ("s" == session.session_id, {}, set()) == (False, session.inputs, session.roles)
    assert session.session_id == session_of(tab.cookie)
    assert refusals(server)
    assert all("browser's token" in reason for reason in refusals(server))


def test_an_event_shows_no_token(server: Server) -> None:
    """A token that another key signed may be good elsewhere."""
    token = token_for("s", "another app's secret")
    server.tab(token).run()

    assert all(token not in repr(event) for event in server.events)


# -- a bare session id ---------------------------------------------------------


def test_a_bare_session_id_restores_nothing(server: Server) -> None:
    """It gives a fresh session under another id, and an event."""
    session = secret_of(server).run("s")

    assert ("s" == session.session_id, {}, set()) == (False, session.inputs, session.roles)
    assert ["s"] == [event.session_id for event in server.told(RestoreRefused)]
    assert [] == server.told(SessionRestored)


def test_a_bare_session_id_does_not_tell_whether_there_is_such_a_session(server: Server) -> None:
    """The same happens, in the same words."""
    secret_of(server)
    for asked in ("s", "t"):
        assert asked != server.tab().run(asked).session_id
    [there, absent] = refusals(server)

    assert there.replace("session s ", "") == absent.replace("session t ", "")


def test_a_bare_session_id_claims_no_id(server: Server) -> None:
    """Nobody can plant a session that another browser will come to."""
    assert "planted" != server.tab().run("planted").session_id
    assert "planted" != server.tab().run("planted", restore_from_db=False).session_id


def test_a_refused_id_gives_the_browsers_own_session(server: Server) -> None:
    """The one that its cookie is for."""
    secret_of(server)
    keep(server, "own", inputs={"mine": 2})

    assert {"mine": 2} == server.tab(token_for("own")).run("s").inputs
    assert 1 == len(refusals(server))


def test_a_session_id_with_its_cookie_is_given(server: Server) -> None:
    """Asking for what one holds is no refusal."""
    secret_of(server)

    assert {"secret": 1} == server.tab(token_for("s")).run("s").inputs
    assert [] == refusals(server)


def test_a_session_id_is_given_to_its_authenticated_owner(server: Server) -> None:
    """From any browser; which gets the cookie."""
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = server.tab(account=ALICE)

    assert {"secret": 1} == tab.run("s").inputs
    assert "s" == session_of(tab.cookie)


def test_a_session_id_is_not_given_to_another_user(server: Server) -> None:
    """Logged in or not makes no difference."""
    secret_of(server, user_id=ALICE, authenticated=True)
    session = server.tab(account=BOB).run("s")

    assert ({}, BOB) == (session.inputs, session.user_id)
    assert 1 == len(refusals(server))


def test_recover_refuses_likewise(server: Server) -> None:
    """A stranger gets None, and an event tells."""
    tab = secret_of(server)
    assert tab.enter().recover("s") is None
    assert ["s"] == [event.session_id for event in server.told(RestoreRefused)]
    held = server.tab(token_for("s")).enter().recover("s")

    assert held is not None
    assert {"secret": 1} == held.inputs


@pytest.mark.parametrize("wrong", ["x" * 129, "a\x00b", ""])
def test_what_cannot_be_an_id_is_refused(server: Server, wrong: str) -> None:
    """It never reaches the store."""
    for ask in (server.tab().run, server.tab().enter().recover):
        with pytest.raises(InvalidSessionIdError):
            ask(wrong)
    assert [] == server.store.calls


# -- ended ids, and what is in the way -----------------------------------------


def test_an_ended_cookie_gives_a_fresh_id_and_a_new_cookie(server: Server) -> None:
    """An old cookie never brings old data back."""
    secret_of(server)
    server.manager.repository.end("s")
    tab = server.tab(token_for("s"))
    session = tab.run()

    assert ("s" == session.session_id, {}) == (False, session.inputs)
    assert session.session_id == session_of(tab.cookie)
    assert server.manager.flush()
    assert server.store.stored("s").head.ended


def test_an_expired_cookie_begins_anew(open_server: OpenServer, clock: Clock) -> None:
    """Nothing of the old one comes back, and it doesn't come back later."""
    server = open_server(now=clock)
    secret_of(server)
    clock.advance(days=2)
    tab = server.tab(token_for("s"))
    session = tab.run()
    session.created_at = session.last_activity = clock()
    assert {} == session.inputs
    assert server.manager.flush()
    tab.run()

    assert ({}, set()) == (session.inputs, session.roles)


def test_a_damaged_session_begins_anew(server: Server) -> None:
    """The user gets a fresh one and an event; the bytes are kept."""
    secret_of(server)
    stored = server.store.stored("s")
    damaged = {name: data[:-5] for name, data in stored.parts.items()}
    server.store.memory._sessions["s"] = attrs.evolve(stored, parts=damaged)
    session = server.tab(token_for("s")).run()
    session.inputs["fresh"] = 1
    assert server.manager.flush()

    [event] = server.told(SessionQuarantined)
    assert damaged == dict(server.store.stored(event.quarantine_id).parts)
    reread = server.manager.repository.load(session.session_id)
    assert reread is not None
    assert {"fresh": 1} == reread.inputs


def test_a_newer_session_is_left_alone_and_the_user_works_in_memory(server: Server) -> None:
    """Nothing is written over it, and an event says why."""
    secret_of(server)
    stored = server.store.stored("s")
    newer = attrs.evolve(stored, head=attrs.evolve(stored.head, schema_version=SCHEMA_VERSION + 1))
    server.store.memory._sessions["s"] = newer
    tab = server.tab(token_for("s"))
    session = tab.run()
    server.manager.persist_input("name", "Ada")
    assert server.manager.flush()

    assert {"name": "Ada"} == session.inputs
    assert session is tab.run()
    assert session is tab.beside().run()
    assert newer == server.store.stored("s")
    assert {"s": newer} == server.store.keep()
    assert ["s"] == [event.session_id for event in server.told(NewerFormat)][:1]
    assert not server.manager.is_pending("s")


# -- a plain run: the browser says later who it is -----------------------------


def test_a_browser_that_presents_its_token_later_switches(server: Server) -> None:
    """In a plain run the first script has no token; what it began is not stored."""
    keep(server, "own", inputs={"mine": 1})
    tab = server.tab()
    begun = tab.run()
    tab.connection.presented = token_for("own")
    own = tab.run()
    assert server.manager.flush()

    assert ("own", {"mine": 1}) == (own.session_id, own.inputs)
    assert server.store.memory.read(begun.session_id) is None
    assert own is tab.run()


def test_a_browser_that_presents_the_token_that_it_was_given_stays(server: Server) -> None:
    """It had none, and holds ours now."""
    tab = server.tab()
    session = tab.run()
    tab.connection.presented = tab.cookie

    assert session is tab.run()
    assert 1 == len(tab.connection.given)


def test_a_browser_that_presents_garbage_later_stays(server: Server) -> None:
    """A token that is not ours says nothing about who it is."""
    tab = server.tab()
    session = tab.run()
    tab.connection.presented = "garbage"

    assert session is tab.run()


def test_a_session_that_was_stored_before_the_browser_said_who_it_is_stays_stored(
    server: Server,
) -> None:
    """It is only left; nothing that was acknowledged is removed."""
    tab = server.tab()
    begun = tab.run()
    assert server.manager.flush()
    tab.connection.presented = token_for("own")

    assert "own" == tab.run().session_id
    assert server.store.stored(begun.session_id)
