# SPDX-License-Identifier: Apache-2.0
"""Which session a known user of a web host gets, and a browser that has logged out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from session_harness.servers import Server, Tab, session_of, token_for
from session_harness.stores import FaultyStore
from session_harness.visitors import ALICE, BOB, keep, secret_of

from sessionkit.events import (
    SessionGone,
)

OpenServer = Callable[..., Server]

# -- users ---------------------------------------------------------------------


def test_a_known_user_without_a_cookie_gets_the_latest_session(server: Server) -> None:
    """Of all that are the user's; its browser gets the cookie."""
    old = keep(server, "old", user_id=ALICE, inputs={"old": 1})
    keep(server, "bobs", user_id=BOB)
    old.last_activity += timedelta(hours=1)
    server.manager.repository.save(old)
    keep(server, "older", user_id=ALICE)
    tab = server.tab(account=ALICE)

    assert {"old": 1} == tab.run().inputs
    assert "old" == session_of(tab.cookie)


def test_a_known_user_whose_cookie_leads_nowhere_gets_the_latest_session(server: Server) -> None:
    """It expired, or was on another store."""
    keep(server, "latest", user_id=ALICE, inputs={"a": 1})
    tab = server.tab(token_for("nowhere"), account=ALICE)

    assert {"a": 1} == tab.run().inputs
    assert "latest" == session_of(tab.cookie)


def test_a_user_whom_the_app_vouches_for_counts(server: Server) -> None:
    """bootstrap_session(user_id=...) after a login of the app's own."""
    keep(server, "s", user_id="alice", inputs={"a": 1})

    assert {"a": 1} == server.tab().run(user_id="alice").inputs


def test_a_cookie_of_the_users_own_session_goes_before_the_latest(server: Server) -> None:
    """Each browser keeps its own."""
    keep(server, "mine", user_id=ALICE, inputs={"mine": 1})
    keep(server, "latest", user_id=ALICE)

    assert {"mine": 1} == server.tab(token_for("mine"), account=ALICE).run().inputs


def test_a_login_binds_an_unowned_session(server: Server) -> None:
    """What the user did before logging in stays; the binding is stored."""
    keep(server, "s", inputs={"basket": 3})
    session = server.tab(token_for("s"), account=ALICE).run()
    assert server.manager.flush()

    assert (ALICE, True, {"basket": 3}) == (session.user_id, session.authenticated, session.inputs)
    assert ALICE == server.store.stored(session.session_id).head.user_id


def test_a_login_in_a_running_connection_binds_too(server: Server) -> None:
    """The app says user_id at a later rerun."""
    tab = server.tab()
    session = tab.run()

    assert session is tab.run(user_id="alice")
    assert ("alice", False) == (session.user_id, session.authenticated)


def test_leaving_out_user_id_is_not_said_never_logged_out(server: Server) -> None:
    """The app vouched for the user once, and says nothing now."""
    tab = server.tab()
    session = tab.run(user_id="alice")

    assert session is tab.run()
    assert session is tab.reload().run()
    assert "alice" == session.user_id


def test_a_session_of_another_user_is_not_given(server: Server) -> None:
    """Though the browser holds its cookie: a fresh id, bound to who is there."""
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = server.tab(token_for("s"), account=BOB)
    session = tab.run()

    assert ({}, set(), BOB) == (session.inputs, session.roles, session.user_id)
    assert "s" != session.session_id == session_of(tab.cookie)


@pytest.mark.parametrize("owner", [ALICE, None])
def test_who_comes_to_a_cookie_that_is_not_for_them_gets_the_latest_session(
    server: Server, owner: str | None
) -> None:
    """It is another user's, who logged out before the page began, or was ended: each gets their own back."""
    secret_of(server, user_id=owner, authenticated=owner is not None)
    if owner is None:
        server.manager.repository.end("s")
    keep(server, "bobs", user_id=BOB, authenticated=True, inputs={"work": 1})
    tab = server.tab(token_for("s"), account=BOB)

    assert {"work": 1} == tab.run().inputs
    assert "bobs" == session_of(tab.cookie)


def test_a_reload_before_the_browser_took_the_new_cookie_loses_nothing(server: Server) -> None:
    """A login moved the session; the browser still shows the old id, and says who it is."""
    tab = server.visited()
    old = tab.cookie
    tab.connection.account = ALICE
    session = tab.run()
    session.set_input("basket", 3)
    assert server.manager.flush()

    assert session is server.tab(old, ALICE).run()
    assert {} == server.tab(old).run().inputs


def test_a_session_of_another_user_is_not_given_when_the_app_says_who_is_there(
    server: Server,
) -> None:
    """The same for users whom the app vouches for."""
    secret_of(server, user_id="alice")

    assert {} == server.tab(token_for("s")).run(user_id="bob").inputs


def test_another_user_in_a_running_connection_gets_a_fresh_session(server: Server) -> None:
    """Somebody else logged in at the same browser."""
    tab = server.tab(account=ALICE)
    session = tab.run()
    session.inputs["secret"] = 1
    tab.connection.account = BOB
    after = tab.run()

    assert (BOB, {}) == (after.user_id, after.inputs)
    assert session.session_id != after.session_id == session_of(tab.cookie)
    assert ALICE == session.user_id


def test_another_user_in_a_running_connection_gets_the_latest_session(server: Server) -> None:
    """Somebody else who was here before, or elsewhere."""
    keep(server, "bobs", user_id=BOB, authenticated=True, inputs={"work": 1})
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = server.tab(token_for("s"), account=ALICE)
    assert {"secret": 1} == tab.run().inputs
    tab.connection.account = BOB

    assert {"work": 1} == tab.run().inputs
    assert "bobs" == session_of(tab.cookie)


def test_a_logout_gives_a_fresh_session(server: Server) -> None:
    """The host vouched for the user, and says that nobody is there now."""
    tab = server.tab(account=ALICE)
    session = tab.run()
    session.inputs["secret"] = 1
    assert server.manager.flush()
    tab.connection.account = None
    after = tab.run()

    assert (None, {}) == (after.user_id, after.inputs)
    assert session.session_id != after.session_id == session_of(tab.cookie)


def test_a_logout_holds_after_a_restart(server: Server) -> None:
    """The cookie of the user's session alone opens it no more."""
    secret_of(server, user_id=ALICE, authenticated=True)
    session = server.tab(token_for("s")).run()

    assert ("s" == session.session_id, {}) == (False, session.inputs)


def test_a_logout_counts_whatever_name_the_app_has_for_the_user(server: Server) -> None:
    """The app passes the address of the user whom the host knows: with the user the name goes, too."""
    tab = server.tab(account=ALICE)
    session = tab.run(user_id="alice@mail")
    session.inputs["secret"] = 1
    assert server.manager.flush()
    after = server.tab(tab.cookie).run()

    assert ("alice@mail", True) == (session.user_id, session.authenticated)
    assert (None, {}) == (after.user_id, after.inputs)
    assert {"secret": 1} == server.tab(account=ALICE).run(user_id="alice@mail").inputs


def test_what_a_user_typed_before_the_logout_is_kept(server: Server) -> None:
    """It was not saved yet: it is the user's, and is there at the next login."""
    tab = server.tab(account=ALICE)
    tab.run().inputs["draft"] = 1
    tab.connection.account = None
    tab.run()
    assert server.manager.flush()

    assert {"draft": 1} == server.tab(account=ALICE).run().inputs


# -- the store is down while somebody claims a session -------------------------


def away(server: Server, open_server: OpenServer, presented: str, account: str | None) -> Tab:
    """Return a tab at another server whose store is down."""
    other = open_server(FaultyStore(server.store.memory))
    other.store.down = True
    return other.tab(presented, account)


def back(tab: Tab) -> None:
    """Let the store answer, and everything be saved that waits."""
    tab.server.store.down = False
    tab.server.manager.flush()


def test_a_provisional_session_of_another_user_never_joins_the_stored_one(
    server: Server, open_server: OpenServer
) -> None:
    """It turns out to be somebody else's: an event tells, and the next rerun has a fresh id."""
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = away(server, open_server, token_for("s"), BOB)
    session = tab.run()
    session.inputs["mine"] = 2
    back(tab)
    after = tab.run()

    assert {"mine": 2} == session.inputs
    assert ("s" == after.session_id, {}, BOB) == (False, after.inputs, after.user_id)
    assert ["owner"] == [event.reason for event in tab.server.told(SessionGone)]
    reread = server.manager.repository.load("s")
    assert reread is not None
    assert {"secret": 1} == reread.inputs


def test_a_provisional_session_of_nobody_never_joins_a_users(
    server: Server, open_server: OpenServer
) -> None:
    """After a logout the cookie alone opens nothing, whether or not the store was up."""
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = away(server, open_server, token_for("s"), None)
    session = tab.run()
    session.inputs["mine"] = 2
    back(tab)
    after = tab.run()

    assert "secret" not in session.inputs
    assert "secret" not in after.inputs
    assert set() == session.roles | after.roles
    reread = server.manager.repository.load("s")
    assert reread is not None
    assert {"secret": 1} == reread.inputs


def test_a_provisional_session_of_the_owner_joins_the_stored_one(
    server: Server, open_server: OpenServer
) -> None:
    """The user and the cookie agree."""
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = away(server, open_server, token_for("s"), ALICE)
    session = tab.run()
    session.inputs["mine"] = 2
    back(tab)

    assert session is tab.run()
    assert {"secret": 1, "mine": 2} == session.inputs


# -- the session got an owner elsewhere ----------------------------------------


@pytest.mark.parametrize("account", [BOB, None])
def test_a_session_that_somebody_else_was_bound_to_meanwhile_is_not_given(
    server: Server, open_server: OpenServer, account: str | None
) -> None:
    """A live unowned session became Alice's on another replica: nobody else sees what is in it."""
    tab = server.visited()
    session = tab.run()
    make_it_hers(tab, open_server)

    late = server.tab(tab.cookie, account)
    for _ in range(2):
        given = late.run()
        assert ({}, set()) == (given.inputs, given.roles)
        server.manager.flush()

    assert ({}, set()) == (session.inputs, session.roles)
    hers = server.manager.repository.load(session.session_id)
    assert hers is not None
    assert ALICE == hers.user_id


def test_the_owner_elsewhere_gets_it_everywhere(server: Server, open_server: OpenServer) -> None:
    """Alice's tab on the first replica sees what she did on the other."""
    tab = server.visited()
    session = tab.run()
    make_it_hers(tab, open_server)

    late = server.tab(tab.cookie, ALICE)
    late.run()
    assert server.manager.flush()

    assert session is late.run()
    assert ({"secret": 1}, ALICE) == (session.inputs, session.user_id)


def make_it_hers(tab: Tab, open_server: OpenServer) -> None:
    """Let a script make the browser's session Alice's, under the id that it has."""
    other = open_server(FaultyStore(tab.server.store.memory), script=True)
    hers = other.manager.bootstrap(session_of(tab.cookie), ALICE)
    hers.authenticated = True
    hers.inputs["secret"] = 1
    hers.roles.add("admin")
    assert other.manager.flush()
