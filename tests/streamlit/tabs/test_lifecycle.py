# SPDX-License-Identifier: Apache-2.0
"""What waits is written when Streamlit lets go of a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from sessionkit_streamlit.tabs import lifecycle

Page = Callable[..., Path]

SHOW = "st.text(session.session_id)\n"


def test_the_end_of_a_session_signals_the_writer(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit releases a session on its event loop: what waits is flushed without waiting."""
    flushed: list[tuple[Any, ...]] = []
    browser.open(page(SHOW)).run()
    monkeypatch.setattr(
        browser.manager, "flush", lambda *args, **more: flushed.append((*args, more))
    )
    st.cache_resource.clear()
    assert 1 == len(flushed)
    assert {"timeout": 0} == flushed[0][-1]


def test_a_session_that_streamlit_takes_up_again_is_flushed_at_its_next_end(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short cut of the network releases it; the next run sees to it again, and no other run does."""
    flushed: list[tuple[Any, ...]] = []
    asked: list[object] = []
    original = lifecycle._until_released
    monkeypatch.setattr(
        lifecycle,
        "_until_released",
        lambda *args: (asked.append(args), original(*args)),
    )
    tab = browser.open(page(SHOW)).run()
    tab.run()
    monkeypatch.setattr(
        browser.manager, "flush", lambda *args, **more: flushed.append((*args, more))
    )
    st.cache_resource.clear()
    assert (1, 1) == (len(asked), len(flushed))
    tab.run()
    tab.run()
    st.cache_resource.clear()
    assert (2, 2) == (len(asked), len(flushed))
