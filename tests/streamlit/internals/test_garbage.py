# SPDX-License-Identifier: Apache-2.0
"""What lasts is set apart from what collections of garbage walk, and taken back when a page is let go of."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import runtime

from sessionkit_streamlit import host
from sessionkit_streamlit.internals.garbage import LongLived
from sessionkit_streamlit.tabs import lifecycle


@pytest.fixture(name="steps")
def _steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note what would be done, since the tests' process goes on; nothing is collected by itself."""
    noted: list[str] = []
    gc.disable()
    monkeypatch.setattr(gc, "freeze", lambda: noted.append("apart"))
    monkeypatch.setattr(gc, "unfreeze", lambda: noted.append("back"))
    monkeypatch.setattr(runtime, "exists", lambda: True)
    yield noted
    gc.enable()


def test_what_was_not_walked_is_not_set_apart(steps: list[str]) -> None:
    """Garbage would be among it; what is apart is not set apart again."""
    long_lived = LongLived()
    long_lived.set_apart()
    gc.collect(1)
    long_lived.set_apart()
    assert steps == []
    gc.collect()
    long_lived.set_apart()
    long_lived.set_apart()
    assert steps == ["apart"]


def test_what_was_taken_back_is_walked_first(steps: list[str]) -> None:
    """What a page held that is gone may go now."""
    long_lived = LongLived()
    long_lived.take_back()
    gc.collect()
    long_lived.set_apart()
    long_lived.take_back()
    long_lived.take_back()
    long_lived.set_apart()
    assert steps == ["apart", "back"]
    gc.collect()
    long_lived.set_apart()
    assert steps == ["apart", "back", "apart"]


def test_elsewhere_than_in_a_server_nothing_is_done(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test of an app's own, such as by AppTest, counts what it leaves."""
    monkeypatch.setattr(runtime, "exists", lambda: False)
    long_lived = LongLived()
    gc.collect()
    long_lived.set_apart()
    assert steps == []


def test_it_begins_with_the_second_run_and_ends_with_a_page(
    browser: Any,
    page: Callable[[str], Path],
    steps: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the first run left has been collected by then."""
    long_lived = LongLived()
    for module in (host, lifecycle):
        monkeypatch.setattr(module, "long_lived", long_lived)
    monkeypatch.setattr("sessionkit_streamlit.internals.rerun._loop", lambda: None)
    gc.collect()
    tab = browser.open(page("st.text('shown')")).run()
    assert steps == []
    tab.run()
    assert steps == ["apart"]
    lifecycle._FlushTarget(browser.manager, lambda: browser.connection_of(tab)).flush()
    assert steps == ["apart", "back"]
