# SPDX-License-Identifier: Apache-2.0
"""Live sessions get a fresh id: by rotate_session(), and when a user logs in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from session_harness.servers import Server, Tab, session_of, token_for
from session_harness.stores import LANDED, LOST, PATIENCE, FaultyStore, Gate
from session_harness.visitors import ALICE, BOB, keep

from sessionkit.errors import RejectedError, SessionGoneError, UnavailableError
from sessionkit.events import SaveFailed, SessionGone, SessionRotated, log_event
from sessionkit.manager.claims import connected_session
from sessionkit.manager.lifecycle import LiveRotation
from sessionkit.persistence import SessionPersistence
from sessionkit.records import SessionWrite
from sessionkit.repository.tracks import Owner
from sessionkit.session import UserSession
from sessionkit.session.devices import BrowserInfo

OpenServer = Callable[..., Server]


def replica_of(server: Server, open_server: OpenServer, **keywords: Any) -> Server:
    """Return another server over the same memory."""
    return open_server(FaultyStore(server.store.memory), **keywords)


def rotate(tab: Tab) -> UserSession:
    """Have the tab's script rotate its session."""
    return tab.enter().rotate_session()


def ended(server: Server, session_id: str) -> bool:
    """Return whether an id holds a tombstone, and nothing else."""
    stored = server.store.stored(session_id)
    return stored.head.ended and not stored.parts


# -- rotate_session() ----------------------------------------------------------


def test_the_session_goes_on_in_another_object_and_the_browser_gets_the_new_token(
    server: Server,
) -> None:
    """All its state is stored under the new id, and the old one is ended."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    session.inputs["unsaved"] = 1

    former, session = session, rotate(tab)

    assert former is not session
    assert old_id != session.session_id == session_of(tab.cookie)
    assert ended(server, old_id)
    found = server.manager.repository.load(session.session_id)
    assert found is not None
    assert {"unsaved": 1} == found.inputs
    assert [(session.session_id, old_id)] == [
        (event.session_id, event.old_id) for event in server.told(SessionRotated)
    ]


def test_the_connection_goes_on_with_it(server: Server) -> None:
    """Though it shows the token that it was opened with; the browser is told once."""
    tab = server.visited()
    tab.run()
    session = rotate(tab)
    session.inputs["more"] = 2

    assert session is tab.run() is tab.enter().current()
    assert server.manager.flush()
    assert 1 == len(tab.connection.given)
    assert {"more": 2} == tab.reload().run().inputs


def test_a_connection_without_a_session_gets_one(server: Server) -> None:
    """It is bootstrapped first."""
    tab = server.tab()

    assert rotate(tab) is tab.run()


def test_a_save_that_waits_goes_to_the_new_id(server: Server) -> None:
    """And leaves nothing behind in the queue."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    session.inputs["a"] = 1
    server.manager.schedule_save(session)
    session = rotate(tab)
    session.inputs["b"] = 2
    server.manager.schedule_save(session)
    assert server.manager.flush()

    assert not server.manager.is_pending(old_id)
    assert not server.manager.is_pending(session.session_id)
    assert ended(server, old_id)
    found = server.manager.repository.load(session.session_id)
    assert found is not None
    assert {"a": 1, "b": 2} == found.inputs


def test_a_save_in_flight_lands_before_the_move(server: Server) -> None:
    """The writer is in the middle of it: the rotation waits, and nothing is written under the old id after."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    gate = server.store.on_write = Gate()
    session.inputs["a"] = 1
    server.manager.schedule_save(session)
    server.manager.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    server.store.on_write = lambda _: None
    gate.opened.set()

    session = rotate(tab)
    assert server.manager.flush()

    written = [write.head.session_id for write in server.store.writes]
    assert [old_id, session.session_id, old_id] == written[-3:]
    assert ended(server, old_id)


def test_a_stale_cookie_begins_anew(server: Server, open_server: OpenServer) -> None:
    """Here and at another replica."""
    tab = server.visited()
    stale = tab.cookie
    session = tab.run()
    session.inputs["diary"] = 1
    session = rotate(tab)

    for other in (server, replica_of(server, open_server)):
        stranger = other.tab(stale)
        given = stranger.run()
        assert {} == given.inputs
        assert session.session_id != given.session_id == session_of(stranger.cookie)


def test_another_tab_that_knows_the_old_token_alone_begins_anew(server: Server) -> None:
    """It may be whoever planted or took the old one; it gets nothing by any door."""
    tab = server.visited()
    other_tab = tab.beside()
    session = tab.run()
    assert session is other_tab.run()
    session = rotate(tab)
    session.inputs["diary"] = 1

    assert session is not other_tab.enter().current()
    assert session is not other_tab.run()
    other_tab.enter().persist_input("mine", 2)
    assert {"diary": 1} == session.inputs


def test_another_tab_that_shows_the_new_token_goes_on(server: Server) -> None:
    """It is the same browser's: the cookie is shared."""
    tab = server.visited()
    other_tab = tab.beside()
    tab.run()
    other_tab.run()
    session = rotate(tab)
    other_tab.connection.presented = tab.cookie

    assert session is other_tab.run()
    assert [] == other_tab.connection.given


def test_another_tab_of_the_owner_goes_on(server: Server) -> None:
    """It says who is there, and is told the new token."""
    tab = server.tab(account=ALICE)
    session = tab.run()
    other_tab = tab.beside()
    assert session is other_tab.run()
    session = rotate(tab)

    assert session is other_tab.run()
    assert session.session_id == session_of(other_tab.cookie)
    other_tab.enter().end_session()
    assert ended(server, session.session_id)


def test_an_owners_other_tab_can_log_out_at_once(server: Server) -> None:
    """By a callback, which runs before the page asks for its session."""
    tab = server.tab(account=ALICE)
    tab.run()
    other_tab = tab.beside()
    other_tab.run()
    session = rotate(tab)
    other_tab.enter().end_session()

    assert ended(server, session.session_id)


def test_a_tab_at_another_replica_finds_the_old_id_ended(
    server: Server, open_server: OpenServer
) -> None:
    """Its late save is not stored. It begins anew, or by the token that its browser has now."""
    tab = server.visited()
    tab.run()
    elsewhere = replica_of(server, open_server)
    two, three = tab.beside(elsewhere), tab.beside(elsewhere)
    late = two.run()
    assert late is three.run()
    old_id = late.session_id
    late.inputs["late"] = 1
    session = rotate(tab)
    elsewhere.manager.schedule_save(late)
    elsewhere.manager.flush()

    assert ended(server, old_id)
    three.connection.presented = tab.cookie
    assert session.session_id == three.run().session_id
    assert session.session_id != two.run().session_id
    assert {} == two.run().inputs


def test_a_store_that_is_down_changes_nothing(server: Server) -> None:
    """The same id, the same token; it works when the store is back."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    server.store.down = True
    with pytest.raises(UnavailableError):
        rotate(tab)
    assert (old_id, []) == (session.session_id, tab.connection.given)
    assert session is tab.run()
    server.store.down = False
    rotate(tab)

    assert ended(server, old_id)


def test_a_copy_that_may_have_been_stored_is_ended(server: Server) -> None:
    """The answer for the new id was lost: the user must not find a second session."""
    tab = server.tab(account=ALICE)
    session = tab.run()
    assert server.manager.flush()
    server.store.next_writes(LANDED)
    with pytest.raises(UnavailableError):
        rotate(tab)
    server.manager.flush()

    heads = server.manager.repository.heads_of(ALICE)
    assert [session.session_id] == [head.session_id for head in heads]


@pytest.mark.parametrize("fate", [LANDED, LOST])
def test_the_end_of_the_old_id_is_repeated_by_itself(
    server: Server, open_server: OpenServer, fate: str
) -> None:
    """The session has moved; in this process the old id counts as ended from the start."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    session.inputs["diary"] = 1
    server.manager.save(session, immediate=True)
    server.store.next_writes(None, fate)
    session = rotate(tab)
    assert old_id != session.session_id == session_of(tab.cookie)
    assert {} == server.tab(token_for(old_id)).run().inputs

    server.store.down = True
    server.manager.flush()
    server.store.down = False
    assert server.manager.flush()

    assert ended(server, old_id)
    assert 1 == len(server.told(SessionRotated))
    assert set() == server.manager._live._former_ids
    assert {} == replica_of(server, open_server).tab(token_for(old_id)).run().inputs


def test_a_session_that_another_thread_moves_is_ended_all_the_same(server: Server) -> None:
    """The end follows it to its new id."""
    tab = server.visited()
    session = tab.run()
    repository = server.manager.repository
    end = repository.end

    def rotate_first(session_id: str, *args: Any, **keywords: Any) -> bool:
        if session.session_id == session_id and not server.told(SessionRotated):
            server.manager._rotation.rotate(session)
        return end(session_id, *args, **keywords)

    repository.end = rotate_first  # type: ignore[method-assign]
    tab.enter().end_session()

    assert [True, True] == [
        ended(server, one)
        for one in (session.session_id, server.told(SessionRotated)[0].session_id)
    ]


def test_a_script_rotates_too(script: Server) -> None:
    """There is no token; the old name leads to a fresh session in the next process."""
    session = script.manager.bootstrap("s")
    session.inputs["a"] = 1
    session = script.manager.rotate_session()

    assert "s" != session.session_id
    assert session is script.manager.bootstrap("s")
    assert ended(script, "s")
    assert script.manager.recover("s") is None
    assert session is script.manager.recover(session.session_id)


def test_logs_show_neither_id(caplog: pytest.LogCaptureFixture) -> None:
    """Ids are secrets in full."""
    event = SessionRotated(session_id="n" * 22, old_id="o" * 22)
    with caplog.at_level(logging.DEBUG, logger="sessionkit"):
        log_event(event)

    assert "n" * 9 not in caplog.text
    assert "o" * 9 not in caplog.text
    assert "o" * 8 in caplog.text


def test_a_queued_session_may_change_its_id(persistence: SessionPersistence) -> None:
    """It stays one place in the queue, found under the id that it has."""
    session = UserSession(session_id="old")
    persistence.schedule_save("old", session)
    session.session_id = "new"
    persistence.schedule_save("new", session)

    assert not persistence.is_pending("old")
    assert persistence.is_pending("new")
    assert persistence.flush("new")
    assert not persistence.is_pending("new")


# -- who does not follow -------------------------------------------------------


def log_in(tab: Tab) -> UserSession:
    """Have the tab's user logged in."""
    return tab.run(user_id="alice")


MOVES = pytest.mark.parametrize("move", [rotate, log_in])
Move = Callable[[Tab], UserSession]


def fill(session: UserSession) -> list[Any]:
    """Put something into each container of a session; return what a script may have taken out of it."""
    session.inputs["basket"] = ["apple"]
    session.roles.add("clerk")
    session.extensions["plugin"] = {"a": 1}
    session.add_cache_key("rows", ["table"])
    session.invalidate("table")
    form = session.get_form_state("order")
    form.data["city"] = "Ghent"
    form.errors["city"] = ["is far"]
    snapshot = form.snapshot("before")
    session.add_navigation("cart")
    session.mark_form_dirty("order")
    held = [session.inputs, session.roles, session.extensions, session.cache_keys]
    held += [session.cache_invalidations]
    held += [session.cache_dependencies, session.navigation_history, session.page_views]
    held += [session.form_states, session.dirty_forms, form.data, form.errors, snapshot.data]
    return held


@MOVES
@pytest.mark.parametrize("down", [False, True])
def test_who_does_not_follow_loses_the_object(server: Server, move: Move, *, down: bool) -> None:
    """A fragment or a loop of another connection that has the old token: it reads and writes nothing any more."""
    tab = server.visited()
    attacker = tab.beside()
    stolen = attacker.run()
    held = fill(tab.run())
    assert server.manager.flush()
    server.store.down = down and move is log_in
    session = move(tab)
    session.inputs["basket"].append("CREDIT-CARD")
    session.inputs["card"] = "CREDIT-CARD"
    server.store.down = False

    assert stolen.ended
    assert (None, []) == (stolen.user_id, [one for one in held if one])
    assert None is connected_session(attacker.connection.state)
    assert () == server.manager.decisions(stolen)
    stolen.inputs["basket"] = "ATTACKER"
    held[0]["more"] = "ATTACKER"
    server.manager.schedule_save(stolen)
    server.manager.flush()

    assert {"basket": ["apple", "CREDIT-CARD"], "card": "CREDIT-CARD"} == session.inputs
    assert "ATTACKER" not in repr([write.put for write in server.store.writes])
    assert ["moved"] == [event.reason for event in server.told(SessionGone)]
    assert {} == stolen.inputs
    fresh = attacker.run()
    assert fresh not in {session, stolen}
    assert {} == fresh.inputs


@MOVES
def test_all_that_a_session_holds_moves(server: Server, move: Move) -> None:
    """As it was, unsaved changes too; none of it is shared with the old object."""
    tab = server.visited()
    former = tab.run()
    fill(former)
    basket = former.inputs["basket"]
    before = deepcopy(former.to_dict())
    session = move(tab)
    basket.append("LATER")

    changed = {"session_id", "user_id", "version", "save_id", "last_activity"}
    after = session.to_dict()
    after["extensions"].pop("sessionkit.devices", None)  # a login lists the browser
    assert {key: value for key, value in before.items() if key not in changed} == {
        key: value for key, value in after.items() if key not in changed
    }


@MOVES
def test_a_save_of_what_has_moved_says_what_to_go_on_with(server: Server, move: Move) -> None:
    """At once, where the app asks for it at once."""
    tab = server.visited()
    former = tab.run()
    move(tab)

    with pytest.raises(SessionGoneError, match="go on with the session that bootstrap_session"):
        server.manager.save(former, immediate=True)
    with pytest.raises(SessionGoneError, match="moved"):
        server.manager._rotation.rotate(former)


def test_what_another_thread_changes_while_the_new_id_is_stored_moves_along(
    server: Server,
) -> None:
    """The session's other tab is at work in that very moment."""
    tab = server.visited()
    former = tab.run()
    server.store.on_write = lambda _: former.inputs.setdefault("late", [1])
    session = rotate(tab)
    server.store.on_write = lambda _: None

    assert {"late": [1]} == session.inputs
    assert server.manager.flush()
    found = server.manager.repository.load(session.session_id)
    assert found is not None
    assert {"late": [1]} == found.inputs


def test_an_owners_other_tab_follows_however_often_it_moves(server: Server) -> None:
    """It was left open all the time."""
    tab = server.visited()
    left_open = tab.beside()
    left_open.run()
    log_in(tab)
    hers = log_in(left_open)
    for _ in range(2):
        session = rotate(tab)

    assert hers.ended
    assert session is log_in(left_open) is log_in(tab)
    assert session.session_id == session_of(left_open.cookie)


def test_an_attackers_button_rotates_a_session_of_its_own(server: Server) -> None:
    """While the victim logs in, the attacker's tab calls rotate_session(), too."""
    tab = server.visited()
    attacker = tab.beside()
    stolen = attacker.run()
    current = server.manager.current

    def log_in_first() -> UserSession:
        session = current()
        if not stolen.ended:
            log_in(tab).inputs["diary"] = 1
            attacker.enter()
        return session

    server.manager.current = log_in_first  # type: ignore[method-assign]
    given = rotate(attacker)

    assert (None, {}) == (given.user_id, given.inputs)


# -- a login -------------------------------------------------------------------


def test_a_login_moves_the_session_to_an_id_that_nobody_knew(server: Server) -> None:
    """What was done before stays; the old id is ended, and was never the user's."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    session.inputs["basket"] = 3
    tab.connection.account = ALICE

    session = tab.run()
    assert old_id != session.session_id == session_of(tab.cookie)
    assert server.manager.flush()

    assert ended(server, old_id)
    owners = [w.head.user_id for w in server.store.writes if w.head.session_id == old_id]
    assert {None} == set(owners)
    assert {"basket": 3} == server.tab(tab.cookie, ALICE).run().inputs


@pytest.mark.parametrize("known", ["live", "stored", "nothing"])
def test_who_planted_a_cookie_gets_nothing_of_the_user(
    server: Server, open_server: OpenServer, known: str
) -> None:
    """The attack that fixes a session: the app vouches for the user, so the cookie alone would do."""
    attacker = server.tab()
    planted = token_for("planted")
    attacker.connection.presented = planted
    if known != "nothing":
        attacker.run()
        assert server.manager.flush()
    if known == "stored":
        attacker = server.tab(planted)
    victim = server.tab(planted)
    victim.run(user_id="alice").inputs["diary"] = 1
    server.manager.flush()

    again = replica_of(server, open_server).tab(planted)
    for one in (attacker, server.tab(planted), again):
        given = one.run()
        assert ({}, None) == (given.inputs, given.user_id)
    assert {"diary": 1} == server.tab(victim.cookie).run().inputs


def test_a_login_writes_once_before_the_page_goes_on(server: Server) -> None:
    """The new id; the old one's end is left to the writer."""
    tab = server.visited()
    tab.run()
    tab.connection.account = ALICE
    server.store.calls.clear()
    session = tab.run()

    writes = [write.head.session_id for write in server.store.writes]
    assert [session.session_id] == writes[-server.store.calls.count("write") :]


def test_a_login_to_what_was_never_stored_waits_for_no_store(server: Server) -> None:
    """A crash would lose no more than it does anyway."""
    tab = server.tab()
    tab.run()
    tab.connection.account = ALICE
    tab.run()

    assert "write" not in server.store.calls


def test_a_first_visit_of_a_known_user_begins_under_a_fresh_id(server: Server) -> None:
    """The cookie came with the page; others may have known it before the login."""
    tab = server.tab(token_for("came-with-the-page"), ALICE)
    session = tab.run()

    assert "came-with-the-page" != session.session_id == session_of(tab.cookie)
    assert server.manager.flush()
    assert 1 == len(list(server.manager.repository.heads()))


def test_a_login_while_the_store_is_down_moves_in_memory(server: Server) -> None:
    """The user's name never reaches the old id; all is stored when the store is back."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    session.inputs["basket"] = 3
    server.store.down = True
    tab.connection.account = ALICE

    session = tab.run()
    assert old_id != session.session_id == session_of(tab.cookie)
    server.manager.flush()
    server.store.down = False
    server.manager.flush()

    assert ended(server, old_id)
    assert ALICE == server.store.stored(session.session_id).head.user_id
    assert {"basket": 3} == server.tab(tab.cookie, ALICE).run().inputs
    assert all(event.retrying for event in server.told(SaveFailed))


def test_nothing_of_the_user_goes_out_with_a_write_in_doubt(server: Server) -> None:
    """A write was on its way under the old id when the user logged in."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    session.inputs["basket"] = 3
    server.store.next_writes(LOST)
    server.manager.schedule_save(session)
    server.manager.flush()
    tab.connection.account = ALICE
    tab.run()
    assert server.manager.flush()

    owners = {w.head.user_id for w in server.store.writes if w.head.session_id == old_id}
    assert {None} == owners
    assert ended(server, old_id)


def test_the_old_id_is_not_ended_before_the_new_one_is_stored(server: Server) -> None:
    """The store refuses the session under its new id: what it was is still there."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id

    def refuse(write: SessionWrite) -> None:
        if write.head.session_id != old_id:
            msg = "the disk is full"
            raise RejectedError(msg)

    server.store.on_write = refuse
    tab.connection.account = ALICE
    tab.run()
    server.manager.flush()

    assert not server.store.stored(old_id).head.ended


def test_a_new_id_that_was_revoked_at_once_takes_the_old_one_with_it(
    server: Server, open_server: OpenServer
) -> None:
    """Somebody logged out everywhere before the old id was ended."""
    tab = server.visited()
    session = tab.run()
    old_id = session.session_id
    tab.connection.account = ALICE
    session = tab.run()
    replica_of(server, open_server).manager.repository.end(session.session_id)
    session.inputs["late"] = 1
    server.manager.flush()

    assert ended(server, old_id)
    assert ended(server, session.session_id)
    assert set() == server.manager._live._former_ids


def test_a_login_before_the_store_could_be_opened(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never answered since the process began; what is there joins the session later."""
    other = Server(server.store)
    keep(other, "s", inputs={"basket": 3})
    tab = server.tab(token_for("s"))

    def unavailable(*_: object, **__: object) -> None:
        msg = "the store is down"
        raise UnavailableError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(server.manager.plugins, "open_storage", unavailable)
        session = tab.run()
        tab.connection.account = ALICE
        session = tab.run()
        assert "s" != session.session_id == session_of(tab.cookie)
    assert server.manager.flush()
    tab.run()

    assert ended(server, "s")
    assert ({"basket": 3}, ALICE) == (session.inputs, session.user_id)
    other.manager.close()


def test_a_login_before_the_store_could_be_asked(server: Server) -> None:
    """What was stored under the cookie's id joins the session at its new one."""
    keep(server, "s", inputs={"basket": 3})
    tab = server.tab(token_for("s"))
    server.store.down = True
    session = tab.run()
    session.inputs["more"] = 1
    tab.connection.account = ALICE
    session = tab.run()
    server.store.down = False
    server.manager.flush()
    assert session is tab.run()

    assert ended(server, "s")
    assert ({"basket": 3, "more": 1}, ALICE) == (session.inputs, session.user_id)


def test_a_known_users_session_from_an_outage_moves_when_the_store_is_back(
    server: Server, open_server: OpenServer
) -> None:
    """It was begun under the cookie's id, since it might have been the user's own."""
    other = replica_of(server, open_server)
    tab = other.tab(token_for("s"), ALICE)
    other.store.down = True
    session = tab.run()
    assert "s" == session.session_id
    other.store.down = False
    other.manager.flush()
    session = tab.run()
    other.manager.flush()

    assert "s" != session.session_id == session_of(tab.cookie)
    assert ended(server, "s")
    assert session is tab.run()
    assert 1 == len(tab.connection.given)


def test_a_second_login_does_not_move_it_again(server: Server) -> None:
    """The user is its owner already."""
    tab = server.tab(account=ALICE)
    session = tab.run()
    session_id = session.session_id

    assert session is tab.run() is tab.reload().run()
    assert session_id == session.session_id


def test_whom_another_tab_was_faster_than_gets_a_session_of_their_own(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice and Bob log in at the same moment with one cookie: neither gets the other's."""
    tab = server.visited()
    tab.run()
    bind = LiveRotation.bind
    bobs: list[UserSession] = []

    def bob_first(
        rotation: LiveRotation, moving: UserSession, owner: Owner | None, *more: BrowserInfo
    ) -> UserSession | None:
        moved = bind(rotation, moving, Owner(BOB, authenticated=True))
        assert moved is not None
        moved.inputs["bobs"] = 1
        bobs.append(moved)
        return bind(rotation, moving, owner, *more)

    monkeypatch.setattr(LiveRotation, "bind", bob_first)
    tab.connection.account = ALICE
    hers = tab.run()

    assert (BOB, {"bobs": 1}) == (bobs[0].user_id, bobs[0].inputs)
    assert (ALICE, {}) == (hers.user_id, hers.inputs)


def test_a_script_binds_without_moving(script: Server) -> None:
    """Who runs it named the id."""
    session = script.manager.bootstrap("s", "alice")

    assert ("s", "alice") == (session.session_id, session.user_id)
    assert "s" == script.manager.bootstrap("s", "alice").session_id
