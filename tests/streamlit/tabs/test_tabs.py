# SPDX-License-Identifier: Apache-2.0
"""Which tabs rerun by themselves, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from sessionkit.events import SessionEnded, SessionGone, SessionRestored, SessionSaved
from sessionkit.host import InputHost, NotifiedHost
from sessionkit_streamlit import hooks
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.connection import Tab
from sessionkit_streamlit.host import StreamlitHost
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


# -- what leads to it ------------------------------------------------------------


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
