# SPDX-License-Identifier: Apache-2.0
"""What waits is written when Streamlit lets go of a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

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
