# SPDX-License-Identifier: Apache-2.0
"""A stored value that a widget no longer takes is reported, not raised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit import UserSession
from sessionkit.events import ValueDropped

Page = Callable[..., Path]

REFUSED: list[tuple[str, Any, Any]] = [
    ("st.selectbox('x', ['a', 'b'], key='x')", "gone", "a"),
    ("st.radio('x', ['a', 'b'], key='x')", "gone", "a"),
    ("st.multiselect('x', ['a', 'b'], key='x')", ["b", "gone"], ["b"]),
    ("st.multiselect('x', ['a', 'b', 'c'], max_selections=1, key='x')", ["a", "b"], []),
    ("st.select_slider('x', ['a', 'b'], key='x')", "gone", "a"),
    ("st.number_input('x', 0, 9, key='x')", 42, 0),
    ("st.number_input('x', 0, 9, key='x')", "many", 0),
    ("st.slider('x', 0, 9, key='x')", 42, 0),
    ("st.slider('x', 0, 9, key='x')", "many", 0),
    ("st.slider('x', 0, 9, (2, 3), key='x')", 5, (2, 3)),
    ("st.slider('x', date(2026, 1, 1), date(2026, 2, 1), key='x')", "soon", "date"),
    ("st.date_input('x', date(2026, 1, 1), max_value=date(2026, 2, 1), key='x')", "2030", "date"),
    ("st.text_input('x', key='x')", 42, ""),
    ("st.text_area('x', key='x')", ["a"], ""),
    ("st.checkbox('x', key='x')", "yes", False),
    ("st.color_picker('x', key='x')", 7, "#000000"),
    ("st.time_input('x', time(1, 2), key='x')", 9, "time"),
]


def _seed(browser: Any, value: Any) -> None:
    session = UserSession(session_id="the-session")
    session.inputs["x"] = value
    browser.manager.repository.save(session)
    browser.restart()


@pytest.mark.parametrize("case", REFUSED, ids=[f"{w.split('(')[0]} {v!r}" for w, v, _ in REFUSED])
def test_a_refused_value_is_reported_once(
    browser: Any, page: Page, caplog: pytest.LogCaptureFixture, case: tuple[str, Any, Any]
) -> None:
    """The page is whole, the event and the log name key, value and reason, and it is over."""
    widget, stored, shown = case
    _seed(browser, stored)
    script = page(f"from datetime import *\n{widget}\nst.session_state.seen = st.session_state.x\n")
    tab = browser.open(script).run()
    assert not tab.exception
    seen = tab.session_state.seen
    assert shown == (type(seen).__name__ if shown in ("date", "time") else seen)
    (dropped,) = browser.told(ValueDropped)
    assert ("x", stored) == (dropped.key, dropped.value)
    assert dropped.reason
    assert "ValueDropped" in caplog.text
    assert repr(stored) in caplog.text
    tab.run()
    browser.restart()
    assert not browser.open(script).run().exception
    assert 1 == len(browser.told(ValueDropped))


@pytest.mark.parametrize(
    ("widget", "stored", "reason"),
    [
        ("st.text_input('x', key='x')", 42, "the widget takes str, not int"),
        ("st.text_input('x', None, key='x')", 42, "the widget takes no int"),
        ("st.text_area('x', key='x')", {"a": 1}, "the widget takes str, not dict"),
        ("st.number_input('x', 0, 9, key='x')", "many", "the widget takes int, not str"),
        ("st.number_input('x', value=None, key='x')", "7", "the widget takes no str"),
        ("st.time_input('x', time(1, 2), key='x')", 9, "the widget takes time, not int"),
        ("st.date_input('x', date(2026, 1, 1), key='x')", "2026", "the widget takes date, not str"),
        ("st.toggle('x', key='x')", "on", "the widget takes bool, not str"),
        ("st.feedback('stars', key='x')", 9, "the widget does not take 9"),
        ("st.multiselect('x', ['a'], key='x')", 9, "the widget takes list, not int"),
        ("st.multiselect('x', ['a'], key='x')", "a", "the widget takes list, not str"),
    ],
)
def test_the_reason_is_plain(
    browser: Any, page: Page, widget: str, stored: Any, reason: str
) -> None:
    """It names the type that the widget takes and the one that was stored, not what broke inside."""
    _seed(browser, stored)
    assert not browser.open(page(f"from datetime import *\n{widget}\n")).run().exception
    assert [reason] == [dropped.reason for dropped in browser.told(ValueDropped)]


@pytest.mark.parametrize(
    "widget",
    [
        "st.button('x', key='x')",
        "st.file_uploader('x', key='x')",
        "st.data_editor([{'a': 1}], key='x')",
        "with st.form('x'):\n    st.form_submit_button()",
        "st.chat_input('x', key='x')",
    ],
)
def test_a_value_for_what_nobody_can_set_is_reported(browser: Any, page: Page, widget: str) -> None:
    """The app gave a stored key to a button since: no error on the page, an event, and then silence."""
    _seed(browser, "text")
    script = page(f"{widget}\n")
    tab = browser.open(script).run()
    assert not tab.exception
    (dropped,) = browser.told(ValueDropped)
    assert "Streamlit lets nobody set it" in dropped.reason
    tab.run()
    browser.restart()
    assert not browser.open(script).run().exception
    assert 1 == len(browser.told(ValueDropped))


def test_the_apps_own_wrong_value_is_the_apps_own_error(browser: Any, page: Page) -> None:
    """Only what was put back is looked at: what the app sets wrongly is shown as Streamlit shows it."""
    tab = browser.open(page("st.session_state.x = 42\nst.slider('x', 0, 9, key='x')\n")).run()
    assert tab.exception
    assert [] == browser.told(ValueDropped)
