# SPDX-License-Identifier: Apache-2.0
"""Which tabs rerun by themselves, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from streamlit.proto.ClientState_pb2 import ClientState

from sessionkit.events import SessionEnded, SessionGone, SessionRestored, SessionSaved
from sessionkit.host import InputHost, NotifiedHost
from sessionkit_streamlit import hooks
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.connection import Tab
from sessionkit_streamlit.host import StreamlitHost
from sessionkit_streamlit.internals import rerun
from sessionkit_streamlit.internals.guard import moved
from sessionkit_streamlit.tabs import tabs
from sessionkit_streamlit.tabs.tabs import OpenTabs, open_tabs

Page = Callable[..., Path]


@attrs.define
class Visit:
    """One tab, driven by hand."""

    tabs: OpenTabs
    name: str
    tab: Tab | None = None
    context: Any = None

    def begin(self, *, values: bool = True, session: str = "s", **more: Any) -> None:
        """Begin a run of the script."""
        widgets = SimpleNamespace(widgets=["value"] if values else [])
        request = SimpleNamespace(
            widget_states=widgets,
            is_auto_rerun=more.get("timer", False),
            fragment_id_queue=more.get("fragments", []),
        )
        self.context = SimpleNamespace(
            session_id=self.name, script_requests=SimpleNamespace(_rerun_data=request)
        )
        self.again(session)

    def again(self, session: str = "s") -> None:
        """Begin another run by the same request, as ``st.rerun()`` does."""
        self.tab = self.tabs.began(self.tab, self.context, session)

    def end(self) -> None:
        """End the run."""
        assert self.tab is not None
        self.tabs.ended(self.tab, self.context)

    def use(self) -> None:
        """Run once for the user."""
        self.begin()
        self.end()

    def fragment(self, *, timer: bool = False) -> None:
        """Run a fragment."""
        self.begin(fragments=["f"], timer=timer)
        self.end()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Callable[[], bool]]]:
    """Collect which tabs are to rerun."""
    seen: list[tuple[str, Callable[[], bool]]] = []
    monkeypatch.setattr(
        tabs, "rerun_when_idle", lambda tab, wanted, _: bool(seen.append((tab, wanted))) or True
    )
    return seen


def names(asked: list[tuple[str, Callable[[], bool]]]) -> list[str]:
    """Return the tabs that are to rerun, and forget them."""
    found = sorted(name for name, _ in asked)
    asked.clear()
    return found


@pytest.fixture
def visits(asked: list[Any]) -> tuple[Visit, Visit, Visit]:
    """Give three tabs; the last shows another session."""
    assert not asked
    every = OpenTabs()
    one, two, other = (Visit(every, name) for name in ("one", "two", "other"))
    one.use()
    two.use()
    other.begin(session="another")
    other.end()
    return one, two, other


def answer(visit: Visit, asked: list[tuple[str, Callable[[], bool]]]) -> None:
    """Rerun a tab as Streamlit does when it was asked to."""
    ((_, wanted),) = [one for one in asked if one[0] == visit.name]
    asked.clear()
    assert wanted()
    visit.begin(values=False)


def test_siblings_hear_of_a_save(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """The tabs that may lack what was saved rerun: not the one that made it, not another session's."""
    one, two, _ = visits
    one.use()
    one.tabs.saved("s")
    assert ["two"] == names(asked)
    two.use()
    one.tabs.saved("s")
    assert ["one"] == names(asked)


def test_one_rerun_for_many_changes(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """Until it has begun, more changes ask for nothing more."""
    one, _, _ = visits
    one.use()
    for _ in range(3):
        one.tabs.saved("s")
        one.tabs.changed("s")
    assert ["one", "two"] == names(asked)


def test_where_streamlit_can_not_it_is_tried_again(
    visits: tuple[Visit, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next change asks anew."""
    tries: list[str] = []
    monkeypatch.setattr(tabs, "rerun_when_idle", lambda tab, *_: bool(tries.append(tab)))
    for _ in range(2):
        visits[0].tabs.changed("s")
    assert ["one", "one", "two", "two"] == sorted(tries)


def test_a_user_who_is_quicker(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """A run that began meanwhile shows it all: nothing is asked of Streamlit any more."""
    one, two, _ = visits
    one.use()
    one.tabs.saved("s")
    ((_, wanted),) = asked
    two.use()
    assert not wanted()


def test_what_a_rerun_of_ours_changes_is_told_to_nobody(
    visits: tuple[Visit, ...], asked: list[Any]
) -> None:
    """A page that changes something in each run doesn't keep two tabs busy for ever, nor by ``st.rerun``."""
    one, two, _ = visits
    one.use()
    one.tabs.saved("s")
    answer(two, asked)
    two.end()
    two.again()
    two.end()
    one.tabs.saved("s")
    assert [] == names(asked)


def test_a_click_that_comes_before_our_rerun(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """It brings the browser's values: the run is the user's, and others hear of it."""
    one, two, _ = visits
    one.use()
    one.tabs.saved("s")
    ((_, wanted),) = asked
    asked.clear()
    assert wanted()
    two.use()
    one.tabs.saved("s")
    assert ["one"] == names(asked)


def test_a_long_run_is_heard_of_before_its_end(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """What it changed so far may have been saved already."""
    one, _, _ = visits
    one.begin()
    one.tabs.saved("s")
    assert ["two"] == names(asked)


def test_fragments(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """A click in a fragment counts as its tab's doing; a fragment's timer as nobody's."""
    one, two, _ = visits
    two.use()
    one.use()
    one.tabs.saved("s")
    answer(two, asked)
    two.end()
    two.fragment(timer=True)
    one.tabs.saved("s")
    assert [] == names(asked)
    two.fragment()
    one.tabs.saved("s")
    assert ["one"] == names(asked)


def test_a_foreign_change_reaches_every_tab(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """Of that session, and no unknown one."""
    one, _, _ = visits
    one.tabs.changed("s")
    one.tabs.changed("unknown")
    one.tabs.saved("unknown")
    assert ["one", "two"] == names(asked)


def test_a_tab_that_moves_to_another_session(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """It hears of the new one alone."""
    one, two, _ = visits
    two.begin(session="another")
    one.tabs.changed("s")
    assert ["one"] == names(asked)


def test_a_closed_tab_is_forgotten(visits: tuple[Visit, ...], asked: list[Any]) -> None:
    """Whatever held its connection is gone."""
    one, two, _ = visits
    two.tab = None
    one.tabs.changed("s")
    assert ["one"] == names(asked)


# --- what leads to it -----------------------------------------------------------------------------


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Collect what the open tabs are told."""
    seen: list[tuple[str, str]] = []
    for name in ("saved", "changed"):
        monkeypatch.setattr(open_tabs, name, lambda one, name=name: seen.append((name, one)))
    return seen


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (SessionSaved(session_id="s", version=2, parts=("inputs",)), [("saved", "s")]),
        (SessionEnded(session_id="s"), [("changed", "s")]),
        (SessionGone(session_id="s", reason="ended"), [("changed", "s")]),
        (SessionRestored(session_id="s"), []),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize("watching", [True, False])
def test_events_count_where_the_app_watches(
    heard: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    event: Any,
    told: list[Any],
    watching: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Without the setting nothing happens by itself."""
    monkeypatch.setattr(gate, "keeper", SimpleNamespace(watching=watching))
    hooks.sessionkit_event(event)
    assert (told if watching else []) == heard


def test_before_there_is_a_manager_nothing_is_heard(
    heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event of another manager, before the first page, is no tab's."""
    monkeypatch.setattr(gate, "keeper", None)
    hooks.sessionkit_event(SessionEnded(session_id="s"))
    assert [] == heard


def test_the_host_can_be_told(browser: Any, heard: list[Any]) -> None:
    """The manager tells it of what other replicas have saved."""
    host = StreamlitHost(browser.manager.tokens)
    assert isinstance(host, NotifiedHost)
    assert isinstance(host, InputHost)
    host.changed("s")
    assert [("changed", "s")] == heard


def test_a_save_reaches_the_hook(
    browser: Any, page: Page, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin is among the manager's observers."""
    monkeypatch.setattr(type(browser.manager), "watching", property(lambda _: True))
    tab = browser.open(page("persist('city')\nst.text_input('City', key='city')\n")).run()
    tab.text_input(key="city").set_value("Ghent").run()
    browser.manager.flush()
    assert ("saved", "the-session") in heard


# --- Streamlit's part -----------------------------------------------------------------------------


@attrs.define(slots=False)
class Server:
    """Streamlit's server in small, and its one tab, called ``tab``."""

    eventloop: Any = None
    _scriptrunner: Any = None
    _client_state: ClientState = attrs.field(
        factory=lambda: ClientState(query_string="the address")
    )
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
