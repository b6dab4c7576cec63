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
    server.tab().run()
    server.store.down = False
    assert server.manager.flush()
    assert "Ada" == server.tab(token_for("s")).run(user_id="ada").inputs["name"]
