# SPDX-License-Identifier: Apache-2.0
"""All of Streamlit's state at once: equal to what Streamlit finds, found in one pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.state.session_state import SessionState

from sessionkit_streamlit.internals import contents, observe
from sessionkit_streamlit.internals.contents import QuickList
from sessionkit_streamlit.internals.guard import moved

Page = Callable[[str], Path]

LOOK = """
from sessionkit_streamlit.internals.contents import listed
from sessionkit_streamlit.internals.state import context, raw

def look():
    state = raw(context())
    theirs = type(state).filtered_state.__wrapped__.fget(state)
    assert theirs == listed(state)

look()
persist("city", "none", "own")
look()
st.session_state.setdefault("own", [1, 2])
st.session_state.setdefault("early", "set before its field")
shown = st.text_input("None", None, key="none")
look()
st.text_input("Early", key="early")
st.text_input("City", "Ghent", key="city")
st.text_input("A key that ends as none does", key="city-None")
st.text_input("No key")
if st.toggle("more", key="more"):
    st.text_input("Sometimes", key="sometimes")
st.slider("Range", 0, 9, (2, 5), key="range")
st.multiselect("Tags", ["a", "b"], key="tags")
st.dataframe({"a": [1, 2]}, on_select="rerun", key="table")
st.button("go", key="go")
look()
"""


def test_list_is_the_one_that_streamlit_makes(page: Page, browser: Any) -> None:
    """Own entries, fields that were set, sent, drawn, left out, without a key, with a selection, in all moments of a run."""
    tab = browser.open(page(LOOK)).run()
    tab.toggle(key="more").set_value(True).run()
    tab.text_input(key="sometimes").set_value("here").run()
    tab.toggle(key="more").set_value(False).run()
    tab.text_input(key="city").set_value("Bruges")
    tab.button(key="go").click().run()
    tab.multiselect(key="tags").set_value(["b"]).run()

    assert not tab.exception
    assert ("Bruges", ["b"]) == (tab.session_state["city"], tab.session_state["tags"])


def test_field_that_was_set_to_nothing_is_drawn_empty(page: Page, browser: Any) -> None:
    """That is what a field reads the list for: the page is sent no value to begin with."""
    body = 'st.session_state["city"] = None\nst.text_input("City", "Ghent", key="city")\n'

    tab = browser.open(page(body)).run()

    assert not tab.text_input(key="city").proto.HasField("default")


@pytest.fixture(name="original")
def _original() -> Any:
    """Return Streamlit's own way; what comes up once a process may come up again."""
    moved.cache_clear()
    current = SessionState.filtered_state
    return getattr(current, "__wrapped__", current).fget


def _state() -> SessionState:
    state = SessionState()
    state["city"] = "Ghent"
    return state


def test_streamlits_own_way_is_taken_again_where_the_lists_differ(
    original: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A release that finds more, or something else, gets what it finds; a warning says so once."""
    quick = QuickList(original)
    monkeypatch.setattr(contents, "listed", lambda _: {"city": "Bruges"})

    assert [{"city": "Ghent"}] * 3 == [quick(_state()) for _ in range(3)]
    assert 1 == caplog.text.count("SessionState.filtered_state as expected")


def test_lists_are_compared_again_and_again(original: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs only later is found later."""
    quick = QuickList(original)
    quick(_state())
    monkeypatch.setattr(contents, "listed", lambda _: {"city": "Bruges"})

    assert {"city": "Bruges"} == quick(_state())
    assert {"city": "Ghent"} in [quick(_state()) for _ in range(300)]
    assert {"city": "Ghent"} == quick(_state())


def test_state_of_another_shape_is_listed_by_streamlit(caplog: pytest.LogCaptureFixture) -> None:
    """Where the inside has moved, Streamlit's own way is taken."""
    moved.cache_clear()
    quick = QuickList(lambda state: {"from": state})

    assert {"from": "elsewhere"} == quick("elsewhere")
    assert 1 == caplog.text.count("SessionState.filtered_state as expected")


def test_errors_of_a_component_do_not_end_it(
    original: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that Streamlit's own way has as well says nothing of Streamlit."""

    def broken(_: Any) -> dict[str, Any]:
        raise TypeError

    def theirs(state: Any) -> Any:
        return broken(state) if state == "broken" else original(state)

    quick = QuickList(theirs)
    with monkeypatch.context() as patched:
        patched.setattr(contents, "listed", broken)
        with pytest.raises(TypeError):
            quick("broken")

    quick(_state())
    monkeypatch.setattr(contents, "listed", lambda _: {"city": "Bruges"})
    assert {"city": "Bruges"} == quick(_state())


def test_a_state_that_is_no_property_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook is left out, as everywhere else in Streamlit's inside."""
    monkeypatch.setattr(SessionState, "filtered_state", lambda self: {"of": self})
    places: list[Any] = []

    observe._wrap_contents(places)

    assert not places
