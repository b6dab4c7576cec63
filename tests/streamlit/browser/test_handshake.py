# SPDX-License-Identifier: Apache-2.0
"""What the part in the browser is told, and where it stands."""

from __future__ import annotations

import subprocess
import sys
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


FIELD = "persist('city')\nst.text_input('City', key='city')\n"


def test_the_component_is_told_only_news(
    browser: Any, page: Page, told: list[dict[str, Any]]
) -> None:
    """A rerun that changes nothing sends what is there as it was; what the page shows now is news."""
    tab = browser.open(page(FIELD)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    before, drawn = len(told), browser.connection_of(tab).page.component
    message = drawn.message
    tab.run()
    tab.run()
    assert before == len(told)
    assert message.delta == drawn.message.delta
    assert message.metadata == drawn.message.metadata

    tab.text_input(key="city").set_value("Bruges").run()
    assert before + 1 == len(told)
    assert told[-1]["page"]["shown"]["city"] != told[-2]["page"]["shown"]["city"]
    assert told[-1]["run"] > told[-2]["run"]
    assert drawn is browser.connection_of(tab).page.component


def test_the_component_loads_no_library_of_tables(tmp_path: Path) -> None:
    """Streamlit loads pandas to look for tables in what a component is told: the first page of a process would wait a second for it."""
    script = "import sessionkit\nsessionkit.bootstrap_session()\n"
    code = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        f"page = AppTest.from_string({script!r}).run(timeout=60); assert not page.exception;"
        "print([name for name in ('numpy', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own text, no shell
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "[]" == done.stdout.strip()


def test_the_component_stays_on_the_page_with_all_that_is_its_own(browser: Any, page: Page) -> None:
    """What a browser has set in it outlives reruns that make it no more, and there is one of it."""
    tab = browser.open(page(FIELD)).run().run()
    name = browser.connection_of(tab).page.component.ids[0]
    state = tab.session_state._state._state
    state._old_state[name] = {"token": "kept"}
    for _ in range(3):
        assert not tab.run().exception
    assert {"token": "kept"} == state._old_state[name]


def test_a_component_of_another_page_is_drawn_anew(browser: Any, page: Page) -> None:
    """Its id is another one there."""
    tab = browser.open(page(FIELD)).run()
    drawn = browser.connection_of(tab).page.component
    drawn.message.metadata.active_script_hash = "another page"
    assert not tab.run().exception
    assert drawn is not browser.connection_of(tab).page.component


def test_a_component_that_asks_is_told_again(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks until a run has drawn the page; that there was one is news."""
    tab = browser.open(page(FIELD)).run()
    tab.run()
    before = len(told)
    asks = {"session": None, "shown": {}, "turn": 1}
    monkeypatch.setattr("sessionkit_streamlit.host.reported_page", lambda _: asks)
    tab.run()
    assert before + 1 == len(told)


def test_news_of_the_id_is_not_made_again_for_what_a_field_shows(
    browser: Any,
    page: Page,
    told: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where only the marks of what is shown are other ones the rest is told as it was, and complete."""
    made: list[bool] = []
    make = handshake._told
    monkeypatch.setattr(
        handshake, "_told", lambda *what, **more: made.append(True) or make(*what, **more)
    )
    tab = browser.open(page('persist("city")\nst.text_input("City", key="city")\n')).run()
    tab.run()
    first = len(made)

    for city in ("Ghent", "Bruges"):
        tab.text_input(key="city").set_value(city).run()

    assert len(made) == first
    assert told[-1].keys() == told[0].keys()
    assert told[-1]["page"]["shown"] != told[-2]["page"]["shown"]
