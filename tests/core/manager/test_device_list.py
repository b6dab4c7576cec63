# SPDX-License-Identifier: Apache-2.0
"""Where a user is signed in: what is known of each browser, and one of them signed out from another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from session_harness.replicas import Clock
from session_harness.servers import LATER, Server, Tab
from session_harness.stores import FaultyStore
from session_harness.visitors import ALICE

from sessionkit.errors import UnavailableError
from sessionkit.session.devices import BrowserInfo, devices_of

OpenServer = Callable[..., Server]

PHONE = BrowserInfo("Safari", "iPhone")
LAPTOP = BrowserInfo("Firefox", "Linux")


def log_in(server: Server, browser: BrowserInfo = LAPTOP, user_id: str = "ada") -> Tab:
    """Return a tab of another browser, at which a user has logged in."""
    tab = server.tab()
    tab.connection.browser = browser
    tab.run()
    tab.enter().log_in(user_id)
    assert server.manager.flush()
    return tab


def listed(tab: Tab) -> list[tuple[str | None, str | None, bool]]:
    """Return what a tab's user sees: browsers, systems, and which one is the tab's."""
    return sorted(
        (one.device.browser, one.device.system, one.current)
        for one in tab.enter().list_devices()
        if one.device is not None
    )


def id_of(tab: Tab) -> str:
    """Return the device that a tab's browser is."""
    (own,) = [one.device_id for one in tab.enter().list_devices() if one.current]
    assert own is not None
    return own


def end(tab: Tab, other: Tab) -> bool:
    """Sign the user out at another tab's browser; return whether they were signed in there."""
    chosen = id_of(other)
    return tab.enter().end_device(chosen)


def entry(tab: Tab) -> dict[str, Any]:
    """Return what the session keeps of a tab's device."""
    kept: dict[str, Any] = tab.run().extensions["sessionkit.devices"]["listed"][id_of(tab)]
    return kept


@pytest.fixture(name="laptop")
def _laptop(server: Server) -> Tab:
    """Return a tab at a laptop: Ada's session, with something of hers in it."""
    tab = log_in(server)
    tab.run().inputs["note"] = "hers"
    assert server.manager.flush()
    return tab


@pytest.fixture(name="phone", params=["one replica", "two replicas"])
def _phone(laptop: Tab, open_server: OpenServer, request: pytest.FixtureRequest) -> Tab:
    """Return a tab at a phone, where Ada has logged in as well."""
    server = laptop.server
    if request.param == "two replicas":
        at_once = attrs.evolve(LATER, refresh_interval_ms=0)
        server = open_server(FaultyStore(server.store.memory), persistence=at_once)
    tab = log_in(server, PHONE)
    assert "hers" == tab.run().inputs["note"]
    return tab


# -- the list ------------------------------------------------------------------


def test_each_browser_is_listed_by_its_name(laptop: Tab, phone: Tab) -> None:
    """And which one is asking."""
    assert [("Firefox", "Linux", True), ("Safari", "iPhone", False)] == listed(laptop)
    assert [("Firefox", "Linux", False), ("Safari", "iPhone", True)] == listed(phone)


def test_what_is_stored_of_a_browser_is_little(laptop: Tab) -> None:
    """Two names and two times; no address, no version, nothing else that it says."""
    assert {"since", "seen", "place", "browser", "system"} == entry(laptop).keys()


def test_names_are_short_and_may_be_missing(server: Server) -> None:
    """A host may make them of what a browser says."""
    tab = log_in(server, BrowserInfo("x" * 5000, None))

    assert [("x" * 40, None, True)] == listed(tab)


def test_nobody_is_signed_in_nowhere(server: Server) -> None:
    """Before a login and after a logout."""
    tab = server.tab()
    tab.run()
    assert () == tab.enter().list_devices()
    assert not tab.enter().end_device("x")

    tab = log_in(server)
    tab.enter().log_out()
    assert () == tab.enter().list_devices()


def test_users_whom_the_host_knows_have_no_list(server: Server) -> None:
    """Where they are signed in, their provider knows."""
    tab = server.tab(account=ALICE)
    tab.run()

    assert () == tab.enter().list_devices()
    assert not tab.enter().end_device("x")


def test_nobody_sees_anothers(server: Server, laptop: Tab) -> None:
    """Each user sees their own."""
    other = log_in(server, PHONE, "bob")

    assert [("Safari", "iPhone", True)] == listed(other)
    assert [("Firefox", "Linux", True)] == listed(laptop)


def test_a_device_that_an_earlier_release_listed_is_named_when_it_is_next_seen(
    open_server: OpenServer, clock: Clock
) -> None:
    """Within the hour; until then it has no name, and counts as any other."""
    server = open_server(now=clock)
    tab = log_in(server)
    for name in ("browser", "system"):
        del entry(tab)[name]
    assert server.manager.flush()
    tab = tab.reload(open_server(FaultyStore(server.store.memory), now=clock))
    tab.connection.browser = LAPTOP
    tab.run()
    assert [(None, None, True)] == listed(tab)

    clock.advance(minutes=61)
    tab.run()
    assert [("Firefox", "Linux", True)] == listed(tab)


def test_a_name_outlives_what_an_earlier_release_notes(laptop: Tab) -> None:
    """It notes that a device was seen, and lists it at a fresh id, with all that is kept of it."""
    kept, session = entry(laptop), laptop.run()
    session.extensions["sessionkit.devices"]["listed"][id_of(laptop)] = {
        **kept,
        "seen": kept["seen"] + 10**9,
    }
    assert laptop.server.manager.flush()
    laptop.enter().rotate_session()

    assert [("Firefox", "Linux", True)] == listed(laptop)


def test_who_logs_in_again_is_named_anew(open_server: OpenServer, clock: Clock) -> None:
    """And since when is of this login; one that is in use has when it was last seen."""
    server = open_server(now=clock)
    tab = log_in(server, PHONE)
    tab.enter().log_out()
    tab.run()
    clock.advance(hours=2)
    tab.connection.browser = LAPTOP
    tab.enter().log_in("ada")
    assert server.manager.flush()
    began = clock()
    clock.advance(hours=3)
    tab.run()

    (device,) = (devices_of(tab.run()) or {}).values()
    assert ("Firefox", "Linux") == (device.browser, device.system)
    assert (began, timedelta(hours=3)) == (device.since, device.last_seen - device.since)


# -- the end of one --------------------------------------------------------------


def test_one_signs_the_other_out(laptop: Tab, phone: Tab) -> None:
    """Its tabs begin anew, and so does a copy of what it holds; nothing of the session is lost."""
    taken = phone.cookie
    assert end(laptop, phone)

    assert "hers" == laptop.run().inputs["note"]
    assert "hers" == laptop.beside().run().inputs["note"]
    assert [("Firefox", "Linux", True)] == listed(laptop)
    left = phone.run()
    assert (None, {}, "refused") == (left.user_id, left.inputs, left.origin)
    assert None is phone.server.tab(taken).run().user_id
    assert not laptop.enter().end_device("it is gone already")


def test_the_last_browser_of_a_session_leaves_it_for_the_next_login(
    server: Server, laptop: Tab
) -> None:
    """As a logout there does: what was done there is not thrown away."""
    busy = server.tab()
    busy.run().inputs["draft"] = "begun before the login"
    busy.enter().log_in("ada")
    assert server.manager.flush()
    session_id = busy.run().session_id
    assert session_id != laptop.run().session_id
    assert end(laptop, busy)

    assert None is busy.run().user_id
    found = server.manager.repository.load(session_id)
    assert found is not None
    assert {"draft": "begun before the login"} == found.inputs
    assert "ada" == found.user_id


def test_nobody_ends_anothers(server: Server, laptop: Tab) -> None:
    """By an id that they came to know."""
    other = log_in(server, PHONE, "bob")

    assert not end(other, laptop)
    assert "hers" == laptop.run().inputs["note"]
    stranger = server.tab()
    stranger.run()
    assert not end(stranger, laptop)
    assert "hers" == laptop.run().inputs["note"]


def test_who_was_signed_out_ends_nothing_more(laptop: Tab, phone: Tab) -> None:
    """Though its page is open still: the store is asked first."""
    mine, own = id_of(laptop), id_of(phone)
    laptop.enter().end_device(own)

    assert not phone.enter().end_device(mine)
    assert "hers" == laptop.run().inputs["note"]


def test_the_browser_itself_logs_out(laptop: Tab) -> None:
    """It is what ``log_out`` does."""
    session_id = laptop.run().session_id
    assert end(laptop, laptop)

    assert (None, "new") == (laptop.run().user_id, laptop.run().origin)
    found = laptop.server.manager.repository.load(session_id)
    assert found is not None
    assert "hers" == found.inputs["note"]


def test_while_the_store_is_down_nobody_is_told_that_it_was_done(
    server: Server, laptop: Tab
) -> None:
    """It is an error, and can be done again."""
    phone = log_in(server, PHONE)
    chosen = id_of(phone)
    server.store.down = True
    with pytest.raises(UnavailableError):
        laptop.enter().end_device(chosen)
    server.store.down = False
    laptop.enter().end_device(chosen)

    assert "hers" == laptop.run().inputs["note"]
    assert None is server.tab(phone.cookie).run().user_id


def test_a_device_is_named_by_its_id(laptop: Tab) -> None:
    """An entry of the list is none."""
    (own,) = laptop.enter().list_devices()
    with pytest.raises(TypeError, match="device_id of one of list_devices"):
        laptop.enter().end_device(own)  # type: ignore[arg-type]
