# SPDX-License-Identifier: Apache-2.0
"""Each device that a user logs in at is known for itself: it has a token of its own, and what is not listed opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from session_harness.replicas import Clock
from session_harness.servers import LATER, SECRET, Server, Tab, token_for
from session_harness.stores import FaultyStore
from session_harness.visitors import ALICE, keep

from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.events import SessionGone
from sessionkit.session import UserSession
from sessionkit.session.devices import devices_of, list_device, strike_off
from sessionkit.session.fields import utc_now
from sessionkit.tokens import Tokens

OpenServer = Callable[..., Server]

AT_ONCE = attrs.evolve(LATER, refresh_interval_ms=0)
"""Each rerun looks for what others have saved."""


def replica_of(server: Server, open_server: OpenServer) -> Server:
    """Return another server over the same memory."""
    return open_server(FaultyStore(server.store.memory), persistence=AT_ONCE)


def device_in(token: str | None) -> str | None:
    """Return the device that a cookie names."""
    return Tokens(SECRET).inspect(token).device_id


def log_in(server: Server, user_id: str = "ada") -> Tab:
    """Return a tab of another browser, at which a user has logged in."""
    tab = server.tab()
    tab.run()
    tab.run(user_id=user_id)
    tab.run(user_id=user_id)
    return tab


@pytest.fixture(name="home")
def _home(server: Server) -> Tab:
    """Return a tab at home: Ada's session, with something of hers in it."""
    tab = log_in(server)
    tab.run().inputs["note"] = "hers"
    assert server.manager.flush()
    return tab


@pytest.fixture(name="cafe", params=["one replica", "two replicas"])
def _cafe(home: Tab, open_server: OpenServer, request: pytest.FixtureRequest) -> Tab:
    """Return a tab at a public computer, where Ada has logged in as well."""
    server = home.server
    there = server if request.param == "one replica" else replica_of(server, open_server)
    tab = log_in(there)
    assert there.manager.flush()
    assert "hers" == tab.run().inputs["note"]
    return tab


def note_at(tab: Tab, user_id: str | None = None) -> object:
    """Run the page, which names a user or says nothing; return what it shows of Ada's note."""
    said = {} if user_id is None else {"user_id": user_id}
    return tab.run(**said).inputs.get("note")


# -- a login -------------------------------------------------------------------


def test_each_device_gets_a_token_of_its_own(home: Tab, cafe: Tab) -> None:
    """They share the session's data, and neither knows the other's token."""
    assert home.cookie != cafe.cookie
    assert "hers" == note_at(home.beside()) == note_at(cafe.beside())
    assert home.run().session_id == cafe.run().session_id


def test_each_device_is_listed(home: Tab, cafe: Tab) -> None:
    """Since when, when it was last seen, and which one is asking."""
    listed = home.enter().list_sessions("ada")

    assert {device_in(home.cookie), device_in(cafe.cookie)} == {
        one.device.device_id for one in listed if one.device
    }
    (mine,) = [one for one in listed if one.current]
    assert mine.device is not None
    assert device_in(home.cookie) == mine.device_id
    assert mine.device.since <= mine.device.last_seen <= utc_now()


@pytest.mark.usefixtures("home")
def test_what_the_browser_had_before_a_login_opens_nothing_of_the_user(server: Server) -> None:
    """At the first binding, and where a stored session comes home."""
    for user_id in ("ada", "eve"):
        tab = server.tab()
        tab.run()
        before = tab.cookie
        tab.run(user_id=user_id)
        assert server.manager.flush()

        assert before != tab.cookie
        assert (None, {}) == (server.tab(before).run().user_id, server.tab(before).run().inputs)


@pytest.mark.parametrize("between", [None, "eve"])
def test_a_login_again_at_the_same_browser_gives_another_token(
    server: Server, home: Tab, between: str | None
) -> None:
    """After the app has named nobody, or somebody else; whoever took the old one has nothing."""
    tab = home.reload()
    tab.run(user_id=between)
    before = home.cookie
    tab.run(user_id="ada")
    assert server.manager.flush()

    assert before != tab.cookie
    assert "hers" == note_at(server.tab(tab.cookie))
    assert None is note_at(server.tab(before))
    assert 1 == len(tab.enter().list_sessions("ada"))


def test_another_tab_of_the_browser_goes_on_where_the_app_names_the_user(
    server: Server, home: Tab
) -> None:
    """After a login in the first one; by the same token, so that neither takes the other's away."""
    tab, left_open = home.reload(), home.beside()
    left_open.run(user_id="ada")
    tab.run()
    tab.run(user_id="ada")
    tab.run(user_id="ada")

    for _ in range(2):
        assert "hers" == note_at(left_open, "ada")
    assert tab.cookie == left_open.cookie
    assert "hers" == note_at(server.tab(tab.cookie))


def test_another_tab_of_the_browser_begins_anew_where_the_app_names_nobody(home: Tab) -> None:
    """It shows no more than the old token, which may be anybody's; a reload brings it back."""
    tab, left_open = home.reload(), home.beside()
    left_open.run()
    tab.run()
    tab.run(user_id="ada")

    assert None is note_at(left_open)
    assert "hers" == note_at(tab.beside())


def test_a_reload_is_no_login(home: Tab) -> None:
    """Whether or not the app names the user from the first run on: no new token, no write."""
    tab = home.reload()
    home.server.store.calls.clear()
    for user_id in (None, "ada"):
        other = home.server.tab(home.cookie)
        other.run(user_id=user_id)
        other.run(user_id=user_id)
        assert home.server.manager.flush()
        assert [] == other.connection.given
    assert "write" not in home.server.store.calls
    assert tab.run().user_id == "ada"


def test_last_seen_is_noted_once_an_hour(open_server: OpenServer, clock: Clock) -> None:
    """A rerun that changes nothing costs no write."""
    server = open_server(now=clock)
    tab = log_in(server)
    assert server.manager.flush()
    began = clock()
    for minutes, seen in ((59, began), (2, began + timedelta(minutes=61))):
        clock.advance(minutes=minutes)
        tab.run()
        (device,) = (devices_of(tab.run()) or {}).values()
        assert (began, seen) == (device.since, device.last_seen)


def test_users_whom_the_host_knows_need_no_device(server: Server) -> None:
    """The cookie alone opens nothing of theirs, whoever holds it."""
    tab = server.visited()
    tab.connection.account = ALICE
    session = tab.run()

    assert device_in(tab.cookie) is None
    assert devices_of(session) is None
    assert [None] == [one.device_id for one in server.manager.list_sessions(ALICE)]


def test_a_session_that_an_earlier_release_stored_gets_its_list(server: Server) -> None:
    """Its token opens it once more; then the browser has another one."""
    keep(server, "s", user_id="ada", inputs={"note": "hers"})
    tab = server.tab(token_for("s"))

    assert "hers" == note_at(tab)
    assert device_in(tab.cookie) is not None
    assert "hers" == note_at(server.tab(tab.cookie))
    assert None is note_at(server.tab(token_for("s")))


def test_a_token_of_another_device_opens_nothing(server: Server, home: Tab) -> None:
    """A device that is not listed, and none at all."""
    session_id = home.run().session_id
    for device_id in (None, "another"):
        token = Tokens(SECRET).issue(session_id, device_id)
        assert None is note_at(server.tab(token))
        assert None is server.tab(token).enter().recover(session_id)


def test_a_rotation_lists_the_callers_device_alone(server: Server, home: Tab, cafe: Tab) -> None:
    """The tokens of the others name an id that has ended."""
    before = cafe.cookie
    home.enter().rotate_session()
    assert server.manager.flush()

    assert None is note_at(server.tab(before))
    assert [device_in(home.cookie)] == list(devices_of(home.run()) or {})
    assert "hers" == note_at(home.reload())


# -- log out everywhere else ---------------------------------------------------


@pytest.mark.parametrize("user_id", [None, "ada"])
def test_log_out_everywhere_else(home: Tab, cafe: Tab, user_id: str | None) -> None:
    """Also where the devices share the session's data, and where an open tab's app goes on naming the user."""
    stolen = cafe.connection.presented, cafe.cookie
    assert 1 == home.enter().revoke_sessions("ada", keep_current=True)

    assert [True] == [one.current for one in home.enter().list_sessions("ada")]
    assert "hers" == note_at(home) == note_at(home.beside())
    cafe.run(user_id=user_id)
    assert None is note_at(cafe, user_id)
    for token in stolen:
        assert None is note_at(cafe.server.tab(token))


def test_what_a_struck_off_device_holds_is_empty(server: Server, home: Tab) -> None:
    """A fragment or a loop there reads and writes nothing more of the session."""
    cafe = log_in(server)
    stolen = cafe.run(user_id="ada")
    inputs = stolen.inputs
    home.enter().revoke_sessions("ada", keep_current=True)
    session = home.run()
    session.inputs["card"] = "CREDIT-CARD"
    inputs["attack"] = stolen.inputs["attack"] = 1
    server.manager.schedule_save(stolen)
    server.manager.flush()

    assert stolen.ended
    assert session is not stolen
    assert {"note": "hers", "card": "CREDIT-CARD"} == session.inputs


def test_one_device_can_be_chosen(server: Server, home: Tab, cafe: Tab) -> None:
    """By its id, as the list shows it; the others stay."""
    third = log_in(server)
    assert server.manager.flush()
    chosen = device_in(cafe.cookie)
    assert chosen is not None
    assert 1 == home.enter().revoke_sessions("ada", only=[chosen])

    assert "hers" == note_at(home) == note_at(third) == note_at(third.beside())
    cafe.run()
    assert None is note_at(cafe)


def test_the_last_device_takes_the_session_along(server: Server, home: Tab) -> None:
    """As ending the session does."""
    chosen = device_in(home.cookie)
    assert chosen is not None
    session_id = home.run().session_id
    assert 1 == home.enter().revoke_sessions("ada", only=[chosen])

    assert server.store.stored(session_id).head.ended


def test_while_the_store_is_down_it_says_so(server: Server, home: Tab) -> None:
    """Nobody is told that others were logged out who are not."""
    cafe = log_in(server)
    assert server.manager.flush()
    server.store.down = True
    with pytest.raises(UnavailableError):
        home.enter().revoke_sessions("ada", keep_current=True)
    server.store.down = False
    home.enter().revoke_sessions("ada", keep_current=True)
    server.manager.flush()

    assert "hers" == note_at(home)
    assert None is note_at(server.tab(cafe.cookie))


# -- the list itself -------------------------------------------------------------


def test_a_device_that_was_struck_off_does_not_come_back(
    server: Server, home: Tab, open_server: OpenServer
) -> None:
    """A writer that knows of nothing notes that it was seen, and saves later."""
    other = replica_of(server, open_server)
    cafe = log_in(other)
    assert other.manager.flush()
    late = cafe.run()
    device_id = device_in(cafe.cookie)
    assert device_id is not None
    home.enter().revoke_sessions("ada", keep_current=True)
    late.extensions["sessionkit.devices"]["listed"][device_id]["seen"] += 10**12
    other.manager.schedule_save(late)
    other.manager.flush()

    found = replica_of(server, open_server).manager.repository.load(home.run().session_id)
    assert found is not None
    assert [device_in(home.cookie)] == list(devices_of(found) or {})
    assert None is note_at(server.tab(cafe.cookie))


def test_a_session_lists_so_many_devices_and_no_more() -> None:
    """Those that were seen last; of a browser that keeps no cookies each login is another one."""
    session = UserSession()
    began = utc_now()
    listed = [list_device(session, began + timedelta(hours=hour)) for hour in range(60)]

    assert listed[-50:] == list(devices_of(session) or {})
    assert 0 == strike_off(session, listed[:10], began)


def test_what_was_struck_off_is_forgotten_in_the_end() -> None:
    """After longer than a cookie lives."""
    session = UserSession()
    began = utc_now()
    for days in (0, 500):
        now = began + timedelta(days=days)
        strike_off(session, [list_device(session, now)], now)

    assert 1 == len(session.extensions["sessionkit.devices"]["struck"])


# -- what a struck off device goes on with at another replica ---------------------


@pytest.fixture(name="there")
def _there(server: Server, open_server: OpenServer) -> Server:
    """Return another replica."""
    return replica_of(server, open_server)


def log_out_everywhere_else(home: Tab) -> None:
    """Strike all devices off but the one at home."""
    home.enter().revoke_sessions("ada", keep_current=True)


@pytest.mark.parametrize("learns", ["saves", "reruns"])
def test_what_it_writes_is_not_stored(home: Tab, there: Server, learns: str) -> None:
    """A loop that has the object, and asks for no session again; however its replica learns of it."""
    stolen = log_in(there).run()
    assert there.manager.flush()
    log_out_everywhere_else(home)
    home.run().inputs["card"] = "CREDIT-CARD"
    assert home.server.manager.flush()
    stolen.inputs["attack"] = 1
    if learns == "saves":
        there.manager.schedule_save(stolen)
        there.manager.flush()
    else:
        there.manager._live.refresh_now(stolen)

    assert (True, {}) == (stolen.ended, stolen.inputs)
    with pytest.raises(SessionGoneError, match="logged out elsewhere"):
        there.manager.save(stolen, immediate=True)
    assert ["device"] == [event.reason for event in there.told(SessionGone)]
    found = home.server.manager.repository.load(home.run().session_id)
    assert found is not None
    assert {"note": "hers", "card": "CREDIT-CARD"} == found.inputs


@pytest.mark.parametrize("learns", ["saves", "reruns"])
def test_others_at_its_replica_go_on(home: Tab, there: Server, learns: str) -> None:
    """In another object, with what they had not saved; what the device holds is empty."""
    cafe, office = log_in(there), log_in(there)
    assert there.manager.flush()
    stolen = cafe.run()
    assert stolen is office.run()
    chosen = device_in(cafe.cookie)
    assert chosen is not None
    home.enter().revoke_sessions("ada", only=[chosen])
    stolen.inputs["unsaved"] = 1
    if learns == "saves":
        there.manager.schedule_save(stolen)
        there.manager.flush()
        assert stolen.ended
    session = office.run()
    there.manager.flush()
    stolen.inputs["attack"] = 1
    there.manager.schedule_save(stolen)
    there.manager.flush()

    assert (True, {}) == (stolen.ended, stolen.inputs)
    assert {"note": "hers", "unsaved": 1} == session.inputs == office.reload().run().inputs
    assert None is note_at(cafe)
    assert "hers" == note_at(home)


@pytest.mark.parametrize("user_id", [None, "ada"])
def test_a_login_again_at_the_same_browser_reaches_its_tab_at_another_replica(
    home: Tab, there: Server, user_id: str | None
) -> None:
    """Where the page names the user it goes on, else it begins anew; by way of a save that was refused, too."""
    left_open = home.beside(there)
    left_open.run(user_id="ada").inputs["late"] = 1
    tab = home.reload()
    tab.run()
    tab.run(user_id="ada")
    there.manager.schedule_save(left_open.connection.state["_sessionkit_connection"].session)
    there.manager.flush()

    said = {} if user_id is None else {"user_id": user_id}
    expected = {"note": "hers"} if user_id else {}
    assert expected == left_open.run(**said).inputs


# -- the end of what they shared -----------------------------------------------


@pytest.mark.parametrize("gone", ["expired", "purged"])
def test_devices_have_nothing_in_common_once_their_session_is_over(
    home: Tab, cafe: Tab, open_server: OpenServer, clock: Clock, gone: str
) -> None:
    """Both still show tokens of its id: whoever is at the public computer next meets nobody at home."""
    old = home.run().session_id
    assert home.server.manager.flush()
    if gone == "purged":
        home.server.store.memory.delete(old)
    else:
        clock.advance(hours=30)
    server = open_server(FaultyStore(home.server.store.memory), now=clock)
    stranger = cafe.reload(server).run()
    stranger.inputs["note"] = "a stranger's"
    back = home.reload(server).run()
    assert {} == back.inputs
    assert 3 == len({old, stranger.session_id, back.session_id})
    assert (None, None) == (stranger.user_id, back.user_id)


@pytest.mark.parametrize("call", ["rotate_session", "end_session", "log_out"])
@pytest.mark.parametrize("others", [False, True], ids=["alone", "others use the object, too"])
def test_it_takes_the_session_from_nobody(
    home: Tab, there: Server, call: str, *, others: bool
) -> None:
    """A button in a fragment, which asks for no session first: what is stored is asked before anything is done."""
    cafe = log_in(there)
    office = log_in(there) if others else None
    assert there.manager.flush()
    chosen = device_in(cafe.cookie)
    assert chosen is not None
    home.enter().revoke_sessions("ada", only=[chosen])
    home.run().inputs["card"] = "CREDIT-CARD"
    assert home.server.manager.flush()
    cafe.connection.state["_sessionkit_connection"].session.inputs["attack"] = 1
    getattr(cafe.enter(), call)()
    cafe_has = cafe.run()
    assert there.manager.flush()

    assert (None, {}) == (cafe_has.user_id, cafe_has.inputs)
    hers = home.run()
    assert ("hers", "CREDIT-CARD") == (hers.inputs["note"], hers.inputs["card"])
    assert "hers" == note_at(home.beside())
    if office is None:
        assert "attack" not in hers.inputs
    else:
        assert "hers" == note_at(office)
