# SPDX-License-Identifier: Apache-2.0
"""What the part in the browser is told, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from sessionkit_streamlit.browser import handshake
from sessionkit_streamlit.browser.gate import gate

Page = Callable[..., Path]

SHOW = "st.text(session.session_id)\n"


def test_tokens_that_count_no_more_are_told_by_digest(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser overwrites the token of an ended session; no unreadable token is shown to scripts."""
    monkeypatch.setattr(gate, "middleware", False)
    body = "if st.button('bye', key='bye'):\n    end_session()\n    st.rerun()\n"
    tab = browser.open(page(body)).run()
    tab.button(key="bye").click().run()
    cookie = browser.cookies[browser.manager.tokens.cookie_name]
    assert handshake.digest(cookie) in told[-1]["replaced"]
    assert cookie not in str(told)


def test_digest_is_fnv() -> None:
    """The sum is the one that the script in the browser computes."""
    assert (0x811C9DC5, 0xE40C292C, 0xBF9CF968) == tuple(map(handshake.digest, ("", "a", "foobar")))


def test_the_component_is_mounted_once_a_run(
    browser: Any, page: Page, told: list[dict[str, Any]]
) -> None:
    """Bootstrapping again in one run, in a fragment and in a callback shows no duplicate-key error."""
    body = (
        "bootstrap_session()\n@st.fragment\ndef part():\n    bootstrap_session()\n"
        "    st.button('f', key='f', on_click=bootstrap_session)\npart()\n"
        "st.button('b', key='b', on_click=bootstrap_session)\n"
    )
    tab = browser.open(page(body)).run()
    tab.button(key="b").click().run()
    tab.button(key="f").click().run()
    assert not tab.exception
    assert 3 >= len(told)


def test_the_component_stays_away_where_state_must_be_pickled(
    browser: Any, page: Page, told: list[dict[str, Any]]
) -> None:
    """Streamlit's components can't be pickled; with its check on, the page works without ours."""
    st.config.set_option("runner.enforceSerializableSessionState", value=True)
    try:
        assert not browser.open(page(SHOW)).run().exception
    finally:
        st.config.set_option("runner.enforceSerializableSessionState", value=False)
    assert [] == told
