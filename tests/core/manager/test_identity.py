# SPDX-License-Identifier: Apache-2.0
"""Which session a connection gets: by cookie, by id, as a known user, as a script; and who is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from session_harness.replicas import Clock
from session_harness.servers import Server, Tab, session_of, token_for
from session_harness.stores import FaultyStore
from session_harness.visitors import ALICE, BOB, keep, refusals, secret_of

from sessionkit.errors import (
    InvalidSessionIdError,
)
from sessionkit.events import (
    NewerFormat,
    RestoreRefused,
    SessionCreated,
    SessionGone,
    SessionQuarantined,
    SessionRestored,
)
from sessionkit.records import SCHEMA_VERSION
from sessionkit.session import UserSession

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

    assert {"diary": 1} == server.tab(token_for("s")).run("s").inputs
    assert [] == refusals(server)


def test_a_session_id_is_given_to_its_authenticated_owner(server: Server) -> None:
    """From any browser; which gets the cookie."""
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = server.tab(account=ALICE)

    assert {"diary": 1} == tab.run("s").inputs
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
    assert {"diary": 1} == held.inputs


@pytest.mark.parametrize("wrong", ["x" * 129, "a\x00b", "tab\there", ""])
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
    server.manager.save(begun, immediate=True)
    tab.connection.presented = token_for("own")

    assert "own" == tab.run().session_id
    assert server.store.stored(begun.session_id)


# -- users ---------------------------------------------------------------------


def test_a_known_user_without_a_cookie_gets_the_latest_session(server: Server) -> None:
    """Of all that are the user's; its browser gets the cookie."""
    old = keep(server, "old", user_id=ALICE, authenticated=True, inputs={"old": 1})
    keep(server, "bobs", user_id=BOB)
    old.last_activity += timedelta(hours=1)
    server.manager.repository.save(old)
    keep(server, "older", user_id=ALICE, authenticated=True)
    tab = server.tab(account=ALICE)

    assert {"old": 1} == tab.run().inputs
    assert "old" == session_of(tab.cookie)


def test_a_known_user_whose_cookie_leads_nowhere_gets_the_latest_session(server: Server) -> None:
    """It expired, or was on another store."""
    keep(server, "latest", user_id=ALICE, authenticated=True, inputs={"a": 1})
    tab = server.tab(token_for("nowhere"), account=ALICE)

    assert {"a": 1} == tab.run().inputs
    assert "latest" == session_of(tab.cookie)


def test_a_user_whom_the_app_vouches_for_counts(server: Server) -> None:
    """bootstrap_session(user_id=...) after a login of the app's own."""
    keep(server, "s", user_id="alice", inputs={"a": 1})

    assert {"a": 1} == server.tab().run(user_id="alice").inputs


def test_a_cookie_of_the_users_own_session_goes_before_the_latest(server: Server) -> None:
    """Each browser keeps its own."""
    keep(server, "mine", user_id=ALICE, authenticated=True, inputs={"mine": 1})
    keep(server, "latest", user_id=ALICE, authenticated=True)

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

    bound = tab.run(user_id="alice")
    assert ("alice", False) == (bound.user_id, bound.authenticated)
    assert bound is tab.run() is not session


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
    session.inputs["diary"] = 1
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
    assert {"diary": 1} == tab.run().inputs
    tab.connection.account = BOB

    assert {"work": 1} == tab.run().inputs
    assert "bobs" == session_of(tab.cookie)


def test_a_logout_gives_a_fresh_session(server: Server) -> None:
    """The host vouched for the user, and says that nobody is there now."""
    tab = server.tab(account=ALICE)
    session = tab.run()
    session.inputs["diary"] = 1
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
    session.inputs["diary"] = 1
    assert server.manager.flush()
    after = server.tab(tab.cookie).run()

    assert ("alice@mail", True) == (session.user_id, session.authenticated)
    assert (None, {}) == (after.user_id, after.inputs)
    assert {"diary": 1} == server.tab(account=ALICE).run(user_id="alice@mail").inputs


def test_what_a_user_typed_before_the_logout_is_kept(server: Server) -> None:
    """It was not saved yet: it is the user's, and is there at the next login."""
    tab = server.tab(account=ALICE)
    tab.run().inputs["draft"] = 1
    tab.connection.account = None
    tab.run()
    assert server.manager.flush()

    assert {"draft": 1} == server.tab(account=ALICE).run().inputs


# -- names that an app and the host may both give ------------------------------

BOTH = "https://accounts.example|7"


def test_an_apps_own_user_is_not_the_hosts_of_the_same_name(server: Server) -> None:
    """Who may choose a name in the app's own log-in gets nobody else's session by it."""
    secret_of(server, user_id=BOTH, authenticated=True)
    for account in (None, "https://accounts.example|8", "https://other.example|8"):
        given = server.tab(account=account).run(user_id=BOTH)
        assert {} == given.inputs
        assert BOTH == given.user_id
    assert {} == server.tab(token_for("s")).run(user_id=BOTH).inputs
    assert server.manager.recover("s", BOTH) is None

    for keywords in ({}, {"user_id": BOTH}):
        assert {"diary": 1} == server.tab(account=BOTH).run(**keywords).inputs


def test_the_hosts_user_does_not_come_home_to_an_apps_own(server: Server) -> None:
    """Or what they type would be read by whoever chose the name."""
    secret_of(server, user_id=BOTH)
    assert {} == server.tab(account=BOTH).run().inputs
    assert {} == server.tab(token_for("s"), BOTH).run().inputs

    assert {"diary": 1} == server.tab().run(user_id=BOTH).inputs


@pytest.mark.parametrize("name", ["alice@mail", "tenant|alice"])
def test_a_name_of_the_apps_own_for_the_hosts_user_still_comes_home(
    server: Server, name: str
) -> None:
    """As the same app calls them at each log-in."""
    secret_of(server, user_id=name, authenticated=True)

    assert {"diary": 1} == server.tab(account=BOTH).run(user_id=name).inputs


def test_a_script_may_have_both(script: Server) -> None:
    """It is trusted."""
    secret_of(script, user_id=BOTH, authenticated=True)

    assert {"diary": 1} == script.manager.bootstrap(user_id=BOTH).inputs


def test_a_user_lists_and_ends_their_own_sessions_alone(server: Server) -> None:
    """Not those of a user whom somebody else calls the same."""
    secret_of(server, user_id=BOTH, authenticated=True)
    attacker = server.tab()
    own = attacker.run(user_id=BOTH)
    assert server.manager.flush()
    listed = server.manager.list_sessions(BOTH)
    assert [own.session_id] == [one.session_id for one in listed]
    server.manager.revoke_sessions(BOTH, only=["s"])
    server.manager.revoke_sessions(BOTH)

    assert {"diary": 1} == server.tab(account=BOTH).run().inputs


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
    assert {"diary": 1} == reread.inputs


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

    assert "diary" not in session.inputs
    assert "diary" not in after.inputs
    assert set() == session.roles | after.roles
    reread = server.manager.repository.load("s")
    assert reread is not None
    assert {"diary": 1} == reread.inputs


def test_a_provisional_session_of_the_owner_joins_the_stored_one(
    server: Server, open_server: OpenServer
) -> None:
    """The user and the cookie agree."""
    secret_of(server, user_id=ALICE, authenticated=True)
    tab = away(server, open_server, token_for("s"), ALICE)
    session = tab.run()
    session.inputs["mine"] = 2
    back(tab)

    assert {"diary": 1, "mine": 2} == tab.run().inputs


@pytest.mark.parametrize("account", [None, ALICE])
@pytest.mark.parametrize("revoked_first", [False, True])
def test_what_was_revoked_does_not_come_back_by_a_provisional_session(
    open_server: OpenServer,
    account: str | None,
    revoked_first: bool,  # noqa: FBT001 - a parameter
) -> None:
    """What the app grants while nobody can look is taken back where the store says otherwise."""
    server = open_server()
    tab = server.tab(account=account)
    session = tab.run()
    session.permissions |= {"read", "admin"}
    assert server.manager.flush()
    elsewhere = open_server(FaultyStore(server.store.memory))
    assert elsewhere.manager.repository
    elsewhere.store.down = True
    meanwhile = tab.reload(elsewhere)

    def revoke() -> None:
        session.permissions.discard("admin")
        server.manager.save(session, immediate=True)

    if revoked_first:
        revoke()
    meanwhile.run().permissions |= {"read", "admin", "other"}
    meanwhile.run().inputs["typed"] = 1
    if not revoked_first:
        revoke()
    elsewhere.store.down = False
    assert elsewhere.manager.flush()
    again = meanwhile.run()
    assert elsewhere.manager.flush()
    stored = elsewhere.manager.repository.load(again.session_id)

    assert stored is not None
    assert {"read"} == again.permissions == stored.permissions
    assert {"typed": 1} == stored.inputs


def test_what_is_granted_in_a_session_that_is_new_holds(open_server: OpenServer) -> None:
    """Two replicas began it at once, when the store said that there was none."""
    server = open_server()
    other = open_server(FaultyStore(server.store.memory))
    tab = server.tab()
    session = tab.run()
    beside = tab.beside(other)
    beside.run().permissions.add("read")
    server.manager.save(session, immediate=True)
    assert other.manager.flush()

    assert {"read"} == beside.run().permissions


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
    assert ({"diary": 1}, ALICE) == (session.inputs, session.user_id)


def make_it_hers(tab: Tab, open_server: OpenServer) -> None:
    """Let a script make the browser's session Alice's, under the id that it has."""
    other = open_server(FaultyStore(tab.server.store.memory), script=True)
    hers = other.manager.bootstrap(session_of(tab.cookie), ALICE)
    hers.authenticated = True
    hers.inputs["diary"] = 1
    hers.roles.add("admin")
    assert other.manager.flush()


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


def test_what_is_no_text_is_no_id(script: Server) -> None:
    """Before anybody asks the store for it."""
    with pytest.raises(InvalidSessionIdError):
        script.manager.bootstrap(7)  # type: ignore[arg-type]
    assert [] == script.store.calls


@pytest.mark.parametrize("name", ["ümläut-🦊", "with blank", "../etc", "'; DROP TABLE", "a" * 128])
def test_odd_ids_are_ids(script: Server, open_server: OpenServer, name: str) -> None:
    """Kept byte for byte."""
    script.manager.bootstrap(name).theme = "dark"
    assert script.manager.flush()
    other = open_server(FaultyStore(script.store.memory), script=True)

    assert "dark" == other.manager.bootstrap(name).theme
