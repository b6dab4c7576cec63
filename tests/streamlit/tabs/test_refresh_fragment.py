# SPDX-License-Identifier: Apache-2.0
"""A fragment that runs again by itself, without the browser's timer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit_streamlit import refresh_fragment
from sessionkit_streamlit.tabs import refresh_fragment as module

Page = Callable[..., Path]
Asked = list[tuple[str, Callable[[], bool], float, str | None]]

TWICE = (
    "@st.fragment\ndef part():\n    refresh_fragment(0.5)\n    refresh_fragment(0.5)\n"
    "    st.button('f', key='f')\npart()\n"
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Collect what Streamlit's server is asked for."""
    seen: Asked = []
    monkeypatch.setattr(module, "rerun_when_idle", lambda *one: bool(seen.append(one)) or True)
    return seen


def test_a_fragment_asks_once(browser: Any, page: Page, asked: Asked) -> None:
    """However often it calls, until the run has begun; then it may ask again."""
    tab = browser.open(page(TWICE)).run()
    tab.button(key="f").click().run()
    ((_, begins, after, fragment),) = asked
    assert (0.5, True) == (after, bool(fragment))
    assert begins()
    tab.button(key="f").click().run()
    assert 2 == len(asked)
    assert fragment == asked[-1][-1]


def test_where_streamlit_can_not_it_may_be_asked_again(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for a run that will never be."""
    tries: list[Any] = []
    monkeypatch.setattr(module, "rerun_when_idle", lambda *one: bool(tries.append(one)))
    assert not browser.open(page(TWICE)).run().exception
    assert 2 == len(tries)


def test_outside_fragments_nothing_happens(browser: Any, page: Page, asked: Asked) -> None:
    """Neither in the script nor in a script that is run bare."""
    assert not browser.open(page("refresh_fragment()\n")).run().exception
    refresh_fragment()
    assert [] == asked
