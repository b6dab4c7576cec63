# SPDX-License-Identifier: Apache-2.0
"""A page that was only shown stores nothing; whatever its user does is stored, and be it to uncheck a box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Page = Callable[..., Path]

WIDGETS = (
    "st.checkbox('On', value=True, key='on')\n"
    "st.number_input('Count', value=5, key='count')\n"
    "st.text_input('City', value='Ghent', key='city')\n"
)
KEPT = "persist('on', 'count', 'city')\n" + WIDGETS
PERSISTED = (
    WIDGETS + "for key in ('on', 'count', 'city'):\n    persist_input(key, st.session_state[key])\n"
)


@pytest.mark.parametrize("body", [KEPT, PERSISTED])
def test_a_page_that_is_only_shown_is_not_stored(browser: Any, page: Page, body: str) -> None:
    """Whatever its widgets begin with."""
    browser.open(page(body)).run().run()
    assert browser.manager.flush()
    assert [] == list(browser.manager.repository.heads())


@pytest.mark.parametrize("body", [KEPT, PERSISTED])
@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [("checkbox", "on", False), ("number_input", "count", 0), ("text_input", "city", "")],
)
def test_a_choice_of_nothing_is_a_choice(  # noqa: PLR0913, PLR0917 - a table
    browser: Any, page: Page, body: str, kind: str, key: str, value: Any
) -> None:
    """It comes back after a restart."""
    script = page(body)
    tab = browser.open(script).run()
    getattr(tab, kind)(key=key).set_value(value).run()
    browser.restart()

    assert value == getattr(browser.open(script).run(), kind)(key=key).value


@pytest.mark.parametrize("body", [KEPT, PERSISTED])
def test_a_choice_is_all_that_a_page_changes_of_what_another_replica_stored(
    browser: Any, page: Page, body: str
) -> None:
    """Not what else the page shows, though nothing of its session was stored when it was shown."""
    script = page(body)
    tab = browser.open(script).run()
    browser.elsewhere(city="Bruges", count=7)
    tab.checkbox(key="on").set_value(False).run()
    assert browser.manager.flush()
    again = browser.open(script).run()

    assert (False, 7, "Bruges") == (
        again.checkbox(key="on").value,
        again.number_input(key="count").value,
        again.text_input(key="city").value,
    )
