# SPDX-License-Identifier: Apache-2.0
"""A known user at a new browser gets their latest session, if nothing was done in the one that is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from session_harness.servers import Server, Tab, session_of, token_for
from session_harness.stores import FaultyStore
from session_harness.visitors import ALICE, BOB, keep

from sessionkit.defaults.local_host import LocalHost
from sessionkit.events import SessionRestored, SessionRotated
from sessionkit.manager.claims import is_blank
from sessionkit.records import SCHEMA_VERSION, SessionWrite
from sessionkit.session import UserSession
from sessionkit.session.forms import FormState
from sessionkit.session.unreadable import SetAside
from sessionkit.values import Opaque

OpenServer = Callable[..., Server]


@pytest.fixture(name="hers")
def _hers(server: Server) -> UserSession:
    """Return what the app's user alice left behind at another device."""
    return keep(server, "hers", user_id="alice", inputs={"work": 1})


def shown(server: Server) -> Tab:
    """Return a tab that showed a page where nobody typed yet; it is stored."""
    tab = server.tab()
    session = tab.run()
    session.set_input("note", "")
    session.add_navigation("login")
    server.manager.save(session, immediate=True)
    return tab


def moved_from(server: Server, session: UserSession) -> str | None:
    """Return the id that a session had before its login; None when it has not moved."""
    ids = {event.session_id: event.old_id for event in server.told(SessionRotated)}
    return ids.get(session.session_id)


def ids_of(server: Server, user_id: str) -> list[str]:
    """Return the stored sessions of a user."""
    assert server.manager.flush()
    return [head.session_id for head in server.manager.repository.heads_of(user_id)]


# -- an empty page before the login ----------------------------------------------


@pytest.mark.usefixtures("hers")
def test_the_connection_that_logs_in_gets_what_the_user_left_behind(server: Server) -> None:
    """The browser gets its token, once; an event tells; nothing else becomes the user's."""
    tab = shown(server)
    session = tab.run(user_id="alice")

    assert ("hers", {"work": 1}) == (session.session_id, session.inputs)
    assert session is tab.run(user_id="alice") is tab.run() is tab.enter().current()
    assert "hers" == session_of(tab.cookie)
    assert 2 == len(tab.connection.given)
    assert ["hers"] == [event.session_id for event in server.told(SessionRestored)]
    assert ["hers"] == ids_of(server, "alice")


@pytest.mark.usefixtures("hers")
@pytest.mark.parametrize("at", ["the same server", "another replica"])
def test_a_reload_that_logs_in_gets_what_the_user_left_behind(
    server: Server, open_server: OpenServer, at: str
) -> None:
    """With the cookie of the empty page, here and at a replica."""
    tab = shown(server).reload(
        open_server(FaultyStore(server.store.memory)) if at == "another replica" else None
    )
    session = tab.run(user_id="alice")

    assert ("hers", {"work": 1}) == (session.session_id, session.inputs)
    assert ["hers"] == [session_of(token) for token in tab.connection.given]
    assert ["hers"] == [event.session_id for event in tab.server.told(SessionRestored)]
    assert session is tab.reload().run(user_id="alice")
    assert ["hers"] == ids_of(tab.server, "alice")


def test_who_logs_in_at_the_host_gets_it_too(server: Server) -> None:
    """``st.login`` comes back with a new connection."""
    keep(server, "hers", user_id=ALICE, authenticated=True, inputs={"work": 1})
    tab = shown(server).reload()
    tab.connection.account = ALICE

    assert {"work": 1} == tab.run().inputs


@pytest.mark.usefixtures("hers")
def test_a_page_that_was_never_stored_counts_as_well(server: Server) -> None:
    """The login was faster than the first save."""
    tab = server.tab()
    tab.run()

    assert {"work": 1} == tab.run(user_id="alice").inputs
    assert ["hers"] == ids_of(server, "alice")


@pytest.mark.parametrize("stored", [None, "somebody else's"])
def test_a_user_who_left_nothing_behind_keeps_the_page(server: Server, stored: str | None) -> None:
    """It becomes the user's, under a fresh id."""
    if stored:
        keep(server, stored, user_id=BOB, inputs={"bobs": 1})
    tab = shown(server)
    session = tab.run()
    old_id = session.session_id

    hers = tab.run(user_id="alice")
    assert "alice" == hers.user_id
    assert old_id != hers.session_id == session_of(tab.cookie)
    assert {"note": ""} == hers.inputs


# -- somebody did something before the login -------------------------------------


@pytest.mark.usefixtures("hers")
@pytest.mark.parametrize("by", ["the same connection", "a reload"])
def test_what_was_done_before_the_login_goes_along(server: Server, by: str) -> None:
    """The session becomes the user's as it is; the other one stays stored."""
    tab = shown(server)
    session = tab.run()
    session.set_input("basket", ["apple"])
    tab = tab.reload() if by == "a reload" else tab
    session = tab.run(user_id="alice")

    assert {"note": "", "basket": ["apple"]} == session.inputs
    assert "hers" != session.session_id == session_of(tab.cookie)
    assert {"hers", session.session_id} == set(ids_of(server, "alice"))


@pytest.mark.usefixtures("hers")
def test_the_other_one_can_be_asked_for(server: Server) -> None:
    """By its id, which the list has."""
    tab = shown(server)
    tab.run().set_input("basket", ["apple"])
    tab.run(user_id="alice")

    assert {"work": 1} == tab.run("hers", user_id="alice").inputs


@pytest.mark.usefixtures("hers")
def test_what_a_replica_knows_alone_goes_along(server: Server, open_server: OpenServer) -> None:
    """Another tab's server stored it; this one has not looked since."""
    tab = shown(server)
    other = tab.beside(open_server(FaultyStore(server.store.memory)))
    other.run().set_input("basket", ["apple"])
    assert other.server.manager.flush()
    session = tab.run(user_id="alice")
    server.manager.flush()
    tab.run()

    assert "hers" != session.session_id
    assert {"note": "", "basket": ["apple"]} == session.inputs


@pytest.mark.usefixtures("hers")
def test_what_could_not_be_read_at_first_goes_along(server: Server) -> None:
    """The store was down when the page began: what it has under the cookie joins later."""
    keep(server, "mine", inputs={"basket": ["apple"]})
    tab = server.tab(token_for("mine"))
    server.store.down = True
    tab.run()
    server.store.down = False
    session = tab.run(user_id="alice")
    server.manager.flush()
    tab.run()

    assert {"basket": ["apple"]} == session.inputs


@pytest.mark.usefixtures("hers")
def test_an_id_that_was_asked_for_is_served(server: Server) -> None:
    """The app names the empty page's own session: that one becomes the user's."""
    tab = shown(server)
    session = tab.run()
    session_id = session.session_id
    given = tab.reload().run(session_id, user_id="alice")

    assert session_id == moved_from(server, given)
    assert "alice" == given.user_id


@pytest.mark.usefixtures("hers")
@pytest.mark.parametrize("by", ["the same connection", "a reload"])
def test_who_begins_anew_gets_nothing_back(server: Server, by: str) -> None:
    """The app wants no restore."""
    tab = shown(server)
    tab = tab.reload() if by == "a reload" else tab
    session = tab.run(user_id="alice", restore_from_db=False)

    assert "hers" != session.session_id == session_of(tab.cookie)
    assert "work" not in session.inputs


@pytest.mark.usefixtures("hers")
def test_a_script_keeps_the_session_that_it_named(server: Server, open_server: OpenServer) -> None:
    """It is trusted: an id means that session."""
    script = open_server(FaultyStore(server.store.memory), script=True)
    session = script.manager.bootstrap("named")

    assert session is script.manager.bootstrap("named", "alice")
    assert ("named", {}) == (session.session_id, session.inputs)


@pytest.mark.usefixtures("hers")
def test_a_script_keeps_the_session_that_it_began(server: Server, open_server: OpenServer) -> None:
    """It named none, and says later whose it is."""
    script = open_server(FaultyStore(server.store.memory), script=True)
    session = script.manager.bootstrap()

    assert session is script.manager.bootstrap(user_id="alice")
    assert ("alice", {}) == (session.user_id, session.inputs)


def test_an_empty_session_of_the_users_own_stays(server: Server, hers: UserSession) -> None:
    """Each browser keeps its own: she began this one, and did nothing in it yet."""
    keep(server, "own", user_id="alice")
    hers.last_activity += timedelta(hours=1)
    server.manager.repository.save(hers)
    tab = server.tab(token_for("own"))

    assert "own" == tab.run(user_id="alice").session_id == tab.run(user_id="alice").session_id


# -- two tabs of one browser -----------------------------------------------------


@pytest.mark.usefixtures("hers")
def test_another_tab_goes_on_with_the_page_that_it_shows(server: Server) -> None:
    """Nobody said there who it is; what is typed there later is stored, and not lost."""
    tab = shown(server)
    other = tab.beside()
    empty = other.run()
    hers = tab.run(user_id="alice")

    assert empty is other.run()
    assert [] == other.connection.given
    other.enter().persist_input("basket", ["apple"])
    assert server.manager.flush()
    assert {"note": "", "basket": ["apple"]} == other.reload().run().inputs
    assert {"work": 1} == hers.inputs


@pytest.mark.usefixtures("hers")
def test_what_another_tab_does_at_that_moment_is_stored(server: Server) -> None:
    """Its run began before the login, and what it does without a word is in the save that waits."""
    tab = server.tab()
    tab.run()
    other = tab.beside()
    empty = other.run()
    tab.run(user_id="alice")
    empty.inputs["basket"] = ["apple"]
    assert server.manager.flush()

    stored = server.manager.repository.load(empty.session_id)
    assert stored is not None
    assert {"basket": ["apple"]} == stored.inputs


@pytest.mark.usefixtures("hers")
def test_another_tab_that_logs_in_gets_the_same(server: Server) -> None:
    """One after the other, each from the empty page."""
    tab = shown(server)
    other = tab.beside()
    other.run()

    assert tab.run(user_id="alice") is other.run(user_id="alice")
    assert "hers" == session_of(other.cookie)


@pytest.mark.usefixtures("hers")
def test_what_was_typed_in_another_tab_goes_along(server: Server) -> None:
    """Both show one session, and so it holds something."""
    tab = shown(server)
    other = tab.beside()
    session = other.run()
    other.enter().persist_input("basket", ["apple"])

    session_id = session.session_id
    hers = tab.run(user_id="alice")
    assert session_id == moved_from(server, hers)
    assert ["apple"] == hers.inputs["basket"]


# -- the store is down -----------------------------------------------------------


@pytest.mark.usefixtures("hers")
@pytest.mark.parametrize("call", ["read", "find"])
def test_while_the_store_cannot_be_asked_the_page_becomes_the_users(
    server: Server, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """As it always did; nothing raises, and what the user left behind stays stored."""
    tab = shown(server)
    session = tab.run()
    with monkeypatch.context() as patch:
        if call == "find":
            server.store.down = True
        else:
            patch.setattr(server.store, "failing_reads", 9)
        given = tab.run(user_id="alice")
    server.store.down, server.store.failing_reads = False, 0
    server.manager.flush()

    assert session.session_id == moved_from(server, given)
    assert "alice" == given.user_id
    assert {"hers", given.session_id} == set(ids_of(server, "alice"))


@pytest.mark.parametrize("trouble", ["unavailable", "newer"])
def test_a_page_that_cannot_be_looked_up_becomes_the_users(
    server: Server, hers: UserSession, trouble: str
) -> None:
    """What others have stored in it can't be told, so nothing is left behind."""
    device = server.tab()
    assert hers.session_id == device.run(user_id="alice").session_id
    tab = shown(server)
    session = tab.run()
    if trouble == "unavailable":
        server.store.failing_reads = 1
    else:
        stored = server.store.stored(session.session_id)
        head = attrs.evolve(stored.head, schema_version=SCHEMA_VERSION + 1)
        server.store.memory._sessions[session.session_id] = attrs.evolve(stored, head=head)

    given = tab.run(user_id="alice")
    assert session.session_id == moved_from(server, given)
    assert "alice" == given.user_id


# -- who must not get it ---------------------------------------------------------


@pytest.mark.usefixtures("hers")
@pytest.mark.parametrize("known", ["live", "stored"])
def test_who_planted_the_cookie_of_an_empty_page_gets_nothing(
    server: Server, open_server: OpenServer, known: str
) -> None:
    """By no connection, old or new, here or at a replica; not what follows the login either."""
    attacker = shown(server)
    planted = attacker.cookie
    attacker = attacker.reload() if known == "stored" else attacker
    victim = server.tab(planted)
    victim.run()
    victim.run(user_id="alice").inputs["diary"] = 1
    assert server.manager.flush()

    again = open_server(FaultyStore(server.store.memory)).tab(planted)
    for one in (attacker, server.tab(planted), again):
        given = one.run()
        assert ({"note": ""}, None) == (given.inputs, given.user_id)
        assert session_of(planted) == given.session_id
    assert {"work": 1, "diary": 1} == server.tab(victim.cookie).run().inputs


@pytest.mark.parametrize("owner", [BOB, None])
def test_a_list_that_is_older_than_the_session_gives_nobody_elses(
    server: Server, monkeypatch: pytest.MonkeyPatch, owner: str | None
) -> None:
    """The store lists a session as the user's that is somebody else's, or nobody's, by now."""
    keep(server, "other", user_id=owner, inputs={"diary": 1})
    tab = shown(server)
    listed = next(server.manager.repository.heads())
    monkeypatch.setattr(server.manager.repository, "heads_of", lambda _: iter([listed]))
    session = tab.run(user_id="alice")

    assert ("alice", {"note": ""}) == (session.user_id, session.inputs)


# -- what is worth coming home to ------------------------------------------------


@pytest.mark.usefixtures("hers")
def test_a_login_comes_home_to_the_latest_session_in_which_something_was_done(
    server: Server,
) -> None:
    """Not to the page of a browser that was logged out elsewhere, whose app goes on naming the user."""
    struck_off, current = server.tab(), server.tab()
    assert {"work": 1} == struck_off.run(user_id="alice").inputs
    current.run(user_id="alice")
    assert 1 == current.enter().revoke_sessions("alice", keep_current=True)
    begun = struck_off.run(user_id="alice")
    begun.set_input("note", "")
    assert server.manager.flush()
    assert [begun.session_id, "hers"] == ids_of(server, "alice")

    assert {"work": 1} == server.tab().run(user_id="alice").inputs


def test_where_nothing_was_done_in_any_the_latest_one_is_given(server: Server) -> None:
    """A user has one session more, not one at each login."""
    keep(server, "older", user_id="alice")
    latest = server.tab().run(user_id="alice")
    assert server.manager.flush()

    assert latest.session_id == server.tab().run(user_id="alice").session_id


@pytest.mark.usefixtures("hers")
def test_nobody_gets_it_without_saying_who_it_is(server: Server) -> None:
    """An empty page alone leads nowhere."""
    tab = shown(server)

    assert {"note": ""} == tab.run().inputs == tab.reload().run().inputs


@pytest.mark.usefixtures("hers")
def test_the_empty_page_becomes_nobodys(server: Server) -> None:
    """It is never stored with the user's name, and expires."""
    writes: list[SessionWrite] = []
    tab = shown(server)
    empty = tab.run().session_id
    server.store.on_write = writes.append
    tab.run(user_id="alice").inputs["more"] = 1
    assert server.manager.flush()

    assert {"hers"} == {write.head.session_id for write in writes if write.head.user_id}
    assert server.store.stored(empty).head.user_id is None


@pytest.mark.usefixtures("hers")
def test_a_logout_after_it_shows_nothing_of_the_user(server: Server) -> None:
    """The session ends; the connection begins anew."""
    tab = shown(server)
    tab.run(user_id="alice")
    tab.enter().end_session()
    after: Any = tab.run()

    assert (None, False) == (after.user_id, "work" in after.inputs)
    assert server.store.stored("hers").head.ended


class Table:
    """What arrays and tables do: their truth can't be told."""

    def __bool__(self) -> bool:
        """Raise."""
        raise ValueError


class Basket(list[str]):
    """A list of an app's own, which may hold more than its items."""


UNTOUCHED = [None, "", False, 0, 0.0, -0.0, b"", [], (), {}, set(), frozenset()]

TOUCHED = ["x", True, 1, -0.5, float("nan"), [0], ("",), {"": None}, {0}, Decimal(0), Basket(), Table()]  # fmt: skip


# -- what was done in a session? -----------------------------------------------


def form_of(**fields: Any) -> UserSession:
    """Return a session with a form."""
    return UserSession(form_states={"f": FormState(form_id="f", **fields)})


def test_a_new_session_is_blank() -> None:
    """Nobody did anything."""
    assert is_blank(UserSession())


@pytest.mark.parametrize("value", UNTOUCHED, ids=repr)
def test_an_untouched_widget_leaves_a_session_blank(value: object) -> None:
    """A page stores what its widgets return, and nobody typed; in a form likewise."""
    assert is_blank(UserSession(inputs={"a": "", "b": value}))
    assert is_blank(form_of(data={"a": "", "b": value}))


@pytest.mark.parametrize("value", TOUCHED, ids=lambda value: type(value).__name__)
def test_any_other_value_is_something(value: object) -> None:
    """Also one that is empty, if its type is not known: in doubt somebody did it."""
    assert not is_blank(UserSession(inputs={"a": "", "b": value}))
    assert not is_blank(form_of(data={"a": "", "b": value}))


class Pages(LocalHost):
    """A host whose pages note things, and have a field called ``shown``."""

    notes = "pages"

    def is_only_shown(self, session: UserSession, key: str) -> bool:
        """Return whether it is that field."""
        return (session.inputs[key], key) == ("main", "shown")


def test_a_host_knows_more_of_what_was_only_shown() -> None:
    """Whatever the value; what it notes is nothing that users did, what others note is."""
    session = UserSession(inputs={"shown": "main", "a": ""}, extensions={"pages": {"seen": 1}})
    assert is_blank(session, Pages())
    assert not is_blank(session, LocalHost())
    assert not is_blank(session)
    assert not is_blank(UserSession(inputs={"other": "main"}), Pages())
    assert not is_blank(UserSession(extensions={"other": 1}), Pages())


def test_visits_leave_a_session_blank() -> None:
    """Each page notes them as it is shown; how a form is set up is the page's doing, too."""
    session = UserSession(user_id="ada", max_history_size=5)
    session.add_navigation("login", {"from": "shop"})
    session.set_input("note", "")
    form = session.get_form_state("f")
    form.auto_save, form.max_snapshots = False, 3
    session.touch()

    assert is_blank(session)


@pytest.mark.parametrize(
    "fields",
    [
        {"roles": {"admin"}},
        {"permissions": {"read"}},
        {"extensions": {"plugin": {}}},
        {"cache_keys": {"key"}},
        {"cache_dependencies": {"key": set()}},
        {"cache_invalidations": {"1": "orders"}},
        {"unknown": {"core": {"later": 1}}},
        {"theme": "dark"},
        {"language": "en"},
        {"timezone": "UTC"},
        {"form_states": {"f": "no form"}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_all_else_is_something(fields: dict[str, Any]) -> None:
    """Somebody, or something, put it there."""
    assert not is_blank(UserSession(**fields))


def test_what_can_not_be_read_here_is_something() -> None:
    """Somebody put it there, with a release that can."""
    unread = Opaque("enum", ["m.Size", "LARGE"], "not registered")

    assert not is_blank(UserSession.from_dict({"inputs": {"size": unread}}))


def _snapshot(form: FormState) -> None:
    form.snapshot()


def _undo(form: FormState) -> None:
    form.data = {"a": 1}
    form.snapshot()
    form.data = {}
    form.undo()
    form.data, form.snapshots = {}, []


def _complain(form: FormState) -> None:
    form.errors["a"] = ["is needed"]


def _know_more(form: FormState) -> None:
    form.unknown["later"] = 1


def _hold_unread(form: FormState) -> None:
    form.unreadable["data", "size"] = SetAside(1, ())


@pytest.mark.parametrize("work", [_snapshot, _undo, _complain, _know_more, _hold_unread])
def test_work_in_a_form_is_something(work: Callable[[FormState], None]) -> None:
    """Steps, steps taken back, errors, what a newer release keeps, and what can't be read here."""
    session = form_of()
    work(session.form_states["f"])

    assert not is_blank(session)


def test_each_field_of_a_session_was_thought_of() -> None:
    """A field that is new either holds what somebody did or does not: say so here."""
    counted = {"roles", "permissions", "inputs", "form_states", "cache_keys", "cache_dependencies"}
    counted |= {"cache_invalidations"}
    counted |= {"theme", "language", "timezone", "extensions", "unknown", "unreadable"}
    passed_over = {"activity", "session_id", "user_id", "authenticated", "dirty_forms", "lock"}
    passed_over |= {"navigation_history", "page_views", "interaction_count", "max_history_size"}
    passed_over |= {
        "created_at",
        "last_activity",
        "version",
        "save_id",
        "forms_asked_for",
        "owned_at",
    }
    passed_over |= {
        "change_times",
        "not_kept",
        "held_by",
        "origin",
        "provisional",
        "unused",
        "ended",
        "never",
        "privacy",
        "encoded_by",
        "encoded_size",
        "cached_functions",  # the page tied them
        "states",  # what is in them lies in ``extensions`` when a session is judged
    }

    assert counted | passed_over == {field.name for field in attrs.fields(UserSession)}
