# SPDX-License-Identifier: Apache-2.0
"""A policy that joins what two writers did holds however much time lies between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sessionkit.settings import Settings, load_settings

Page = Callable[..., Path]

TAGS = "persist_input('tags', st.multiselect('Tags', ['a', 'b', 'c'], key='tags'))\n"
COUNT = "persist_input('count', st.number_input('Count', value=5, key='count'))\n"
BARE = "persist('tags')\nst.multiselect('Tags', ['a', 'b', 'c'], key='tags')\n"


@pytest.fixture(name="policy")
def _policy(browser: Any) -> Iterator[Callable[..., None]]:
    """Return a function that gives the server policies."""

    def use(**fields: str) -> None:
        plain = browser.settings()
        conflict = load_settings(conflict={"fields": {f"inputs.{k}": v for k, v in fields.items()}})
        settings = Settings(
            storage=plain.storage,
            storages=plain.storages,
            security=plain.security,
            persistence=plain.persistence,
            conflict=conflict.conflict,
        )
        type(browser).settings, kept = (lambda _: settings), type(browser).settings
        browser.restart()
        type(browser).settings = kept

    return use


@pytest.mark.parametrize("body", [TAGS, BARE])
def test_a_union_holds_for_a_tab_that_shows_an_older_value(
    browser: Any, page: Page, policy: Callable[..., None], body: str
) -> None:
    """What the user picks there is added to what was picked elsewhere; the page shows both."""
    policy(tags="union")
    tab = browser.open(page(body)).run()
    tab.multiselect(key="tags").select("c").run()
    browser.manager.flush()
    browser.elsewhere(tags=["c", "a"])
    tab.multiselect(key="tags").select("b").run()

    assert {"a", "b", "c"} == set(browser.session().inputs["tags"])
    assert ["c", "b", "a"] == tab.multiselect(key="tags").value
    tab.multiselect(key="tags").unselect("c").run()
    assert (
        {"a", "b"}
        == set(browser.session().inputs["tags"])
        == set(tab.multiselect(key="tags").value)
    )


@pytest.mark.parametrize(
    ("policy_name", "theirs", "ours", "expected"),
    [("sum", 6, 7, 8), ("max", 9, 7, 9), ("max", 6, 7, 7), ("min", 6, 7, 6)],
)
def test_numbers_are_joined_as_their_policy_says(  # noqa: PLR0913, PLR0917 - a table
    browser: Any,
    page: Page,
    policy: Callable[..., None],
    policy_name: str,
    theirs: int,
    ours: int,
    expected: int,
) -> None:
    """Both began with 5."""
    policy(count=policy_name)
    tab = browser.open(page(COUNT)).run()
    browser.manager.save(browser.connection_of(tab).session, immediate=True)
    browser.elsewhere(count=theirs)
    tab.number_input(key="count").set_value(ours).run()

    assert expected == browser.session().inputs["count"] == tab.number_input(key="count").value
    tab.number_input(key="count").set_value(5).run()
    assert 5 == browser.session().inputs["count"]


def test_without_a_policy_the_later_change_is_taken(browser: Any, page: Page) -> None:
    """As ever."""
    tab = browser.open(page(TAGS)).run()
    browser.manager.flush()
    browser.elsewhere(tags=["a"])
    tab.multiselect(key="tags").select("b").run()

    assert ["b"] == browser.session().inputs["tags"]
