# SPDX-License-Identifier: Apache-2.0
"""Widgets that keep themselves: each of the installed Streamlit, with no other call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from inspect import signature
from pathlib import Path
from typing import Any, Final

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import sessionkit_streamlit as sk
from sessionkit import UserSession
from sessionkit.events import ValueDropped
from sessionkit_streamlit import kept
from sessionkit_streamlit.widgets.kept import value_widgets

HEAD: Final = """
from datetime import date, datetime, time
import streamlit as st
import sessionkit_streamlit as sk
"""

CALLS: Final[dict[str, tuple[str, Any]]] = {
    "checkbox": ("'x'", True),
    "color_picker": ("'x'", "#12ab34"),
    "date_input": ("'x', date(2026, 1, 1)", date(2026, 11, 22)),
    "datetime_input": ("'x', datetime(2026, 1, 1)", datetime(2026, 11, 22, 21, 45)),  # noqa: DTZ001 - as the widget has it
    "feedback": ("'stars'", 3),
    "multiselect": ("'x', ['a', 'b', 'c']", ["c", "a"]),
    "number_input": ("'x', 0, 99", 42),
    "pagination": ("9", 4),
    "pills": ("'x', ['a', 'b', 'c']", "b"),
    "radio": ("'x', ['a', 'b', 'c']", "c"),
    "segmented_control": ("'x', ['a', 'b', 'c']", "b"),
    "select_slider": ("'x', ['a', 'b', 'c']", "b"),
    "selectbox": ("'x', ['a', 'b', 'c']", "b"),
    "slider": ("'x', 0, 99", 42),
    "text_area": ("'x'", "two\nlines"),
    "text_input": ("'x'", "typed"),
    "time_input": ("'x', time(1, 2)", time(22, 5)),
    "toggle": ("'x'", True),
}
"""How each widget is called, but for its key, and a value that it doesn't begin with."""

INSTALLED: Final = sorted(value_widgets())

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a script that imports both, and calls nothing of sessionkit's."""

    def script(body: str) -> Path:
        path = tmp_path / "page.py"
        path.write_text(HEAD + body)
        return path

    return script


def drawn(name: str, *, key: str = "x") -> str:
    """Return the line that makes a widget and keeps aside what it returned."""
    return f"st.session_state.seen = sk.{name}({CALLS[name][0]}, key={key!r})\n"


def choose(tab: AppTest, value: Any, *, key: str = "x") -> AppTest:
    """Change a widget as its user would; AppTest knows not all of them, so by the state, as a callback does."""
    tab.session_state[key] = value
    return tab.run()


def test_every_value_widget_of_streamlit_is_there() -> None:
    """The names are found in the installed Streamlit, with its signatures; each is tried below."""
    assert {"text_input", "slider", "selectbox", "pills"} <= set(INSTALLED) <= set(CALLS)
    assert set(INSTALLED) <= set(dir(sk))
    for name in INSTALLED:
        assert signature(getattr(st, name)) == signature(getattr(sk, name))
        assert getattr(st, name).__doc__ == getattr(sk, name).__doc__


def test_looks_at_nothing_but_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no file of secrets, what is not a function may not even be shown."""

    class Unshown:
        def __repr__(self) -> str:
            raise FileNotFoundError

    monkeypatch.setattr(st, "secrets", Unshown())
    assert INSTALLED == sorted(value_widgets())


@pytest.mark.parametrize("name", INSTALLED)
def test_keeps_itself(browser: Any, write: Write, name: str) -> None:
    """What a widget shows is there again after F5 and a restart; nothing else is called, and it returns its value."""
    value, script = CALLS[name][1], write(drawn(name))
    tab = choose(browser.open(script).run(), value)
    assert not tab.exception
    assert value == tab.session_state.seen
    assert value == browser.open(script).run().session_state.seen
    browser.restart()
    again = browser.open(script).run()
    assert not again.exception
    assert value == again.session_state.seen
    assert value == browser.session().inputs["x"]
    assert [] == browser.told(ValueDropped)


@pytest.mark.parametrize("name", INSTALLED)
def test_comes_back_with_its_page(browser: Any, write: Write, name: str) -> None:
    """A widget that was on another page for a while shows what it showed before, in each run that follows."""
    value = CALLS[name][1]
    other = "if st.checkbox('other', key='other'):\n    st.stop()\n"
    script = write(other + drawn(name))
    tab = choose(browser.open(script).run(), value)
    tab.checkbox(key="other").check().run()
    tab.checkbox(key="other").uncheck().run()
    assert not tab.exception
    assert value == tab.session_state.seen
    assert value == tab.run().session_state.seen


@pytest.mark.parametrize("name", INSTALLED)
def test_an_untouched_widget_stores_nothing(browser: Any, write: Write, name: str) -> None:
    """What a widget begins with is nobody's choice: a later version of the page may begin with something else."""
    browser.open(write(drawn(name))).run().run()
    assert {} == browser.session().inputs


@pytest.mark.parametrize("name", INSTALLED)
def test_needs_a_key(name: str) -> None:
    """Without a key there is an error that names the widget, and shows what to write."""
    with pytest.raises(TypeError, match=rf"{name}\('Your name'\) needs a key.*key='your_name'"):
        getattr(sk, name)("Your name")


def test_takes_its_key_as_streamlit_does(browser: Any, write: Write) -> None:
    """A key may stand among the positional arguments, and may be a number."""
    script = write("sk.checkbox('a', False, 'a')\nsk.checkbox('b', key=7)\n")
    tab = browser.open(script).run()
    tab.checkbox[0].check()
    tab.checkbox[1].check().run()
    browser.restart()
    again = browser.open(script).run()
    assert [True, True] == [one.value for one in again.checkbox]
    assert {"a": True, "7": True} == browser.session().inputs


@pytest.mark.parametrize(
    ("name", "before", "after", "stored", "shown"),
    [
        ("selectbox", "'x', ['a', 'b']", "'x', ['a', 'c']", "b", "a"),
        ("radio", "'x', ['a', 'b']", "'x', ['a', 'c']", "b", "a"),
        ("select_slider", "'x', ['a', 'b']", "'x', ['a', 'c']", "b", "a"),
        ("pills", "'x', ['a', 'b']", "'x', ['a', 'c']", "b", None),
        ("segmented_control", "'x', ['a', 'b']", "'x', ['a', 'c']", "b", None),
        ("multiselect", "'x', ['a', 'b']", "'x', ['a', 'c']", ["a", "b"], ["a"]),
        ("slider", "'x', 0, 99", "'x', 0, 9", 42, 0),
        ("number_input", "'x', 0, 99", "'x', 0, 9", 42, 0),
    ],
)
def test_tolerates_what_is_no_longer_offered(  # noqa: PLR0913, PLR0917 - a row of the table
    browser: Any, write: Write, name: str, before: str, after: str, stored: Any, shown: Any
) -> None:
    """A stored choice that the page doesn't offer any more: the widget begins anew, and an event says so."""
    choose(browser.open(write(f"sk.{name}({before}, key='x')\n")).run(), stored)
    browser.restart()
    tab = browser.open(write(f"st.session_state.seen = sk.{name}({after}, key='x')\n")).run()
    assert not tab.exception
    assert shown == tab.session_state.seen
    [dropped] = browser.told(ValueDropped)
    assert ("x", stored) == (dropped.key, dropped.value)


def test_bootstraps_once_a_run(browser: Any, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first widget of a run bootstraps, in each run; those that follow, and the script's own call, change nothing."""
    calls, original = [], browser.manager.bootstrap

    def bootstrap(*args: Any, **more: Any) -> UserSession:
        calls.append(1)
        session: UserSession = original(*args, **more)
        return session

    monkeypatch.setattr(browser.manager, "bootstrap", bootstrap)
    fields = "".join(f"sk.text_input('x', key='x{n}')\n" for n in range(3))
    tab = browser.open(write(fields + "if st.button('again', key='again'):\n    st.rerun()\n"))
    tab.run().run()
    assert 2 == len(calls)
    tab.button(key="again").click().run()
    assert 4 == len(calls)
    own = "from sessionkit import bootstrap_session\nbootstrap_session()\n"
    browser.open(write(own + fields)).run()
    assert 5 == len(calls)


def test_shows_what_another_tab_changed(browser: Any, write: Write) -> None:
    """Widgets of two tabs show one session, at their next run."""
    script = write("st.session_state.seen = sk.text_input('City', key='city')\n")
    one, other = browser.open(script).run(), browser.open(script).run()
    one.text_input(key="city").set_value("Ghent").run()
    assert "Ghent" == other.run().session_state.seen


def test_stands_in_containers(browser: Any, write: Write) -> None:
    """In ``with``, and in a column, where ``kept`` makes it of the column's own."""
    script = write(
        "with st.sidebar:\n    sk.text_input('a', key='a')\n"
        "left, right = st.columns(2)\n"
        "with left:\n    sk.text_input('b', key='b')\n"
        "sk.kept(right.text_input)('c', key='c')\n"
    )
    tab = browser.open(script).run()
    assert ["a"] == [one.key for one in tab.sidebar.text_input]
    assert [["b"], ["c"]] == [[one.key for one in column.text_input] for column in tab.columns]
    for key in "abc":
        tab.text_input(key=key).set_value(key.upper())
    tab.run()
    browser.restart()
    again = browser.open(script).run()
    assert ["A", "B", "C"] == [again.text_input(key=key).value for key in "abc"]


def test_keeps_in_fragments(browser: Any, write: Write) -> None:
    """A field in a fragment is kept when the fragment alone runs."""
    script = write(
        "sk.text_input('a', key='a')\n"
        "@st.fragment\n"
        "def part():\n    sk.text_input('b', key='b')\n    st.session_state.seen = st.session_state.b\n"
        "part()\n"
    )
    tab = browser.open(script).run()
    tab.text_input(key="b").set_value("B").run()
    browser.restart()
    assert "B" == browser.open(script).run().session_state.seen


def test_never_keeps_a_password(browser: Any, write: Write) -> None:
    """A field for a password returns what was typed, and nothing of it is stored."""
    script = write("st.session_state.seen = sk.text_input('Pin', type='password', key='pin')\n")
    tab = browser.open(script).run().text_input(key="pin").set_value("hunter2").run()
    assert "hunter2" == tab.session_state.seen
    browser.restart()
    assert "" == browser.open(script).run().session_state.seen
    assert {} == browser.session().inputs


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("button", "pressed"),
        ("download_button", "pressed"),
        ("form_submit_button", "pressed"),
        ("link_button", "pressed"),
        ("file_uploader", "file"),
        ("camera_input", "file"),
        ("audio_input", "file"),
        ("chat_input", "sent"),
        ("data_editor", "sessionkit_streamlit.data_editor"),
        ("form", "no value"),
        ("write", "takes no key"),
    ],
)
def test_refuses_what_is_momentary(name: str, word: str) -> None:
    """What has no value for longer than a moment is refused at once, with what to do instead."""
    with pytest.raises(TypeError, match=rf"{name} can't be kept: .*{word}"):
        kept(getattr(st, name))


def test_has_no_widget_that_streamlit_has_not() -> None:
    """A name that is none, or none of a widget that holds a value, is an AttributeError as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        sk.nothing_of_the_kind  # noqa: B018 - it is the looking up that raises
    with pytest.raises(AttributeError, match="'file_uploader', and it is no widget"):
        sk.file_uploader  # noqa: B018 - as above


def test_refuses_what_streamlit_lets_nobody_set(browser: Any, write: Write) -> None:
    """What can be told only when it is made is refused then."""
    script = write(
        "def press(label, key=None):\n    return st.button(label, key=key)\n"
        "sk.kept(press)('Send', key='send')\n"
    )
    [error] = browser.open(script).run().exception
    assert "press can't be kept: Streamlit lets nobody set it" in error.value


def test_a_stranger_s_widget_can_be_kept(browser: Any, write: Write) -> None:
    """A function around a widget, which takes its key, is kept like the widget."""
    script = write(
        "def city(label, **more):\n    return st.text_input(label, **more).upper()\n"
        "st.session_state.seen = sk.kept(city)('City', key='city')\n"
    )
    browser.open(script).run().text_input(key="city").set_value("Ghent").run()
    browser.restart()
    assert "GHENT" == browser.open(script).run().session_state.seen


def test_stays_a_widget_outside_of_a_page() -> None:
    """Run as a plain script, as a linter's or a test's import does, it is Streamlit's own."""
    assert "" == sk.text_input("City", key="city")
