# SPDX-License-Identifier: Apache-2.0
"""A page that can't show what was stored is told so to who writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy

HEAD = "import streamlit as st\nfrom sessionkit import *\n"
NO_KEY = (
    "session = bootstrap_session()\nname = st.text_input('Name')\npersist_input('name', name)\n"
)
OTHER_KEY = NO_KEY.replace("'Name'", "'Name', key='user_name'")
NO_BOOTSTRAP = NO_KEY.partition("\n")[2]
LATE = (
    "name = st.text_input('Name', key='name')\nbootstrap_session()\npersist_input('name', name)\n"
)


@pytest.fixture(name="mode")
def _mode() -> Iterator[None]:
    yield
    st.config.set_option("client.toolbarMode", "auto")


def reopened(browser: Any, tmp_path: Path, body: str) -> Any:
    """Return a tab that was opened after something had been typed and the server restarted."""
    script = tmp_path / "page.py"
    script.write_text(HEAD + body)
    tab = browser.open(script).run()
    tab.text_input[0].set_value("Ada").run()
    browser.manager.flush()
    assert not tab.warning
    browser.restart()
    return browser.open(script).run()


@pytest.mark.parametrize("body", [NO_KEY, OTHER_KEY, NO_BOOTSTRAP])
@pytest.mark.usefixtures("mode")
def test_a_key_that_no_widget_has_is_told_where_the_page_is_developed(
    browser: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    """What the widget begins with goes over what was stored, and nobody has seen it: the page says so."""
    st.config.set_option("client.toolbarMode", "developer")
    tab = reopened(browser, tmp_path, body)
    (warning,) = tab.warning
    assert "no widget before it has the key ` name `" in warning.value
    assert "no widget before it has the key 'name'" in caplog.text

    caplog.clear()
    tab.text_input[0].set_value("Bo").run()
    browser.manager.flush()
    assert ("", "Bo") == (caplog.text, browser.session().inputs["name"])


@pytest.mark.usefixtures("mode")
def test_a_late_bootstrap_is_told_where_the_page_is_developed(browser: Any, tmp_path: Path) -> None:
    """The widgets are there already: nothing can be put back."""
    st.config.set_option("client.toolbarMode", "developer")
    (warning,) = reopened(browser, tmp_path, LATE).warning
    assert "called after the widgets with these keys" in warning.value
    assert "` name `" in warning.value


@pytest.mark.parametrize("body", [NO_KEY, LATE])
@pytest.mark.parametrize(
    ("mode", "url", "told"),
    [
        ("auto", "http://localhost:8501/", 1),
        ("auto", "http://127.0.0.1:8501/app", 1),
        ("auto", "https://app.example.org/", 0),
        ("auto", None, 0),
        ("viewer", "http://localhost:8501/", 0),
        ("minimal", "http://localhost:8501/", 0),
        ("developer", "https://app.example.org/", 1),
    ],
)
@pytest.mark.usefixtures("mode")
def test_visitors_see_no_warning_and_the_log_has_it(  # noqa: PLR0913, PLR0917 - fixtures and cases
    browser: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    mode: str,
    url: str | None,
    told: int,
) -> None:
    """Developed is what Streamlit itself shows its developers' menu for."""
    st.config.set_option("client.toolbarMode", mode)
    monkeypatch.setattr(ContextProxy, "url", property(lambda _: url))
    tab = reopened(browser, tmp_path, body)
    assert told == len(tab.warning)
    assert "bootstrap_session()" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        "persist_input('visits', session.inputs.get('visits', 0) + 1)\n",
        "persist_input('name', st.text_input('Name', key='name'))\n",
        "persist_input('upper', st.text_input('Name', key='name').upper())\n",
        "persist_input('theme', 'dark' if session.version else 'light')\n",
    ],
)
@pytest.mark.usefixtures("mode")
def test_a_value_of_the_apps_own_needs_no_widget(
    browser: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    """What no widget begins with was made by the app."""
    st.config.set_option("client.toolbarMode", "developer")
    head = (
        "from sessionkit_streamlit import persist\nsession = bootstrap_session()\npersist('name')\n"
    )
    shown = "" if "text_input" in body else "st.text_input('Name', key='name')\n"
    assert not reopened(browser, tmp_path, head + shown + body).warning
    assert "persist_input" not in caplog.text
