# SPDX-License-Identifier: Apache-2.0
"""What a field looks up in Streamlit's state: what Streamlit's list of it says, and no list is made for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.elements.widgets import text_widgets
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState

from sessionkit_streamlit.internals import contents, observe
from sessionkit_streamlit.internals.contents import CONTENTS_READERS, FieldState, Lookup
from sessionkit_streamlit.internals.guard import moved
from sessionkit_streamlit.internals.state import MISSING

Page = Callable[[str], Path]

LOOK = """
from sessionkit_streamlit.internals.contents import FieldState, Lookup
from sessionkit_streamlit.internals.state import context

NAMES = ["city", "none", "own", "early", "city-None", "more", "sometimes", "range", "tags", "table", "go", "nothing"]

def look():
    state = context().session_state
    theirs, ours = state.filtered_state, FieldState(state, Lookup()).filtered_state
    assert theirs == dict(ours)
    assert theirs.keys() - {"_sessionkit_browser"} == {key for key in NAMES if key in ours}

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


def test_what_is_looked_up_is_what_streamlit_lists(page: Page, browser: Any) -> None:
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
    """That is what a field looks for: the page is sent no value to begin with."""
    body = 'st.session_state["city"] = None\nst.text_input("City", "Ghent", key="city")\n'

    tab = browser.open(page(body)).run()

    assert not tab.text_input(key="city").proto.HasField("default")


def test_no_field_of_a_page_has_all_listed(
    page: Page, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page of many fields costs grows with their number, not with its square."""
    body = "".join(f'st.text_input("Field", key="field{number}")\n' for number in range(20))
    tab = browser.open(page(body)).run()
    made = []
    theirs = SessionState.filtered_state.fget  # type: ignore[attr-defined] - a property

    def listed(state: SessionState) -> dict[str, Any]:
        made.append(state)
        return theirs(state)  # type: ignore[no-any-return] - as above

    monkeypatch.setattr(SessionState, "filtered_state", property(listed))
    tab.run()

    assert not tab.exception
    assert 1 >= len(made)  # one of so many is compared


@pytest.mark.parametrize("name", CONTENTS_READERS)
def test_fields_are_given_what_they_ask_for(name: str, page: Page, browser: Any) -> None:
    """A red test here says which module of Streamlit asks in another way."""
    browser.open(page("")).run()

    assert isinstance(importlib.import_module(name).get_session_state(), FieldState)


def test_all_else_of_the_state_is_streamlits_own() -> None:
    """Some fields set a value that they have corrected."""
    state = SafeSessionState(_state(), lambda: None)
    given = FieldState(state, Lookup())

    given.reset_state_value("city", "Bruges")

    assert "Bruges" == given.filtered_state["city"]
    assert "town" not in given.filtered_state
    with pytest.raises(KeyError, match="town"):
        given.filtered_state["town"]
    assert (["city"], 1) == (list(given.filtered_state), len(given.filtered_state))


@pytest.fixture(autouse=True)
def _said_anew() -> None:
    """What comes up once a process may come up again."""
    moved.cache_clear()


def _state() -> SessionState:
    state = SessionState()
    state["city"] = "Ghent"
    return state


def _safe() -> SafeSessionState:
    return SafeSessionState(_state(), lambda: None)


def test_streamlits_own_way_is_taken_again_where_both_differ(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A release that finds something else gets what it finds; a warning says so once."""
    look_up = Lookup()
    monkeypatch.setattr(contents, "value_in", lambda *_: "Bruges")

    assert ["Ghent"] * 3 == [look_up(_safe(), "city") for _ in range(3)]
    assert 1 == caplog.text.count("SessionState.filtered_state as expected")


def test_what_is_missing_for_us_alone_differs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release may keep values elsewhere."""
    look_up = Lookup()
    monkeypatch.setattr(contents, "value_in", lambda *_: MISSING)

    assert "Ghent" == look_up(_safe(), "city")


def test_values_are_compared_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs only later is found later."""
    look_up = Lookup()
    look_up(_safe(), "city")
    monkeypatch.setattr(contents, "value_in", lambda *_: "Bruges")

    assert "Bruges" == look_up(_safe(), "city")
    assert "Ghent" in [look_up(_safe(), "city") for _ in range(300)]
    assert "Ghent" == look_up(_safe(), "city")


def test_state_of_another_shape_is_listed_by_streamlit(caplog: pytest.LogCaptureFixture) -> None:
    """Where the inside has moved, Streamlit's own way is taken."""
    state = SimpleNamespace(filtered_state={"city": "elsewhere"})

    assert "elsewhere" == Lookup()(state, "city")
    assert 1 == caplog.text.count("SessionState.filtered_state as expected")


def test_errors_of_a_component_do_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that Streamlit's own way has as well says nothing of Streamlit."""

    class Broken:
        @property
        def filtered_state(self) -> dict[str, Any]:
            raise TypeError

    def broken(*_: object) -> Any:
        raise TypeError

    look_up = Lookup()
    with monkeypatch.context() as patched:
        patched.setattr(contents, "value_in", broken)
        with pytest.raises(TypeError):
            look_up(Broken(), "city")

    look_up(_safe(), "city")
    monkeypatch.setattr(contents, "value_in", lambda *_: "Bruges")
    assert "Bruges" == look_up(_safe(), "city")


def test_a_module_that_asks_in_another_way_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook is left out, as everywhere else in Streamlit's inside."""
    monkeypatch.delattr(text_widgets, "get_session_state")
    places: list[Any] = []

    observe._wrap_contents(places)

    assert len(CONTENTS_READERS) - 1 == len(places)
    assert text_widgets not in [owner for owner, _ in places]
