# SPDX-License-Identifier: Apache-2.0
"""A data editor that keeps its edits: they are made again in the table that the app hands in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.testing.v1 import AppTest

import sessionkit_streamlit as sk
from sessionkit.events import ValueDropped

Write = Callable[..., Path]

TABLE = "pd.DataFrame({'item': ['tea', 'milk', 'bread'], 'n': [1, 2, 3]})"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a page with a data editor in it, which keeps aside what it returns."""

    def script(data: str = TABLE, more: str = "", before: str = "") -> Path:
        path = tmp_path / "page.py"
        path.write_text(
            "from datetime import date, datetime\nfrom decimal import Decimal\n"
            "import pandas as pd\nimport streamlit as st\nimport sessionkit_streamlit as sk\n"
            f"{before}\n"
            f"rows = sk.data_editor({data}, num_rows='dynamic', key='rows'{more})\n"
            "st.session_state.seen = rows\n"
        )
        return path

    return script


def edit(tab: AppTest, **made: Any) -> AppTest:
    """Say what the browser's editor holds, as the browser does: all since the editor began."""
    [editor] = [one for one in tab.main if getattr(one.proto, "editing_mode", 0)]
    state = WidgetState(id=editor.proto.id, string_value=json.dumps(made))
    tab._run(WidgetStates(widgets=[state]))
    assert not tab.exception
    return tab


def items(tab: AppTest) -> list[Any]:
    """Return the rows that the page got."""
    assert not tab.exception
    return [list(row) for row in tab.session_state.seen.itertuples(index=False)]


def test_edits_outlive_a_restart(browser: Any, write: Write) -> None:
    """A changed cell, a deleted row and a new one are there again; the page hands in the same table as before."""
    script = write()
    tab = browser.open(script).run()
    changed = {
        "edited_rows": {0: {"n": 7}},
        "deleted_rows": [1],
        "added_rows": [{"item": "jam", "n": 4}],
    }
    edit(tab, **changed)
    wanted = [["tea", 7], ["bread", 3], ["jam", 4]]
    assert wanted == items(tab)
    assert wanted == items(browser.open(script).run())
    browser.restart()
    assert wanted == items(browser.open(script).run())
    assert changed == browser.session().inputs["rows"]
    assert [] == browser.told(ValueDropped)


def test_further_edits_go_on_top(browser: Any, write: Write) -> None:
    """After F5 the browser's editor counts from what was kept; rows that were added can be changed and deleted."""
    script = write()
    edit(
        browser.open(script).run(),
        deleted_rows=[0],
        added_rows=[{"item": "jam", "n": 4}, {"item": "ham", "n": 5}],
    )
    tab = browser.open(script).run()  # milk, bread, jam, ham
    edit(
        tab,
        edited_rows={0: {"n": 20}, 3: {"n": 50}},
        deleted_rows=[1, 2],
        added_rows=[{"item": "egg"}],
    )
    wanted = [["milk", 20], ["ham", 50], ["egg", None]]
    assert wanted[:2] == items(tab)[:2]
    assert "egg" == items(tab)[2][0]
    browser.restart()
    again = items(browser.open(script).run())
    assert (wanted[:2], "egg") == (again[:2], again[2][0])
    kept = browser.session().inputs["rows"]
    assert {1: {"n": 20}} == kept["edited_rows"]
    assert ([0, 2], [{"item": "ham", "n": 50}, {"item": "egg"}]) == (
        kept["deleted_rows"],
        kept["added_rows"],
    )


def test_edits_outlive_another_page(browser: Any, write: Write) -> None:
    """The editor was not shown for a while: it begins with what was kept, in each run that follows."""
    script = write(before="if st.checkbox('other', key='other'):\n    st.stop()\n")
    tab = edit(browser.open(script).run(), added_rows=[{"item": "jam", "n": 4}])
    tab.checkbox(key="other").check().run()
    tab.checkbox(key="other").uncheck().run()
    wanted = [["tea", 1], ["milk", 2], ["bread", 3], ["jam", 4]]
    assert wanted == items(tab)
    assert wanted == items(tab.run())


def test_what_no_longer_fits_is_told_and_the_rest_is_made(browser: Any, write: Write) -> None:
    """The table lost a row and a column: an event a lost edit, with the reason."""
    edit(
        browser.open(write()).run(),
        edited_rows={0: {"n": 7, "item": "cha"}, 2: {"n": 9}},
        added_rows=[{"item": "jam", "n": 4}, {"item": "ham"}],
    )
    browser.restart()
    tab = browser.open(write("pd.DataFrame({'item': ['tea', 'milk']})")).run()
    assert [["cha"], ["milk"], ["ham"]] == items(tab)
    told = {event.reason: event.value for event in browser.told(ValueDropped)}
    assert {
        "there is no column 'n' any more": {"added_rows": [{"item": "jam", "n": 4}]},
        "there is no row 2 any more": {"edited_rows": {2: {"n": 9}}},
    } == told
    assert 3 == len(browser.told(ValueDropped))
    tab.run()
    assert 3 == len(browser.told(ValueDropped))


def test_another_table_gets_the_same_edits(browser: Any, write: Write) -> None:
    """While the page is open the app hands in newer data: what its user edited stays, once."""
    script = write(
        "pd.DataFrame({'item': ['tea', 'milk'], 'n': [1, st.session_state.get('two', 2)]})",
    )
    tab = edit(browser.open(script).run(), edited_rows={0: {"n": 7}}, added_rows=[{"item": "jam"}])
    tab.session_state.two = 22
    tab.run()
    assert [["tea", 7], ["milk", 22]] == items(tab)[:2]
    assert 3 == len(items(tab.run()))


def test_two_tabs_show_one_table(browser: Any, write: Write) -> None:
    """What one tab edits is in the other at its next run, also where that one has edited another cell meanwhile."""
    script = write()
    one, other = browser.open(script).run(), browser.open(script).run()
    edit(one, edited_rows={0: {"n": 7}})
    assert [["tea", 7], ["milk", 2], ["bread", 3]] == items(other.run())
    edit(one, edited_rows={0: {"n": 8}}, added_rows=[{"item": "jam", "n": 4}])
    edit(other, edited_rows={1: {"n": 9}})
    wanted = [["tea", 8], ["milk", 9], ["bread", 3], ["jam", 4]]
    assert wanted == items(other)
    assert wanted == items(one.run())


@pytest.mark.parametrize(
    ("data", "made", "wanted"),
    [
        ("[1, 2]", {"edited_rows": {1: {"value": 5}}}, [1, 5]),
        ("{'a': 1, 'b': 2}", {"edited_rows": {0: {"value": 5}}}, {"a": 5, "b": 2}),
        ("[{'n': 1}, {'n': 2}]", {"added_rows": [{"n": 3}]}, [{"n": 1}, {"n": 2}, {"n": 3}]),
    ],
    ids=["list", "dict", "records"],
)
def test_gives_back_what_it_was_given(
    browser: Any, write: Write, data: str, made: dict[str, Any], wanted: Any
) -> None:
    """Of a list it makes a list, of a dict a dict, as Streamlit's does; before and after a restart."""
    script = write(data)
    assert wanted == edit(browser.open(script).run(), **made).session_state.seen
    browser.restart()
    again = browser.open(script).run()
    assert not again.exception
    assert wanted == again.session_state.seen
    assert type(wanted) is type(again.session_state.seen)


@pytest.mark.parametrize(
    ("first", "sent", "column"),
    [
        ("[date(2026, 1, 1), date(2026, 1, 2)]", "2026-11-22", "date"),
        ("pd.to_datetime(['2026-01-01', '2026-01-02'])", "2026-11-22T21:45:00", "datetime"),
        ("[Decimal('1.10'), Decimal('2.20')]", "3.30", "decimal"),
        ("[True, False]", True, "tick"),
        ("[['a'], ['b']]", ["c", "d"], "list"),
        ("[1.5, 2.5]", 3, "float"),
        ("pd.Categorical(['a', 'b'])", "a", "category"),
        ("pd.to_timedelta([1, 2], unit='h')", 7200, "timedelta"),
    ],
)
def test_each_kind_of_column_comes_back_as_streamlit_made_it(
    browser: Any, write: Write, first: str, sent: Any, column: str
) -> None:
    """The value after a restart equals the one that the page got when it was edited, and so does the column's type."""
    script = write(f"pd.DataFrame({{{column!r}: {first}}})")
    before = edit(browser.open(script).run(), edited_rows={1: {column: sent}}).session_state.seen
    browser.restart()
    again = browser.open(script).run()
    assert not again.exception
    after = again.session_state.seen
    assert before[column].tolist() == after[column].tolist()
    assert before.dtypes.tolist() == after.dtypes.tolist()
    assert [] == browser.told(ValueDropped)


def test_labels_stay_and_numbers_are_given_anew(browser: Any, write: Write) -> None:
    """Rows that bear labels keep them; of others a page sees the same numbers before and after F5."""
    for data, labels in (
        (TABLE, [0, 1]),
        (f"{TABLE}.set_index('item')", ["tea", "bread"]),
    ):
        script = write(data)
        tab = edit(browser.open(script).run(), deleted_rows=[1])
        assert labels == list(tab.session_state.seen.index)
        assert labels == list(browser.open(script).run().session_state.seen.index)
        browser.hold(f"session-{len(labels)}-{labels[0]}")


def test_a_callback_sees_the_edits(browser: Any, write: Write) -> None:
    """``on_change`` finds under the key what was just edited."""
    script = write(
        before="def note(word):\n    st.session_state.noted = word, st.session_state['rows']\n",
        more=", on_change=note, args=('edited',)",
    )
    tab = edit(browser.open(script).run(), edited_rows={0: {"n": 7}})
    edits = {"edited_rows": {0: {"n": 7}}, "added_rows": [], "deleted_rows": []}
    assert ("edited", edits) == tab.session_state.noted


def test_an_untouched_editor_stores_nothing(browser: Any, write: Write) -> None:
    """Who only looks at a table leaves nothing in the store."""
    browser.open(write()).run().run()
    session = browser.session()
    assert ({}, {}) == (session.inputs, session.extensions)


def test_what_is_kept_under_the_key_may_be_something_else(browser: Any, write: Write) -> None:
    """An earlier version of the page kept another value there: it is dropped, with an event, and the table shown."""
    browser.elsewhere(rows="a text")
    assert 3 == len(items(browser.open(write()).run()))
    [dropped] = browser.told(ValueDropped)
    assert ("rows", "a text") == (dropped.key, dropped.value)


def test_needs_a_key() -> None:
    """Without a key there is an error that shows what to write."""
    with pytest.raises(TypeError, match=r"data_editor\(rows, \.\.\., key='rows'\)"):
        sk.data_editor([1])


def test_is_streamlits_own_outside_of_a_page() -> None:
    """Run as a plain script it gives back what it was given."""
    assert [1, 2] == sk.data_editor([1, 2], key="rows")
