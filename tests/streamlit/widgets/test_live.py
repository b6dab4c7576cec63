# SPDX-License-Identifier: Apache-2.0
"""Half-typed text: kept fields send it after each pause where the settings say so and Streamlit has ``live=``."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, Final

import pytest
import streamlit as st

from sessionkit import ConfigError
from sessionkit.settings import load_settings
from sessionkit_streamlit.widgets.kept import check_live, value_widgets

Page = Callable[..., Path]

NEEDS_LIVE: Final = pytest.mark.skipif(
    "live" not in signature(st.text_input).parameters, reason="this Streamlit has no live="
)

FIELDS: Final = """
import sessionkit_streamlit as sk
sk.text_input("a", key="a")
sk.text_input("b", key="b", live=False)
sk.text_input("c", key="c", live="0.3s")
sk.text_input("d", key="d", type="password")
sk.text_input("e", key="api_token")
sk.text_area("f", key="f")
with sk.form("form") as f:
    f.text_input("g", key="g")
    f.text_input("h", key="h", type="password")
with sk.form("batch", batch=True) as f:
    f.text_input("i", key="i")
st.text_input("j", key="j")
"""


def pauses(tab: Any) -> dict[str, int]:
    """Return by label after how many milliseconds fields send what is typed."""
    assert not tab.exception
    return {
        one.label: one.proto.live_debounce_ms
        for one in tab.text_input
        if one.proto.HasField("live_debounce_ms")
    }


@NEEDS_LIVE
def test_fields_are_live_where_the_settings_say_so(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for those that say otherwise, those for passwords, and those that are handed in together."""
    given = browser.settings()

    def settings(_: object) -> Any:
        return load_settings(
            storage="sqlite",
            storages=given.storages,
            security={"secret_key": "a secret for tests only", "folder": browser.folder},
            hosts={"streamlit": {"live": "2s"}},
        )

    monkeypatch.setattr(type(browser), "settings", settings)
    browser.restart()

    assert {"a": 2000, "c": 300, "g": 2000} == pauses(browser.open(page(FIELDS)).run())


@NEEDS_LIVE
def test_nothing_is_live_by_itself(browser: Any, page: Page) -> None:
    """Each pause is a run of the page: that is for the app to choose."""
    assert {"c": 300} == pauses(browser.open(page(FIELDS)).run())


def test_which_fields_can_be_live_is_as_the_documentation_says() -> None:
    """Once Streamlit has ``live=`` for others, ``text_area`` say, docs/widgets.md has to say so; the setting holds for them."""
    live = {name for name, one in value_widgets().items() if "live" in signature(one).parameters}

    assert live in (set(), {"text_input"})


@pytest.mark.parametrize("live", ["", "fast", "300", "1h", "-1s", "61s", "60001ms"])
def test_a_pause_that_is_none_is_refused(live: str) -> None:
    """It says what would be right."""
    with pytest.raises(ConfigError, match=r'at most a minute is needed, such as "500ms" or "1s"'):
        check_live(live)


@NEEDS_LIVE
@pytest.mark.parametrize("live", ["0s", "0.25s", "500ms", "60s", "60000ms"])
def test_a_pause_that_is_allowed_is_one_for_streamlit(live: str) -> None:
    """Else each field would be an error, and not the setting."""
    check_live(live)
    st.text_input("Note", live=live)


def test_an_older_streamlit_is_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page goes on without it."""
    monkeypatch.setattr("sessionkit_streamlit.widgets.kept.LIVE", "something that it has not")
    check_live(live=False)
    assert "" == caplog.text
    check_live(live=True)
    assert "no widget of Streamlit" in caplog.text
