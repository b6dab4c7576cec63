# SPDX-License-Identifier: Apache-2.0
"""A store that is down when an app starts: one visitor waits for it, once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest
from session_harness.servers import OpeningPlugins, Server, token_for
from session_harness.stores import PATIENCE, FaultyStore

from sessionkit.events import StoreUnavailable
from sessionkit.persistence.health import OUTAGE_PAUSE
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


class Seconds:
    """A clock that a test sets."""

    time = 100.0

    def __call__(self) -> float:
        """Return its time."""
        return self.time


class SetUpStore(FaultyStore):
    """One that has something to set up, as databases have."""

    def setup(self) -> None:
        """Set up, or fail."""
        self._called("setup")


@pytest.fixture(name="store", params=[FaultyStore, SetUpStore])
def _store(request: pytest.FixtureRequest, open_server: OpenServer) -> FaultyStore:
    """Return a store that holds Ada's session ``"s"``, and is down."""
    store: FaultyStore = request.param()
    session = UserSession(session_id="s", user_id="ada")
    session.inputs["name"] = "Ada"
    open_server(store).manager.repository.save(session)
    store.down = True
    store.calls.clear()
    return store


@pytest.fixture(name="seconds")
def _seconds() -> Seconds:
    return Seconds()


@pytest.fixture(name="server")
def _server(store: FaultyStore, seconds: Seconds, open_server: OpenServer) -> Server:
    return open_server(store, plugins=OpeningPlugins, clock=seconds)


def test_the_first_bootstrap_asks_it_once(server: Server) -> None:
    """Each call would wait as long as a driver waits."""
    session = server.tab(token_for("s")).run(user_id="ada")
    assert {} == session.inputs
    assert 1 == len(server.store.calls)
    assert server.told(StoreUnavailable)


def test_a_known_user_at_a_new_browser_asks_it_once(server: Server) -> None:
    """Their latest session is not looked for."""
    server.tab().run(user_id="ada")
    assert 1 == len(server.store.calls)


def test_who_comes_just_after_goes_on_without_it(server: Server, seconds: Seconds) -> None:
    """They are told what the first one found; after a pause somebody asks again."""
    server.tab().run()
    seconds.time += OUTAGE_PAUSE / 2
    server.tab(token_for("s")).run(user_id="ada")
    assert 1 == len(server.store.calls)
    seconds.time += OUTAGE_PAUSE
    server.tab(token_for("t")).run()
    assert 2 == len(server.store.calls)


def test_who_comes_meanwhile_waits_for_the_first_alone(server: Server) -> None:
    """They would wait one after the other."""
    store, asked, answer = server.store, Event(), Event()
    called = store._called

    def wait(name: str) -> None:
        asked.set()
        assert answer.wait(PATIENCE)
        called(name)

    store._called = wait  # type: ignore[method-assign] # of this one
    threads = [Thread(target=server.manager.check_store) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert asked.wait(PATIENCE)
    answer.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert 1 == len(store.calls)


def test_the_session_comes_back_once_it_was_reached(server: Server) -> None:
    """At once, whatever the pause: somebody else found out that the store answers."""
    server.tab().run().inputs["typed"] = 1
    server.store.down = False
    assert server.manager.flush()
    assert "Ada" == server.tab(token_for("s")).run(user_id="ada").inputs["name"]


# -- a store that goes down while the app runs ---------------------------------


@pytest.fixture(name="running")
def _running(server: Server) -> Server:
    """Return a server whose store was open, and is down now."""
    server.store.down = False
    server.manager.check_store()
    server.store.down = True
    server.store.calls.clear()
    return server


@pytest.mark.parametrize("user", [None, "ada"])
def test_the_first_visitor_finds_out_for_all(
    running: Server, seconds: Seconds, user: str | None
) -> None:
    """Each new one would wait as long as a driver waits, known at a new browser or not."""
    for presented in (token_for("s"), token_for("t"), None, token_for("s")):
        running.tab(presented).run(user_id=user)
    assert 1 == len(running.store.calls)
    seconds.time += 2 * OUTAGE_PAUSE
    for presented in (token_for("u"), token_for("v")):
        running.tab(presented).run(user_id=user)
    assert 2 == len(running.store.calls)


def test_while_one_asks_again_nobody_else_does(running: Server, seconds: Seconds) -> None:
    """They go on at once with what is known."""
    store, asked, answer = running.store, Event(), Event()
    running.tab(token_for("s")).run()
    seconds.time += 2 * OUTAGE_PAUSE
    called = store._called

    def wait(name: str) -> None:
        asked.set()
        assert answer.wait(PATIENCE)
        called(name)

    store._called = wait  # type: ignore[method-assign] # of this one
    first = Thread(target=running.manager._live.find, args=("a",))
    first.start()
    assert asked.wait(PATIENCE)
    found = running.manager._live.find("b")
    answer.set()
    first.join(PATIENCE)

    assert found.session is None
    assert 2 == len(store.calls)


def test_who_comes_after_a_save_was_stored_asks(running: Server) -> None:
    """The writer has found out that it answers."""
    running.tab(token_for("t")).run().inputs["typed"] = 1
    running.store.down = False
    assert running.manager.flush()
    assert "Ada" == running.tab(token_for("s")).run(user_id="ada").inputs["name"]


def test_a_rerun_that_finds_out_tells_new_visitors(server: Server, seconds: Seconds) -> None:
    """It has waited already."""
    server.store.down = False
    tab = server.tab(token_for("s"))
    tab.run(user_id="ada")
    assert server.manager.flush()
    server.store.down = True
    seconds.time += 60
    server.store.calls.clear()
    tab.run(user_id="ada")
    asked = len(server.store.calls)
    assert asked
    server.tab(token_for("t")).run()
    assert asked == len(server.store.calls)
