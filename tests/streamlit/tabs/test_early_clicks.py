# SPDX-License-Identifier: Apache-2.0
"""What is pressed before a server has drawn the page is set aside for a run after that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState

from sessionkit_streamlit.browser.handshake import KEY
from sessionkit_streamlit.connection import Page
from sessionkit_streamlit.tabs import early_clicks

PRESSED = WidgetState(id="$$ID-1-None", trigger_value=True)
SAID = WidgetState(id="$$ID-2-chat")
SAID.chat_input_value.data = "hello"
TYPED = WidgetState(id="$$ID-3-name", string_value="Ada")
OURS = WidgetState(id=f"$$ID-4-{KEY}__events", json_trigger_value="[]")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is asked for when the tab is idle."""
    asked: list[tuple[str, Any]] = []

    def ask(tab: str, wanted: Any, after: float, *, pressed: Any) -> bool:
        if wanted():
            asked.append((tab, [one.id for one in pressed.popleft()]))
        return after == 0

    monkeypatch.setattr(early_clicks, "rerun_when_idle", ask)
    return asked


def _run(*sent: WidgetState, drawn: tuple[str, ...] = ()) -> Any:
    state = SessionState()
    for name in drawn:
        button = WidgetMetadata(name, bool, bool, "trigger_value")
        state._new_widget_state.set_widget_metadata(button)
    state.set_widgets_from_proto(WidgetStates(widgets=sent))
    return SimpleNamespace(
        session_state=SafeSessionState(state, lambda: None), session_id="the tab"
    )


def _sent(run: Any) -> list[str]:
    return [one.id for one in run.session_state.get_widget_states()]


def test_what_is_pressed_early_is_set_aside(asked: list[tuple[str, Any]]) -> None:
    """Buttons and what is said; the values of fields are the run's, and what our own part of the page tells."""
    run, page = _run(PRESSED, SAID, TYPED, OURS), Page(sees_ends=True)

    early_clicks.set_early_aside(page, run)
    assert [TYPED.id, OURS.id] == _sent(run)
    early_clicks.serve_early(page, run)

    assert [("the tab", [PRESSED.id, SAID.id])] == asked
    early_clicks.serve_early(page, run)
    assert 1 == len(asked)


def test_a_button_that_the_page_has_is_served_at_once(asked: list[tuple[str, Any]]) -> None:
    """Streamlit has called its callback."""
    run, page = _run(PRESSED, drawn=(PRESSED.id,)), Page(sees_ends=True)

    early_clicks.set_early_aside(page, run)
    early_clicks.serve_early(page, run)

    assert ([PRESSED.id], []) == (_sent(run), asked)


def test_a_run_that_is_cut_short(asked: list[tuple[str, Any]]) -> None:
    """What it was asked for by is kept, and served before what came next: by a run of its own, since a second press counts."""
    page = Page(sees_ends=True)

    early_clicks.set_early_aside(page, _run(PRESSED, SAID))
    early_clicks.set_early_aside(page, run := _run(PRESSED))
    early_clicks.serve_early(page, run)
    assert [("the tab", [PRESSED.id, SAID.id])] == asked
    early_clicks.serve_early(page, run)

    assert [("the tab", [PRESSED.id])] == asked[1:]


def test_a_run_that_ends_while_the_next_one_begins(
    asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a thread of its own; nothing is served twice."""
    page, first, second = Page(sees_ends=True), _run(PRESSED), _run(SAID)
    early_clicks.set_early_aside(page, first)
    take = early_clicks.take_early

    def take_meanwhile(run: Any) -> list[Any]:
        early_clicks.serve_early(page, first)
        return take(run)

    with monkeypatch.context() as patch:
        patch.setattr(early_clicks, "take_early", take_meanwhile)
        early_clicks.set_early_aside(page, second)
    for _ in range(3):
        early_clicks.serve_early(page, second)

    assert [("the tab", [PRESSED.id]), ("the tab", [SAID.id])] == asked


def test_a_page_of_another_session(asked: list[tuple[str, Any]]) -> None:
    """It is loaded anew; what was pressed there was not meant for the session that the browser has by now."""
    run, page = _run(PRESSED), Page(sees_ends=True)

    early_clicks.set_early_aside(page, run)
    page.strayed = True
    early_clicks.serve_early(page, run)

    assert [] == asked


def test_where_no_end_is_seen(asked: list[tuple[str, Any]]) -> None:
    """Nobody would serve it: it stays."""
    run, page = _run(PRESSED), Page(sees_ends=False)

    early_clicks.set_early_aside(page, run)
    early_clicks.serve_early(page, run)

    assert ([PRESSED.id], []) == (_sent(run), asked)
