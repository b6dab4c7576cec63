# SPDX-License-Identifier: Apache-2.0
"""Widgets whose value stands in the page's URL as well (``bind="query-params"``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit.events import ValueDropped

BODY = (
    "persist('q', 'n', 'tags', 'far')\n"
    "st.text_input('Q', key='q', bind='query-params')\n"
    "st.number_input('N', value=1, key='n', bind='query-params')\n"
    "st.multiselect('Tags', ['a', 'b', 'c'], key='tags', bind='query-params')\n"
    "st.checkbox('Far', key='far', bind='query-params')\n"
)


@pytest.fixture(name="script")
def _script(browser: Any, page: Callable[[str], Path]) -> Path:
    """Return a page on which something was typed before the server restarted."""
    script = page(BODY)
    tab = browser.open(script).run()
    tab.text_input(key="q").set_value("tea")
    tab.number_input(key="n").set_value(4)
    tab.multiselect(key="tags").set_value(["a", "c"])
    tab.checkbox(key="far").check().run()
    browser.restart()
    return script


def test_what_was_put_back_stands_in_the_url(browser: Any, script: Path) -> None:
    """A link that is copied from the page shows what the page shows."""
    tab = browser.open(script).run()
    assert ("tea", 4, ["a", "c"], True) == (
        tab.text_input(key="q").value,
        tab.number_input(key="n").value,
        tab.multiselect(key="tags").value,
        tab.checkbox(key="far").value,
    )
    expected = {"q": "tea", "n": "4", "tags": ["a", "c"], "far": "true"}
    assert expected == dict(tab.query_params)
    tab.text_input(key="q").set_value("").run()
    assert not tab.exception
    assert [] == browser.told(ValueDropped)


def test_what_a_link_says_goes_before_what_was_stored(browser: Any, script: Path) -> None:
    """It is a change by whoever followed the link, and nothing was dropped."""
    tab = browser.open(script)
    tab.query_params["q"] = "coffee"
    tab.query_params["n"] = "7"
    tab.run()
    browser.manager.flush()
    kept = browser.session().inputs
    assert ("coffee", 7) == (tab.text_input(key="q").value, tab.number_input(key="n").value)
    assert ("coffee", 7, ["a", "c"]) == (kept["q"], kept["n"], kept["tags"])
    assert [] == browser.told(ValueDropped)


def test_what_a_link_says_and_its_widget_does_not_take_leaves_what_was_stored(
    browser: Any, script: Path
) -> None:
    """Streamlit takes it out of the URL."""
    tab = browser.open(script)
    tab.query_params["n"] = "many"
    tab.run()
    browser.manager.flush()
    assert 4 == tab.number_input(key="n").value
    assert 4 == browser.session().inputs["n"]


def test_what_a_widget_begins_with_does_not_enter_the_url(
    browser: Any, page: Callable[[str], Path]
) -> None:
    """As without sessionkit."""
    script = page(BODY)
    browser.open(script).run()
    browser.restart()
    assert {} == dict(browser.open(script).run().query_params)
