# SPDX-License-Identifier: Apache-2.0
"""A tab is rerun from outside when it is idle, on Streamlit's own event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.session_state import SessionState

from sessionkit_streamlit.internals import rerun
from sessionkit_streamlit.internals.guard import moved


@attrs.define(slots=False)
class Server:
    """Streamlit's server in small, and its one tab, called ``tab``."""

    eventloop: Any = None
    _scriptrunner: Any = None
    _browser_queue: ForwardMsgQueue = attrs.field(factory=ForwardMsgQueue)
    _client_state: ClientState = attrs.field(
        factory=lambda: ClientState(query_string="the address")
    )
    _session_state: SessionState = attrs.field(factory=SessionState)
    reran: list[ClientState] = attrs.field(factory=list)
    here: bool = True

    def _get_async_objs(self) -> Any:
        return self

    @property
    def _session_mgr(self) -> Any:
        return self

    @property
    def session(self) -> Any:
        """The tab's."""
        return self

    def get_active_session_info(self, tab: str) -> Any:
        """Return what is known of a tab that is open."""
        return self if self.here and tab == "tab" else None

    def request_rerun(self, state: ClientState) -> None:
        """Take a request."""
        self.reran.append(state)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Stand in for Streamlit's server."""
    server = Server()
    monkeypatch.setattr(rerun.runtime, "exists", lambda: True)
    monkeypatch.setattr(rerun.runtime, "get_instance", lambda: server)
    monkeypatch.setattr(rerun, "_FIRST_LOOK", 0.001)
    button = WidgetMetadata("button", bool, bool, "trigger_value")
    server._session_state._new_widget_state.set_widget_metadata(button)
    moved.cache_clear()
    return server


def live(server: Server, wanted: Callable[[], bool], fragment: str | None = None) -> bool:
    """Ask for a rerun, and let the event loop turn."""

    async def run() -> bool:
        server.eventloop = asyncio.get_running_loop()
        done = rerun.rerun_when_idle("tab", wanted, 0.0, fragment)
        for _ in range(20):
            await asyncio.sleep(0.001)
        return done

    return asyncio.run(run())


def test_an_idle_tab_reruns(server: Server) -> None:
    """Once, with its address as it is."""
    assert live(server, lambda: True)
    assert [server._client_state] == server.reran


def test_a_fragment_reruns(server: Server) -> None:
    """That alone; the tab's own address stays as it was noted."""
    live(server, lambda: True, "part")
    (asked,) = server.reran
    assert ("the address", "part", True) == (
        asked.query_string,
        asked.fragment_id,
        asked.is_auto_rerun,
    )
    assert not server._client_state.fragment_id


async def asked_for(server: Server, reruns: int) -> None:
    """Wait until so many reruns were asked for."""
    async with asyncio.timeout(20):
        while len(server.reran) < reruns:  # noqa: ASYNC110 - what stands in for the server tells nobody
            await asyncio.sleep(0.001)


def test_a_rerun_for_what_was_pressed(server: Server) -> None:
    """As the browser would ask for it; for what is not on the page there is none."""
    button, gone = (WidgetState(id=name, trigger_value=True) for name in ("button", "gone"))

    async def run() -> None:
        server.eventloop = asyncio.get_running_loop()
        rerun.rerun_when_idle("tab", lambda: True, 0.0, pressed=deque([[gone]]))
        rerun.rerun_when_idle("tab", lambda: True, 0.0, pressed=deque([[gone], [gone, button]]))
        await asked_for(server, 1)

    asyncio.run(run())
    (asked,) = server.reran
    assert ("the address", [button]) == (asked.query_string, [*asked.widget_states.widgets])
    assert rerun.by_browser(asked)
    assert not server._client_state.widget_states.widgets


def test_what_was_pressed_is_served_in_its_order(server: Server) -> None:
    """Whichever rerun finds the tab idle first; and by one each."""
    pressed = deque([[WidgetState(id="button", int_value=place)] for place in (1, 2)])

    async def run() -> None:
        server.eventloop = asyncio.get_running_loop()
        for after in (0.01, 0.0, 0.0):
            rerun.rerun_when_idle("tab", lambda: True, after, pressed=pressed)
        await asked_for(server, 2)

    asyncio.run(run())
    assert [[1], [2]] == [
        [one.int_value for one in asked.widget_states.widgets] for asked in server.reran
    ]


def test_what_was_pressed_waits_for_a_tab_that_is_gone(server: Server) -> None:
    """It comes back with another run, whose end asks again."""
    pressed = deque([[WidgetState(id="button", trigger_value=True)]])

    async def run() -> None:
        server.eventloop = asyncio.get_running_loop()
        server.here = False
        rerun.rerun_when_idle("tab", lambda: True, 0.0, pressed=pressed)
        await asyncio.sleep(0.02)
        server.here = True
        rerun.rerun_when_idle("tab", lambda: True, 0.0, pressed=pressed)
        await asked_for(server, 1)

    asyncio.run(run())
    assert ([1], 0) == ([len(one.widget_states.widgets) for one in server.reran], len(pressed))


def test_a_busy_tab_waits(server: Server) -> None:
    """No run is stopped for it; it is asked for when the tab is idle."""
    server._scriptrunner = object()
    looks: list[int] = []

    async def run() -> None:
        server.eventloop = asyncio.get_running_loop()
        rerun.rerun_when_idle("tab", lambda: bool(looks.append(1)) or True, 0.0)
        await asyncio.sleep(0.01)
        assert ([], []) == (looks, server.reran)
        server._scriptrunner = None
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert [1] == looks
    assert [server._client_state] == server.reran


@pytest.mark.parametrize("fragment", [None, "part"])
def test_a_tab_waits_until_its_browser_was_sent_what_came_before(
    server: Server, fragment: str | None
) -> None:
    """Streamlit would take out of the queue what the fragment drew, and the page would have a gap."""
    server._browser_queue.enqueue(ForwardMsg())

    async def run() -> None:
        server.eventloop = asyncio.get_running_loop()
        rerun.rerun_when_idle("tab", lambda: True, 0.0, fragment)
        await asyncio.sleep(0.01)
        assert [] == server.reran
        server._browser_queue.flush()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert 1 == len(server.reran)


def test_a_tab_that_does_not_need_it_any_more(server: Server) -> None:
    """Asked right before, it says no."""
    live(server, lambda: False)
    assert [] == server.reran


def test_a_tab_that_is_gone(server: Server) -> None:
    """It is no longer waited for."""
    server.here = False
    looks: list[int] = []
    live(server, lambda: bool(looks.append(1)) or True)
    assert ([1], []) == (looks, server.reran)


def test_a_server_that_ends(server: Server) -> None:
    """Its event loop is closed: there is no way."""
    live(server, lambda: True)
    assert not rerun.rerun_when_idle("tab", lambda: True, 0.0)


def test_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that runs bare has no tabs."""
    monkeypatch.setattr(rerun.runtime, "exists", lambda: False)
    assert not rerun.rerun_when_idle("tab", lambda: True, 0.0)
    assert rerun._connected("tab") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("_get_async_objs", "Runtime._get_async_objs"),
        ("_session_mgr", "Runtime._session_mgr"),
        ("_scriptrunner", "AppSession._scriptrunner"),
        ("_browser_queue", "AppSession._browser_queue"),
        ("_client_state", "AppSession.request_rerun"),
    ],
)
def test_what_moved_is_named(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    said: str,
) -> None:
    """The tab then waits for its user; one warning says which name a release of Streamlit moved."""
    monkeypatch.delattr(server if name in vars(server) else Server, name)
    live(server, lambda: True)
    assert [] == server.reran
    assert f"{said} as expected" in caplog.text
