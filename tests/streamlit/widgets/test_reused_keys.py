# SPDX-License-Identifier: Apache-2.0
"""A key that is used for another kind of widget than before: the page goes on, whatever is stored under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from session_harness.ids import repr_without_address

from sessionkit.events import ValueDropped

Page = Callable[..., Path]

WIDGETS = [
    "st.text_input('x', key=KEY)",
    "st.text_input('x', None, key=KEY)",
    "st.text_input('x', 'begun', max_chars=9, key=KEY)",
    "st.text_area('x', key=KEY)",
    "st.number_input('x', 0, 99, key=KEY)",
    "st.number_input('x', value=1.5, key=KEY)",
    "st.number_input('x', value=None, key=KEY)",
    "st.slider('x', 0, 99, key=KEY)",
    "st.slider('x', 0.0, 9.5, key=KEY)",
    "st.slider('x', 0, 99, (1, 5), key=KEY)",
    "st.slider('x', date(2026, 1, 1), date(2026, 12, 31), key=KEY)",
    "st.slider('x', time(1, 2), time(23), key=KEY)",
    "st.slider('x', datetime(2026, 1, 1), datetime(2026, 12, 31), key=KEY)",
    "st.checkbox('x', key=KEY)",
    "st.toggle('x', True, key=KEY)",
    "st.selectbox('x', ['a', 'b', 'c'], key=KEY)",
    "st.selectbox('x', [1, 2, 3], index=None, key=KEY)",
    "st.selectbox('x', ['a', 'b'], accept_new_options=True, key=KEY)",
    "st.selectbox('x', [], key=KEY)",
    "st.selectbox('x', [(1, 2), (3, 4)], format_func=lambda one: str(one[0]), key=KEY)",
    "st.radio('x', ['a', 'b', 'c'], key=KEY)",
    "st.radio('x', [1, 2], index=None, key=KEY)",
    "st.multiselect('x', ['a', 'b', 'c'], key=KEY)",
    "st.multiselect('x', ['a', 'b', 'c'], ['a'], max_selections=1, key=KEY)",
    "st.multiselect('x', [1, 2], accept_new_options=True, key=KEY)",
    "st.select_slider('x', ['a', 'b', 'c'], key=KEY)",
    "st.select_slider('x', [1, 2, 3], (1, 2), key=KEY)",
    "st.pills('x', ['a', 'b', 'c'], key=KEY)",
    "st.pills('x', ['a', 'b'], selection_mode='multi', key=KEY)",
    "st.segmented_control('x', [1, 2], key=KEY)",
    "st.segmented_control('x', ['a', 'b'], selection_mode='multi', default=['a'], key=KEY)",
    "st.feedback('stars', key=KEY)",
    "st.color_picker('x', key=KEY)",
    "st.date_input('x', date(2026, 1, 1), key=KEY)",
    "st.date_input('x', None, key=KEY)",
    "st.date_input('x', (date(2026, 1, 1), date(2026, 1, 2)), key=KEY)",
    "st.time_input('x', time(1, 2), key=KEY)",
    "st.time_input('x', None, key=KEY)",
    "st.datetime_input('x', datetime(2026, 1, 1), key=KEY)",
    "st.datetime_input('x', None, key=KEY)",
    "st.dataframe(pd.DataFrame({'a': [1, 2]}), on_select='rerun', key=KEY)",
    "st.dataframe(pd.DataFrame({'a': [1, 2]}), on_select='rerun', selection_mode='single-row-required', key=KEY)",
    "st.altair_chart(alt.Chart(pd.DataFrame({'a': [1]})).mark_bar().encode(x='a').add_params(alt.selection_point('p')), on_select='rerun', key=KEY)",
    "st.vega_lite_chart({'data': {'values': [{'a': 1}]}, 'mark': 'bar', 'params': [{'name': 'p', 'select': 'point'}], 'encoding': {'x': {'field': 'a'}}}, on_select='rerun', key=KEY)",
    "st.data_editor(pd.DataFrame({'a': [1]}), key=KEY)",
    "st.pagination(9, key=KEY)",
    "st.pydeck_chart(pydeck.Deck(), on_select='rerun', key=KEY)",
    "st.echarts_chart({}, on_select='rerun', key=KEY)",
    "st.menu_button('x', ['a'], key=KEY)",
    "st.tabs(['a', 'b'], key=KEY, on_change='rerun')",
    "st.expander('x', key=KEY, on_change='rerun')",
    "st.popover('x', key=KEY, on_change='rerun')",
    "st.button('x', key=KEY)",
    "st.download_button('x', 'data', key=KEY)",
    "st.file_uploader('x', key=KEY)",
    "st.camera_input('x', key=KEY)",
    "st.audio_input('x', key=KEY)",
    "st.chat_input('x', key=KEY)",
]

NOON = datetime(2026, 3, 1, 12, 30)  # noqa: DTZ001 - widgets know no zone

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    2,
    -7,
    2**70,
    1.5,
    float("nan"),
    float("inf"),
    1j,
    "",
    "a",
    "a former text",
    "12ab34",
    "selection",
    "2026-03-01",
    "\ud800",
    b"bytes",
    Decimal("1.5"),
    UUID(int=7),
    date(2026, 3, 1),
    NOON,
    NOON.replace(tzinfo=UTC),
    time(12, 30),
    time(12, 30, 15, tzinfo=UTC),
    timedelta(hours=1),
    [],
    ["a"],
    ["a", "gone"],
    ["a", "b", "c"],
    [1, 2],
    [None, None],
    [1.5, "a"],
    [["a"]],
    [{"a": 1}],
    (),
    (1,),
    (2, 1),
    (1, 2, 3),
    ("a", "b"),
    (date(2026, 3, 1),),
    (date(2026, 3, 1), date(2026, 2, 1)),
    (time(12), NOON),
    set(),
    {"a", 1},
    frozenset({"b"}),
    {},
    {"a": 1},
    {1: "a"},
    {"selection": None},
    {"selection": {"rows": [0]}},
    {"selection": {"rows": 7, "columns": {"a": 1}, "cells": [1]}},
    {"selection": {"p": [{"a": 1}]}},
    {"edited_rows": {0: {"a": 2}}, "added_rows": [], "deleted_rows": []},
    np.int64(2),
    np.array([1, 2]),
    np.array(["a"]),
    np.zeros((2, 2)),
    pd.DataFrame({"a": [1]}),
    pd.DataFrame(),
    pd.Series(["a"]),
    pd.Timestamp(2026, 3, 1),
]

PAGE = """
import altair as alt, pandas as pd, pydeck
from datetime import *
state = st.session_state
if "seeded" not in session.inputs:
    session.inputs["seeded"] = True
    session.inputs.update({f"w{number}": state.value for number in range(len(state.widgets))})
    st.rerun()
state.died = {}
for number, draw in enumerate(state.widgets):
    persist(f"w{number}")
    try:
        eval(draw.replace("KEY", f"'w{number}'"))
    except Exception as error:
        state.died[draw] = f"{type(error).__name__}: {error}"
"""


def _named(value: object) -> str:
    return f"{type(value).__name__} {repr_without_address(value):.20}"


@pytest.mark.parametrize("value", VALUES, ids=_named)
def test_whatever_is_stored_under_a_widgets_key_the_page_goes_on(
    browser: Any, page: Page, value: Any
) -> None:
    """Every widget is drawn over every kind of value, at this load and the next; each says at most once what it drops."""
    script = page(PAGE)
    for _ in range(2):
        tab = browser.open(script)
        tab.session_state.widgets, tab.session_state.value = WIDGETS, value
        assert not tab.run().exception
        assert {} == tab.session_state.died
    told = Counter(dropped.key for dropped in browser.told(ValueDropped))
    assert {} == {key: times for key, times in told.items() if times > 1}


def test_what_the_app_keeps_under_a_widgets_key_costs_nobody_the_page(
    browser: Any, page: Page
) -> None:
    """A key that persist_input and a widget share without meaning the same is told, not raised."""
    body = (
        "import pandas as pd\n"
        "persist_input('x', pd.DataFrame({'a': [1]}))\n"
        "st.multiselect('x', ['a', 'b'], key='x')\n"
    )
    tab = browser.open(page(body)).run()
    assert not tab.exception
    assert [] == tab.multiselect(key="x").value
    assert "x" in {dropped.key for dropped in browser.told(ValueDropped)}


def test_what_a_format_func_raises_over_a_stored_value_is_told(browser: Any, page: Page) -> None:
    """An app's own function may raise anything over what an older release stored."""
    body = (
        "def name(one):\n"
        "    return {1: 'one', 2: 'two'}[one]\n"
        "session.inputs.setdefault('x', {'a': 1})\n"
        "if st.session_state.setdefault('first', True):\n"
        "    st.session_state.first = False\n"
        "    st.rerun()\n"
        "st.select_slider('x', [1, 2], format_func=name, key='x')\n"
    )
    tab = browser.open(page(body)).run()
    assert not tab.exception
    assert 1 == tab.select_slider(key="x").value
    assert ["x"] == [dropped.key for dropped in browser.told(ValueDropped)]
