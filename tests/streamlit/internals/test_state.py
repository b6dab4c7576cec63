# SPDX-License-Identifier: Apache-2.0
"""Streamlit's state as it is read at each rerun: key by key, and as the app sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sessionkit_streamlit.internals import state
from sessionkit_streamlit.internals.guard import moved

Page = Callable[..., Path]

LOOK = """
import streamlit as st
from sessionkit_streamlit.internals.state import MISSING, context, snapshot, value_of, values

def look():
    run = context()
    everything = snapshot(run)
    keys = [*everything, "absent"]
    one_by_one = {key: value_of(run, key) for key in keys}
    assert everything == values(run, keys)
    assert one_by_one == {**everything, "absent": MISSING}
    return everything

look()
st.session_state.setdefault("own", [1, 2])
st.session_state.setdefault("early", "set before its field")
look()
st.text_input("Early", key="early")
st.text_input("City", "Ghent", key="city")
st.slider("Range", 0, 9, (2, 5), key="range")
st.multiselect("Tags", ["a", "b"], key="tags")
st.dataframe({"a": [1, 2]}, on_select="rerun", key="table")
st.button("go", key="go")
shown = look()
"""


def test_single_keys_read_as_the_app_sees_them() -> None:
    """Own entries, fields at their defaults and touched, what a selection is shown as, and what is not there."""
    tab = AppTest.from_string(LOOK, default_timeout=30).run()
    tab.text_input(key="city").set_value("Bruges")
    tab.button(key="go").click().run()
    tab.multiselect(key="tags").set_value(["b"]).run()

    assert not tab.exception
    assert "Bruges" == tab.session_state["city"]


class _Moved:
    """A run of a release whose state has moved; all of it can still be read at once."""

    class session_state:  # noqa: N801 - Streamlit's name
        filtered_state = {"city": "Ghent"}  # noqa: RUF012 - never changed


def test_without_its_inside_all_of_the_state_is_read(caplog: pytest.LogCaptureFixture) -> None:
    """That is slower, and a warning says so once."""
    moved.cache_clear()
    run: Any = _Moved()
    assert {"city": "Ghent"} == state.values(run, ["city"])
    assert "Ghent" == state.value_of(run, "city")
    assert 1 == caplog.text.count("SessionState._key_id_mapper as expected")


PUT = """
import streamlit as st
from sessionkit_streamlit.internals import state
from sessionkit_streamlit.internals.state import context, put_before_widgets

st.text_input("Drawn", "as it was", key="drawn")
with st.form("form"):
    st.form_submit_button()
news = {"drawn": "other", "form": "x", "new": "put", "": "no key", "$$ID-1-a": "an id"}
refused = put_before_widgets(context(), news)
assert {"drawn", "form", "", "$$ID-1-a"} == refused, refused
st.text_input("New", key="new")
assert not put_before_widgets(context(), {})
"""


def _put(monkeypatch: pytest.MonkeyPatch, *, moved_away: bool) -> AppTest:
    if moved_away:
        monkeypatch.setattr(state, "raw", lambda run: run.no_such_state)
    return AppTest.from_string(PUT, default_timeout=30).run()


@pytest.mark.parametrize("moved_away", [False, True])
def test_values_are_set_where_streamlit_takes_them(
    monkeypatch: pytest.MonkeyPatch, *, moved_away: bool
) -> None:
    """In one step, or one by one where the inside has moved: what it refuses is told, and all else is there."""
    tab = _put(monkeypatch, moved_away=moved_away)

    assert not tab.exception
    assert ("as it was", "put") == (
        tab.text_input(key="drawn").value,
        tab.text_input(key="new").value,
    )
