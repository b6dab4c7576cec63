# SPDX-License-Identifier: Apache-2.0
"""What a user chose or selected comes back as the very value that its widget gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sessionkit.events import ValueDropped, ValueNotSaved
from sessionkit.status import NotKept, PersistenceStatus
from sessionkit_streamlit import StatusTexts

Page = Callable[..., Path]

CHOICES = {
    "selectbox": "st.selectbox('x', options, key=key)",
    "radio": "st.radio('x', options, key=key)",
    "select_slider": "st.select_slider('x', options, key=key)",
    "segmented_control": "st.segmented_control('x', options, key=key)",
    "pills": "st.pills('x', options, key=key)",
    "multiselect": "st.multiselect('x', options, key=key)",
    "pills, several": "st.pills('x', options, selection_mode='multi', key=key)",
    "select_slider, two ends": "st.select_slider('x', options, (options[0], options[2]), key=key)",
}

DATES = ["2026-01-01", "2026-01-02T10:30", "2026-01-03"]

OPTIONS: dict[str, Any] = {
    **{f"{kind}": [*np.array([1, 2, 3], kind)] for kind in ("int8", "int64", "uint64")},
    **{f"{kind}": [*np.array([0.5, 0.1, 2.5], kind)] for kind in ("float16", "float32", "float64")},
    "str": [*np.array(["a", "b", "c"])],
    "bool": [np.True_, np.False_],
    "datetime64[D]": [*np.array([one[:10] for one in DATES], "M8[D]")],
    "datetime64[ns]": [*np.array(DATES, "M8[ns]")],
    "timedelta64[s]": [*np.array([60, 90, 120], "m8[s]")],
    "Timestamp": [pd.Timestamp(one) for one in DATES],
    "int": [1, 2, 3],
}

PAGE = f"""
state = st.session_state
for kind, options in state.options.items():
    for name, draw in {CHOICES!r}.items():
        if "ends" in name and len(options) < 3:
            continue
        key = f"{{kind}} in {{name}}"
        if "choose" in state:
            several = name in ("multiselect", "pills, several")
            state[key] = [options[1]] if several else tuple(options[1:3]) if "ends" in name else options[1]
        state.seen[key] = eval(draw)
        persist_input(key, state.seen[key])
"""


def _choose(browser: Any, script: Path, **state: Any) -> dict[str, Any]:
    tab = browser.open(script)
    tab.session_state.options, tab.session_state.seen = OPTIONS, {}
    for name, value in state.items():
        tab.session_state[name] = value
    assert not tab.run().exception
    return dict(tab.session_state.seen)


def test_a_choice_among_options_of_any_kind_comes_back_as_the_option(
    browser: Any, page: Page
) -> None:
    """Options of a table's column are NumPy's: what is stored is Python's, and is the same choice."""
    script = page(PAGE)
    chosen = _choose(browser, script, choose=True)
    for _ in range(2):
        browser.restart()
        again = _choose(browser, script)
        assert {key: repr(value) for key, value in chosen.items()} == {
            key: repr(value) for key, value in again.items()
        }
    assert [] == browser.told(ValueDropped)
    assert [] == browser.told(ValueNotSaved)


def test_a_value_of_the_apps_own_is_the_option_that_equals_it(browser: Any, page: Page) -> None:
    """An app that puts 2 into the session has its widget show the column's np.int64(2)."""
    body = (
        "import numpy as np\n"
        "st.selectbox('x', list(np.array([1, 2])), key='x')\n"
        "session.inputs.setdefault('x', 2)\n"
    )
    tab = browser.open(page(body)).run()
    tab.run()
    assert "np.int64(2)" == repr(tab.session_state.x)
    assert [] == browser.told(ValueDropped)


SELECTIONS: list[tuple[str, dict[str, Any]]] = [
    ("['multi-row', 'single-column']", {"rows": [1, 2], "columns": ["a"], "cells": []}),
    ("'single-cell'", {"rows": [], "columns": [], "cells": [(1, "a")]}),
    ("'single-row-required'", {"rows": [2], "columns": [], "cells": []}),
]


@pytest.mark.parametrize(("mode", "selection"), SELECTIONS, ids=[mode for mode, _ in SELECTIONS])
@pytest.mark.parametrize("keep", ["persist('x')", "persist_input('x', event)"])
def test_a_selection_comes_back(
    browser: Any, page: Page, mode: str, selection: dict[str, Any], keep: str
) -> None:
    """Rows, columns and cells that were selected are kept as plain data, and the table gives its own kind."""
    script = page(
        "import pandas as pd\n"
        "if 'choose' in st.session_state:\n"
        "    st.session_state.x = {'selection': st.session_state.pop('choose')}\n"
        "table = pd.DataFrame({'a': [1, 2, 3]})\n"
        f"event = st.dataframe(table, on_select='rerun', selection_mode={mode}, key='x')\n{keep}\n"
        "st.session_state.seen = event.selection, type(event).__name__\n"
    )
    tab = browser.open(script).run()
    untouched, kind = tab.session_state.seen
    assert untouched != selection
    tab.session_state.choose = selection
    tab.run()
    assert (selection, kind) == tab.session_state.seen
    assert {"selection": selection} == browser.session().inputs["x"]
    browser.restart()
    assert dict is type(browser.session().inputs["x"])
    again = browser.open(script).run()
    assert (selection, kind) == again.session_state.seen
    again.run()
    assert (selection, kind) == again.session_state.seen
    assert [] == browser.told(ValueDropped)
    assert [] == browser.told(ValueNotSaved)


CHARTS = {
    "altair": "st.altair_chart(alt.Chart(pd.DataFrame({'a': [1]})).mark_bar().encode(x='a').add_params(alt.selection_point('p')), on_select='rerun', key='x')",
    "pydeck": "st.pydeck_chart(pydeck.Deck(), on_select='rerun', key='x')",
    "echarts": "st.echarts_chart({}, on_select='rerun', key='x')",
}


@pytest.mark.parametrize("chart", CHARTS)
def test_a_charts_selection_is_kept_for_the_app_to_read(
    browser: Any, page: Page, chart: str
) -> None:
    """Streamlit lets nobody set a chart's: it is plain data in the session, and no value that can't be kept."""
    body = "import altair as alt, pandas as pd, pydeck\n"
    script = page(f"{body}persist_input('x', {CHARTS[chart]})\n")
    tab = browser.open(script).run()
    assert not tab.exception
    browser.manager.save(browser.connection_of(tab).session, immediate=True)
    browser.restart()
    assert dict is type(browser.session().inputs["x"])
    assert "selection" in browser.session().inputs["x"]
    assert not browser.open(script).run().exception
    assert [] == browser.told(ValueNotSaved)


def test_the_status_names_no_note_of_ours() -> None:
    """What a widget began with is noted beside the input; people are told of the input alone."""
    note = NotKept("extensions['streamlit']['begun']['scan']", "an object")
    status = PersistenceStatus(state="incomplete", not_kept=(note, NotKept("inputs['scan']", "")))
    assert "Saved, except what can't be kept: scan" == StatusTexts().of(status, UTC)
