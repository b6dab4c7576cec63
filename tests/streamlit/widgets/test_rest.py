# SPDX-License-Identifier: Apache-2.0
"""A rerun that brings nothing new does nothing, and the first one that does is not taken for such a one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit_streamlit import host

Page = Callable[..., Path]

FIELDS = """\
persist("city", "tags", "range", "own", "wanted", "day")
st.session_state.setdefault("own", [1, "two"])
st.text_input("City", key="city")
st.multiselect("Tags", ["a", "b", "c"], ["a", "b"], key="tags")
st.slider("Range", 0, 9, (2, 5), key="range")
st.date_input("Day", "2026-11-30", key="day")
st.button("go", key="go")
"""


@pytest.fixture(name="looks")
def _looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note each time that values are brought together one by one."""
    looks: list[object] = []
    theirs = host.restore_inputs

    def restore_inputs(*what: Any) -> Any:
        looks.append(what)
        return theirs(*what)

    monkeypatch.setattr(host, "restore_inputs", restore_inputs)
    return looks


def test_a_rerun_without_news_does_nothing(page: Page, browser: Any, looks: list[object]) -> None:
    """Of plain values and of rows of them, whether the browser sends them again or not."""
    tab = browser.open(page(FIELDS)).run().run()
    tab.text_input(key="city").set_value("Ghent").run().run()
    looks.clear()

    tab.run()
    tab.run()

    assert not tab.exception
    assert [] == looks


@pytest.mark.parametrize(
    ("key", "value"), [("tags", ["a", "c"]), ("range", (2, 6)), ("city", ""), ("own", [1, "three"])]
)
def test_what_another_replica_changed_is_news(
    page: Page, browser: Any, looks: list[object], key: str, value: Any
) -> None:
    """A row of as many values, and a text that was emptied, too."""
    browser.hold("the-session")
    browser.elsewhere(city="Ghent")
    tab = browser.open(page(FIELDS)).run().run().run()
    looks.clear()
    browser.elsewhere(**{key: value})

    tab.run()

    assert 1 == len(looks)
    assert value == tab.session_state[key]


@pytest.mark.parametrize(("key", "value"), [("tags", ["b", "a"]), ("range", (3, 5))])
def test_what_the_user_changed_is_news(page: Page, browser: Any, key: str, value: Any) -> None:
    """The same values in another order, too."""
    tab = browser.open(page(FIELDS)).run().run()
    widget = tab.multiselect(key=key) if key == "tags" else tab.slider(key=key)
    widget.set_value(value).run()
    browser.manager.flush()

    [head] = browser.manager.repository.heads()
    assert value == browser.manager.repository.load(head.session_id).inputs[key]
