# SPDX-License-Identifier: Apache-2.0
"""What the session holds comes back before widgets are made; what they no longer take is reported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.elements.lib import policies
from streamlit.proto.WidgetStates_pb2 import WidgetStates

from sessionkit import UserSession
from sessionkit.events import SessionGone, ValueDropped
from sessionkit_streamlit import persist

Page = Callable[..., Path]

CITY = "persist('city')\nst.text_input('City', key='city')\n"

WIDGETS: list[tuple[str, Any]] = [
    ("st.text_input('x', key='x')", "typed"),
    ("st.text_area('x', key='x')", "two\nlines"),
    ("st.number_input('x', 0, 99, key='x')", 42),
    ("st.number_input('x', value=1.5, key='x')", 2.25),
    ("st.slider('x', 0, 99, key='x')", 42),
    ("st.slider('x', 0, 99, (1, 5), key='x')", (3, 8)),
    ("st.slider('x', date(2026, 1, 1), date(2026, 12, 31), key='x')", date(2026, 11, 22)),
    ("st.checkbox('x', key='x')", True),
    ("st.toggle('x', key='x')", True),
    ("st.selectbox('x', ['a', 'b', 'c'], key='x')", "b"),
    ("st.radio('x', ['a', 'b', 'c'], key='x')", "c"),
    ("st.multiselect('x', ['a', 'b', 'c'], key='x')", ["c", "a"]),
    ("st.select_slider('x', ['a', 'b', 'c'], key='x')", "b"),
    ("st.pills('x', ['a', 'b', 'c'], key='x')", "b"),
    ("st.segmented_control('x', ['a', 'b'], selection_mode='multi', key='x')", ["b"]),
    ("st.feedback('stars', key='x')", 3),
    ("st.color_picker('x', key='x')", "#12ab34"),
    ("st.date_input('x', date(2026, 1, 1), key='x')", date(2026, 11, 22)),
    (
        "st.date_input('x', (date(2026, 1, 1), date(2026, 1, 2)), key='x')",
        (date(2026, 2, 1), date(2026, 2, 3)),
    ),
    ("st.time_input('x', time(1, 2), key='x')", time(22, 5)),
    ("st.datetime_input('x', datetime(2026, 1, 1), key='x')", datetime(2026, 11, 22, 21, 45)),  # noqa: DTZ001
]


def seed(browser: Any, **inputs: Any) -> None:
    """Store inputs for the browser's session, then restart the server."""
    session = UserSession(session_id="the-session", inputs=inputs)
    browser.manager.repository.save(session)
    browser.restart()


def test_text_comes_back_after_a_restart(browser: Any, page: Page) -> None:
    """A typed text is there again in a new connection to a restarted server, in its first run."""
    script = page(CITY)
    tab = browser.open(script).run()
    tab.text_input(key="city").set_value("Ghent").run()
    browser.restart()
    again = browser.open(script).run()
    assert not again.exception
    assert "Ghent" == again.text_input(key="city").value


def test_refresh_finds_what_is_not_stored_yet(browser: Any, page: Page) -> None:
    """A second connection to the same server sees the live session, saved or not."""
    script = page(CITY)
    browser.open(script).run().text_input(key="city").set_value("Ghent").run()
    assert "Ghent" == browser.open(script).run().text_input(key="city").value


@pytest.mark.parametrize(
    ("widget", "value"), WIDGETS, ids=[one.split("(")[0] for one, _ in WIDGETS]
)
def test_every_value_widget_takes_its_value_back(
    browser: Any, page: Page, widget: str, value: Any
) -> None:
    """Each widget that has a value shows the stored one, and nothing is dropped."""
    seed(browser, x=value)
    body = f"from datetime import *\n{widget}\nst.session_state.seen = st.session_state.x\n"
    tab = browser.open(page(body)).run()
    assert not tab.exception
    assert value == tab.session_state.seen
    assert [] == browser.told(ValueDropped)


def test_a_default_value_gives_way_without_a_warning(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A widget with ``value=`` shows the stored value; Streamlit's warning about both is kept away."""
    monkeypatch.setattr(policies, "_shown_default_value_warning", value=False)
    seed(browser, city="Ghent")
    tab = browser.open(page("st.text_input('City', 'Bruges', key='city')\n")).run()
    assert "Ghent" == tab.text_input(key="city").value
    assert not policies._shown_default_value_warning


def test_what_the_browser_sent_wins_over_what_is_stored(browser: Any, page: Page) -> None:
    """After a fail-over the first request brings the user's edit; the store must not undo it."""
    script = page(CITY)
    tab = browser.open(script).run()
    tab.text_input(key="city").set_value("Ghent").run()
    sent = tab.text_input(key="city").set_value("Antwerp")._widget_state
    browser.restart()
    fresh = browser.open(script)
    fresh._run(WidgetStates(widgets=[sent]))
    assert "Antwerp" == fresh.text_input(key="city").value
    browser.restart()
    assert "Antwerp" == browser.open(script).run().text_input(key="city").value


def test_a_plain_value_comes_back(browser: Any, page: Page) -> None:
    """A value without a widget is kept too, and a default that the app sets first loses."""
    script = page(
        "persist('cart')\nst.session_state.setdefault('cart', [])\nif st.button('add', key='add'):\n    st.session_state.cart.append('apple')\n"
    )
    tab = browser.open(script).run()
    tab.button(key="add").click().run()
    browser.restart()
    assert ["apple"] == browser.open(script).run().session_state.cart


def test_other_tabs_change_arrives(browser: Any, page: Page) -> None:
    """What one tab changed is shown by the other at its next rerun, unless it was edited there."""
    script = page(CITY)
    one, two = browser.open(script).run(), browser.open(script).run()
    one.text_input(key="city").set_value("Ghent").run()
    assert "Ghent" == two.run().text_input(key="city").value


def test_an_edit_in_this_tab_wins_over_another_tabs(browser: Any, page: Page) -> None:
    """Two tabs changed one key: each keeps what its own user did last."""
    script = page(CITY)
    one, two = browser.open(script).run(), browser.open(script).run()
    one.text_input(key="city").set_value("Ghent").run()
    two.text_input(key="city").set_value("Antwerp").run()
    assert "Antwerp" == two.text_input(key="city").value
    assert "Antwerp" == one.run().text_input(key="city").value


def test_tabs_do_not_overwrite_each_others_keys(browser: Any, page: Page) -> None:
    """A tab writes only what changed in it: an old value shown elsewhere undoes nothing."""
    script = page("persist('a', 'b')\nst.text_input('A', key='a')\nst.text_input('B', key='b')\n")
    one, two = browser.open(script).run(), browser.open(script).run()
    one.text_input(key="a").set_value("1").run()
    two.text_input(key="b").set_value("2").run()
    browser.restart()
    again = browser.open(script).run()
    assert ("1", "2") == (again.text_input(key="a").value, again.text_input(key="b").value)


def test_a_session_that_ended_leaves_nothing(browser: Any, page: Page) -> None:
    """After end_session the widgets are empty again, and nothing of before enters the new session."""
    body = CITY + "if st.button('bye', key='bye'):\n    end_session()\n    st.rerun()\n"
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.button(key="bye").click().run()
    assert not tab.exception
    assert "" == tab.text_input(key="city").value
    browser.manager.flush()
    assert [] == browser.told(SessionGone)


def test_logging_out_sets_widgets_back_without_a_warning(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit warns of a widget with a default whose value is set besides: not where it was us."""
    monkeypatch.setattr(policies, "_shown_default_value_warning", value=False)
    body = "from datetime import date, datetime, time\n"
    for number, (widget, _) in enumerate(WIDGETS):
        keyed = widget.replace("'x')", f"'x{number}')")
        body += f"persist_input('x{number}', {keyed})\n"
    body += "st.button('bye', on_click=end_session)\n"
    tab = browser.open(page(body)).run()
    before = {key: tab.session_state[key] for key in browser.session().inputs}
    tab.checkbox[0].check().run()
    tab.button[0].click().run()
    assert not tab.exception
    assert before == {key: tab.session_state[key] for key in before}
    assert not policies._shown_default_value_warning
    assert [] == browser.told(ValueDropped)


def test_cleared_state_keeps_the_connection(browser: Any, page: Page) -> None:
    """``st.session_state.clear()`` takes the app's values, not the session."""
    body = "st.session_state.setdefault('ids', []).append(session.session_id)\nids = st.session_state.ids\nst.session_state.clear()\nst.session_state.ids = ids\n"
    tab = browser.open(page(body)).run().run()
    assert ["the-session", "the-session"] == tab.session_state.ids


def test_hidden_entries_are_not_listed(browser: Any, page: Page) -> None:
    """The app sees none of sessionkit's own entries but the browser component's."""
    tab = browser.open(page("st.session_state.listed = list(st.session_state)\n")).run()
    assert [] == [
        key for key in tab.session_state.listed if not key.startswith("_sessionkit_browser")
    ]


def test_state_can_be_pickled_as_a_check(browser: Any, page: Page) -> None:
    """Streamlit's check that all state can be pickled passes."""
    st.config.set_option("runner.enforceSerializableSessionState", value=True)
    try:
        tab = browser.open(page(CITY)).run()
    finally:
        st.config.set_option("runner.enforceSerializableSessionState", value=False)
    assert not tab.exception


def test_persist_takes_texts() -> None:
    """A key that is no text is refused with the right one said."""
    with pytest.raises(TypeError, match=r"persist.* takes keys of st.session_state"):
        persist(1)  # type: ignore[arg-type]


def test_persist_outside_streamlit_does_nothing() -> None:
    """A script that is run bare may call it."""
    persist("city")


def test_a_widget_that_was_made_before_the_session_loses_nothing(
    browser: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is stored can't be shown then, and stays until the user types; a warning says what is wrong."""
    script = tmp_path / "late.py"
    script.write_text(
        "import streamlit as st\n"
        "from sessionkit import *\n"
        "city = st.text_input('City', key='city')\n"
        "session = bootstrap_session()\n"
        "persist_input('city', city)\n"
    )
    browser.open(script).run().text_input(key="city").set_value("Ghent").run()
    browser.restart()
    assert "called after" not in caplog.text

    tab = browser.open(script).run()
    tab.run()
    assert "Ghent" == browser.session().inputs["city"]
    assert "called after the widgets with these keys" in caplog.text
    assert "'city'" in caplog.text

    tab.text_input(key="city").set_value("Bruges").run()
    assert "Bruges" == browser.session().inputs["city"]


# -- several pages: Streamlit forgets a widget when its page is left -------------


@pytest.fixture
def two_pages(tmp_path: Path, page: Page) -> Path:
    """Write an app of two pages, of which the first has a text field."""
    (tmp_path / "one.py").write_text("import streamlit as st\nst.text_input('City', key='city')\n")
    (tmp_path / "two.py").write_text("import streamlit as st\nst.write('nothing here')\n")
    return page("persist('city')\nst.navigation([st.Page('one.py'), st.Page('two.py')]).run()\n")


def test_a_value_survives_leaving_its_page(browser: Any, two_pages: Path) -> None:
    """The field shows its text again when the user comes back, and can be read in between."""
    tab = browser.open(two_pages).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.switch_page("two.py").run().run()
    assert "Ghent" == tab.session_state.city
    assert "Ghent" == tab.switch_page("one.py").run().text_input(key="city").value


def test_an_old_value_does_not_resurrect(browser: Any, two_pages: Path) -> None:
    """A value put back before its page was opened must not return once it was edited there."""
    tab = browser.open(two_pages).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.switch_page("two.py").run()
    browser.restart()
    again = browser.open(two_pages)
    again.switch_page("two.py")
    again.run().run()
    again.switch_page("one.py").run()
    assert "Ghent" == again.text_input(key="city").value
    again.text_input(key="city").set_value("Antwerp").run()
    again.switch_page("two.py").run().run()
    assert {"city": "Antwerp"} == browser.session().inputs
    assert "Antwerp" == again.switch_page("one.py").run().text_input(key="city").value
    assert "Antwerp" == again.run().text_input(key="city").value


# -- what a widget no longer takes -----------------------------------------------


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
    ("st.number_input('x', 0, 9, key='x')", True, 0),
    ("st.selectbox('x', [1, 2], index=None, key='x')", True, None),
    ("st.checkbox('x', key='x')", datetime(2026, 1, 1), False),  # noqa: DTZ001
    ("st.color_picker('x', key='x')", date(2026, 1, 1), "#000000"),
    ("st.pills('x', ['a', 'b'], selection_mode='multi', key='x')", ["b", "gone"], ["b"]),
]


@pytest.mark.parametrize("case", REFUSED, ids=[f"{w.split('(')[0]} {v!r}" for w, v, _ in REFUSED])
def test_a_refused_value_is_reported_once(
    browser: Any, page: Page, caplog: pytest.LogCaptureFixture, case: tuple[str, Any, Any]
) -> None:
    """The page is whole, the event and the log name key, value and reason, and it is over."""
    widget, stored, shown = case
    seed(browser, x=stored)
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
    seed(browser, x=stored)
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
    seed(browser, x="text")
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
