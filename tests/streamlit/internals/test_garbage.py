# SPDX-License-Identifier: Apache-2.0
"""What a server has loaded is set apart from what its collections of garbage walk, once."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit import runtime

from sessionkit_streamlit.internals import garbage


@pytest.fixture(name="freezes")
def _freezes(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Note each time that something is set apart, and don't do it: the tests' process goes on."""
    noted: list[None] = []
    garbage._freeze.cache_clear()
    monkeypatch.setattr(gc, "freeze", lambda: noted.append(None))
    return noted


@pytest.mark.parametrize(("serves", "times"), [(True, 1), (False, 0)])
def test_a_server_does_it_once_when_a_first_page_was_made(  # noqa: PLR0913 - fixtures and cases
    browser: Any,
    page: Callable[[str], Path],
    freezes: list[None],
    monkeypatch: pytest.MonkeyPatch,
    *,
    serves: bool,
    times: int,
) -> None:
    """At the beginning of the next run: what the first one left has been collected. Nowhere else but in a server."""
    monkeypatch.setattr(runtime, "exists", lambda: serves)
    monkeypatch.setattr("sessionkit_streamlit.internals.rerun._loop", lambda: None)
    tab = browser.open(page("st.text('shown')")).run()
    assert len(freezes) == 0
    tab.run()
    assert len(freezes) == times
    browser.open(page("st.text('shown')")).run().run()
    assert len(freezes) == times
